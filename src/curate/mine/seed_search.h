/* Seeds of instances, their features, and their neighbours in an index. */
#ifndef CIR_CURATE_SEED_SEARCH_H
#define CIR_CURATE_SEED_SEARCH_H

#include "curate/mine/source_type.h"
#include "curate/store/curation.h"
#include "index/store/image_rows.h"

enum { CIR__SEED_BATCH = 64 }; /* seeds that one pass over the index serves */

typedef struct cir__mined_seed {
    int64_t id;
    cir__seed_role role;
    char *text; /* a sentence, or the file in the project of a photo that is not indexed */
    bool has_hash;
    uint8_t hash[CIR__HASH_SIZE];
    size_t k; /* neighbours to look for */
} cir__mined_seed;

typedef struct cir__mined_seeds {
    int64_t run; /* of the model */
    cir__mined_seed *items;
    size_t n, capacity;
    size_t n_up_to_date;
} cir__mined_seeds;

/* Within a writer's transaction: the seeds of instances that have not been searched for as many neighbours as options
 * ask for, in the index as it is. End with cir__mined_seeds_done, also where it failed. */
CIR_MUST_CHECK cir_status cir__mined_seeds_load(cir_curation *curation, const cir_mining_options *options,
                                                const int64_t *instances, size_t n_instances,
                                                cir__mined_seeds *seeds_out, cir_error *err);
void cir__mined_seeds_done(cir__mined_seeds *seeds);

/* Features of n ≤ CIR__SEED_BATCH seeds [n, dim]. Errors: those of encoding. */
CIR_MUST_CHECK cir_status cir__mined_seeds_encode(const cir_curation *curation,
                                                  const cir_mining_options *options,
                                                  const cir__mined_seed *seeds, size_t n, float *features_out,
                                                  cir_error *err);

#endif
