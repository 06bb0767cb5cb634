/* What one run of BASIC needs from a data set: read with it, or made by its model and kept for later runs. */
#ifndef CIR_EVAL_MATERIAL_H
#define CIR_EVAL_MATERIAL_H

#include "cir/method.h"
#include "eval/data/dataset.h"
#include "method/normalise.h"
#include "method/terms.h"

/* Features [n, dim], lent from the data set; NULL where a run's settings do not need them. */
typedef struct cir__material {
    const float *objects, *styles;
    size_t n_objects, n_styles;
    const float *query_text; /* [n_text_rows, dim], contextualised where the settings ask for it */
    const float *image_mean; /* [dim]; NULL: not centred, or the mean of each queried database */
    bool has_own_means;      /* the latter */
    float *mean_memory;
} cir__material;

/* Gets it; settings are brought in line with what the data set has: contextualise goes off where somebody
 * else's features come without query_text_context.npy. End with cir__material_done. Errors: CIR_ARGUMENT
 * (something that a setting needs is not there; the message says what), those of reading files of the
 * settings and of encoding, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__material_get(const cir_dataset *dataset, cir_settings *settings,
                                            cir_pool *pool, cir__material *material_out, cir_error *err);
/* Unit features of a corpus' terms by the data set's model, lent from what the data set keeps: [*n_out, dim].
 * Errors: those of encoding, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__material_encode_corpus(const cir_dataset *dataset, const cir__terms *terms,
                                                      cir_pool *pool, const float **features_out,
                                                      size_t *n_out, cir_error *err);
void cir__material_done(cir__material *material);

#endif
