/* Features of words, those that were asked for lately taken from beside the vectors (index/store/texts_file.h): neither
 * the text tower nor its weights are touched then.
 *
 * Features of another precision are other ones: an answer must not depend on what was asked before it. */
#ifndef CIR_METHOD_RECENT_H
#define CIR_METHOD_RECENT_H

#include "base/folder.h"
#include "cir/model.h"

/* Whose features, and where they are kept. A plain value; lends both. */
typedef struct cir__recent {
    const cir_model *model;
    const cir__folder *folder; /* of the model in an index; NULL: nothing is kept */
} cir__recent;

/* The kept feature [dim] of one text; key: cir_composer_get_text_key. false: it is to be made. */
bool cir__recent_find(const cir__recent *recent, const char *key, const char *text, float *feature_out,
                      size_t *n_cut_out);
void cir__recent_keep(const cir__recent *recent, const char *key, const char *text, const float *feature,
                      size_t n_cut);

/* As cir_model_encode_texts: those that are kept are looked up, the others encoded together and kept. */
CIR_MUST_CHECK cir_status cir__recent_encode(const cir__recent *recent, cir_pool *pool,
                                             const char *const *texts, size_t n, float *features_out,
                                             size_t *n_cut_out, cir_error *err);

#endif
