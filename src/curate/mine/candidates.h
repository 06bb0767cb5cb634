/* What an instance's seeds found: pictures, each under the one that stands for its copies, and which kinds of seeds found
 * it. */
#ifndef CIR_CURATE_CANDIDATES_H
#define CIR_CURATE_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "curate/looks/looks.h"
#include "curate/mine/source_type.h"
#include "curate/store/curation.h"
#include "index/store/image_rows.h"

typedef struct cir__change {
    int64_t id;
    char *text;
    char *kind;
} cir__change;

typedef struct cir__candidate {
    int64_t picture;
    uint8_t hash[CIR__HASH_SIZE];
    int64_t index_id; /* in the index that last had it; a hint */
    char *path;       /* as it was then; for people */
    size_t width_px, height_px;
    uint64_t size_bytes;
    bool is_kept; /* else reason says why it was dropped, or is gone */
    bool is_in_pool;
    char *reason;
    char *flags; /* names of filters, separated by commas */
    bool has_looks;
    cir__looks *looks; /* NULL unless asked for */
    size_t best_rank;  /* of all seeds, from 1; SIZE_MAX: no seed finds it any more */
    uint8_t own_kinds; /* of the seeds without a change */
    uint8_t *kinds;    /* [n_changes] of the seeds with it */
} cir__candidate;

typedef struct cir__candidates {
    int64_t instance;
    char *key, *name, *category, *kind;
    cir__change *changes;
    size_t n_changes;
    cir__candidate *items; /* by picture */
    size_t n, capacity;
} cir__candidates;

/* Within a transaction. Those of one instance: all that were found or judged. End with cir__candidates_done, also where
 * it failed. */
CIR_MUST_CHECK cir_status cir__candidates_load(cir_curation *curation, int64_t instance, bool with_looks,
                                               cir__candidates *candidates_out, cir_error *err);
void cir__candidates_done(cir__candidates *candidates);

/* NULL: it is none. */
cir__candidate *cir__candidates_find(const cir__candidates *candidates, int64_t picture);

/* The type of a candidate for a change's queries. */
cir_source_type cir__candidate_type(const cir__candidate *candidate, size_t i_change);

/* The type that is nearest to a positive, over all changes: what quotas go by. */
cir_source_type cir__candidate_type_of_all(const cir__candidate *candidate, size_t n_changes);

/* Ids of the project's instances in the plan's order: of those with the keys [n_keys], or of all where keys is NULL.
 * free(). Errors: CIR_NOT_FOUND (no such key). */
CIR_MUST_CHECK cir_status cir__candidates_list_instances(cir_curation *curation, const char *const *keys,
                                                         size_t n_keys, int64_t **ids_out, size_t *n_out,
                                                         cir_error *err);

#endif
