/* Features of words, those that were asked for lately taken from beside the vectors (index/store/texts_file.h): neither
 * the text tower nor its weights are touched then.
 *
 * Features of another precision are other ones: an answer must not depend on what was asked before it. */
#ifndef CIR_METHOD_TEXT_CACHE_H
#define CIR_METHOD_TEXT_CACHE_H

#include "base/folder.h"
#include "cir/model.h"

/* Whose features, and where they are kept. A plain value; lends both. */
typedef struct cir__text_cache {
    const cir_model *model;
    const cir__folder *folder; /* of the model in an index; NULL: nothing is kept */
} cir__text_cache;

/* The kept feature [dim] of one text; key: cir_composer_get_text_key. false: it is to be made. */
bool cir__text_cache_read(const cir__text_cache *cache, const char *key, const char *text, float *feature_out,
                          size_t *n_cut_out);
void cir__text_cache_write(const cir__text_cache *cache, const char *key, const char *text,
                           const float *feature, size_t n_cut);

/* As cir_model_encode_texts: those that are kept are looked up, the others encoded together and kept. */
CIR_MUST_CHECK cir_status cir__text_cache_encode(const cir__text_cache *cache, cir_pool *pool,
                                                 const char *const *texts, size_t n, float *features_out,
                                                 size_t *n_cut_out, cir_error *err);

#endif
