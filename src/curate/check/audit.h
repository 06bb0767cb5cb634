/* Audits of a curated set: what each finds goes one way, past the waivers. */
#ifndef CIR_CURATE_AUDIT_H
#define CIR_CURATE_AUDIT_H

#include "curate/check/set_scores.h"

typedef struct cir__waiver {
    char *rule, *subject, *why;
} cir__waiver;

typedef struct cir__audit {
    cir_curation *curation;
    const cir_audit_options *options;
    const cir__curated_set *set;
    const cir__set_features *features; /* NULL without an index */
    cir__waiver *waivers;
    size_t n_waivers, waivers_capacity;
    cir_audit_visit *visit;
    void *context;
    cir_audit_counts counts;
} cir__audit;

/* Tells of one finding. subject: "INSTANCE", "INSTANCE/TEXT" or a picture's path. */
void cir__audit_tell(cir__audit *audit, const char *rule, cir_audit_level level, const char *subject,
                     const char *format, ...) CIR_PRINTF(5, 6);

/* A1 and A3: what methods' rankings say. Errors: those of composing. */
CIR_MUST_CHECK cir_status cir__audit_rankings(cir__audit *audit, cir_error *err);

/* A4: query images and seeds where they must not be. */
CIR_MUST_CHECK cir_status cir__audit_leaks(cir__audit *audit, cir_error *err);

#endif
