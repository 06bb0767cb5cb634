/* WeiCom (METHOD §4; Psomas et al. 2024): both similarities as percentiles of a Gaussian, then added. */
#ifndef CIR_METHOD_WEICOM_H
#define CIR_METHOD_WEICOM_H

#include "cir/method.h"
#include "cir/search.h"

/* Mean and unbiased standard deviation of a feature's similarities to all rows; the latter is 0 where they
 * are all the same, and where there are fewer than two. */
typedef struct cir__spread {
    double mean, deviation;
} cir__spread;

/* spreads_out: [n] of features [n], each [rows->dim], in one pass over the rows; those with a NaN or an
 * infinity do not count. Errors: CIR_NO_MEMORY, those of cir_search_scores. */
CIR_MUST_CHECK cir_status cir__weicom_measure(const cir_rows *rows, const float *const *features, size_t n,
                                              cir_pool *pool, cir__spread *spreads_out, cir_error *err);

/* The query of WeiCom: each raw similarity is standardised, s' = Φ((s − mean)/deviation), and the score is
 * (1 − w)·s'v + w·s't with w = settings->weight. Standardising is linear and folds into the query; Φ and the
 * sum are CIR_FUSE_GAUSS. A similarity whose deviation is 0 counts as average: s' = ½. image, text: [dim]
 * unit, with the spreads of their similarities. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__weicom_join(const cir_settings *settings, size_t dim, const float *image,
                                           const cir__spread *of_image, const float *text,
                                           const cir__spread *of_text, cir_composed *composed_out,
                                           cir_error *err);

/* All of it for one query. One of image and text may be NULL: the query then ranks by the other's plain
 * similarity. Errors: those of the above. */
CIR_MUST_CHECK cir_status cir__weicom_compose(const cir_settings *settings, const cir_rows *rows,
                                              cir_pool *pool, const float *image, const float *text,
                                              cir_composed *composed_out, cir_error *err);

#endif
