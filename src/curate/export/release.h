/* Versions: what was exported, a line a row, and which step a difference asks for. */
#ifndef CIR_CURATE_RELEASE_H
#define CIR_CURATE_RELEASE_H

#include <stddef.h>

#include "curate/store/curation.h"

/* The clock that a version's judgements end at: of its release, or INT64_MAX where there is none. Errors: CIR_ARGUMENT
 * (no version MAJOR.MINOR.PATCH). */
CIR_MUST_CHECK cir_status cir__release_get_clock(cir_curation *curation, const char *version,
                                                 int64_t *clock_out, cir_error *err);

/* Whether a manifest may be released as this version: it is what the release of this version was (*is_again_out), or the
 * version is higher than all before by the step that the difference to the latest asks for. Manifests are lines of JSON, arrays
 * whose first member is an instance's key; those of an instance stand together. Errors: CIR_MISMATCH, CIR_ARGUMENT (the step). */
CIR_MUST_CHECK cir_status cir__release_check(cir_curation *curation, const char *version,
                                             const char *manifest, size_t size, bool *is_again_out,
                                             cir_error *err);

/* Records it, durably. */
CIR_MUST_CHECK cir_status cir__release_put(cir_curation *curation, const char *version, const char *manifest,
                                           size_t size, cir_error *err);

#endif
