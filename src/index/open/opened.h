/* What an open index is, for the files that make up its functions. */
#ifndef CIR_INDEX_OPENED_H
#define CIR_INDEX_OPENED_H

#include <pthread.h>

#include "cir/index.h"
#include "index/codes/codes_open.h"
#include "index/store/consent.h"
#include "index/store/place.h"
#include "index/store/store.h"
#include "index/store/vectors.h"

struct cir_index {
    cir__place place;
    cir__store *store;
    pthread_mutex_t lock; /* the store serves one thread at a time */
    cir_index_info info;
    cir_index_model *models;
    uint8_t *ready;
    uint8_t *states;     /* cir_image_state */
    size_t n_needed;     /* rows up to the last with a feature */
    uint64_t digest;     /* of all checksums */
    cir__folder *folder; /* of the model */
    cir__vectors_map map;
    cir__codes_view codes;
    char *codes_problem;
    cir__consent consent;
    bool is_trusted;
};

/* Around every use of the store. */
void cir__opened_lock(const cir_index *index);
void cir__opened_unlock(const cir_index *index);

/* The hash of an image's bytes (cir__hash128), by which whoever keeps something about images knows them after
 * moves and in other indexes; *is_known_out is false for a file that was never read. Errors: as
 * cir_index_get_record. */
CIR_MUST_CHECK cir_status cir__opened_get_hash(const cir_index *index, size_t id, uint8_t hash_out[16],
                                               bool *is_known_out, cir_error *err);

/* An image that is ready and has these bytes: the first by id. */
CIR_MUST_CHECK cir_status cir__opened_find_hash(const cir_index *index, const uint8_t hash[16],
                                                size_t *id_out, bool *is_found_out, cir_error *err);

/* "PATH: WHY", the path as it is now; NULL when out of memory. free(). */
char *cir__opened_format_error(const char *path, const char *why);

#endif
