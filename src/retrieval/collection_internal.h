/* An open collection's parts: what it lends to searches. */
#ifndef CIR_RETRIEVAL_COLLECTION_INTERNAL_H
#define CIR_RETRIEVAL_COLLECTION_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "cir/collection.h"
#include "retrieval/lru.h"
#include "retrieval/photo_columns.h"

/* Rows that pass a filter. */
typedef struct cir__mask {
    size_t n_matching;
    uint8_t *ready; /* [n_rows] */
} cir__mask;
void cir__mask_free(void *mask); /* NULL is allowed */

/* What a collection and those reopened from it have in common. */
typedef struct cir__shared {
    atomic_size_t n_owners;
    cir_collection_options options; /* its texts are lent at opening alone */
    cir_model *own_model;           /* NULL: lent */
    cir_pool *own_pool;             /* NULL: lent */
    const cir_model *model;
    cir_pool *pool;
    char *path;
    cir__lru texts; /* features of words and how many of their texts were cut */
} cir__shared;

struct cir_collection {
    cir_collection_info info;
    cir__shared *common;
    cir_index *index;
    cir__lru composers;
    cir__lru masks;
    pthread_mutex_t preparing; /* held while a composer is made */
    pthread_mutex_t loading;   /* held while the columns are read */
    _Atomic(cir__columns *) columns;
};

/* Names all that a composer is made of: methods and settings with the same key share one. free(); NULL where
 * memory is short. */
char *cir__composer_key_new(cir_method method, const cir_settings *settings);

/* A method made ready, as item->value: a cir_composer. Give it back with cir__collection_return_composer.
 * Errors: those of cir_composer_new. */
CIR_MUST_CHECK cir_status cir__collection_lend_composer(cir_collection *collection, cir_method method,
                                                        const cir_settings *settings,
                                                        cir__lru_item **item_out, cir_error *err);
void cir__collection_return_composer(cir_collection *collection, cir__lru_item *item); /* NULL is allowed */

/* The words' feature [dim] by a composer that they have one with: kept, or made and kept. Errors: those of
 * cir_composer_encode_text. */
CIR_MUST_CHECK cir_status cir__collection_encode_text(cir_collection *collection,
                                                      const cir_composer *composer, const char *text,
                                                      float *feature_out, size_t *n_cut_out, cir_error *err);

/* Rows that pass, as item->value: a cir__mask. Errors: those of cir_index_list_all_images. */
CIR_MUST_CHECK cir_status cir__collection_lend_mask(cir_collection *collection,
                                                    const cir_photo_filter *filter, cir__lru_item **item_out,
                                                    cir_error *err);
void cir__collection_return_mask(cir_collection *collection, cir__lru_item *item); /* NULL is allowed */

#endif
