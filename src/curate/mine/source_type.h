/* Which kind of negative a picture is by where it came from: labels by source, as the paper has them. */
#ifndef CIR_CURATE_SOURCE_TYPE_H
#define CIR_CURATE_SOURCE_TYPE_H

#include "cir/curate.h"
#include "curate/plan/plan_file.h"

/* Kinds of seeds that found a picture, as bits. */
enum { CIR__FOUND_VISUAL = 1, CIR__FOUND_TEXTUAL = 2, CIR__FOUND_COMPOSED = 4 };

/* The kind of a role: image, name and category are visual; rephrased is textual; the others are composed. */
unsigned cir__source_kind(cir__seed_role role);

/* The type by all kinds that found it for one query, among seeds of its instance without a change or with its change:
 * composed where a composed seed did, or a visual and a textual one; else textual; else visual; else other. The paper
 * gives no precedence; this one is ours. */
cir_source_type cir__source_type(unsigned kinds);

#endif
