/* WeiCom (METHOD §4; Psomas et al. 2024): both similarities as percentiles of a Gaussian, then added. */
#ifndef CIR_METHOD_WEICOM_H
#define CIR_METHOD_WEICOM_H

#include "cir/method.h"
#include "cir/search.h"

/* The query of WeiCom over rows: each raw similarity is standardised by its mean and its unbiased standard
 * deviation over them, s' = Φ((s − mean)/deviation), and the score is (1 − w)·s'v + w·s't with w =
 * settings->weight. Standardising is linear and folds into the query; Φ and the sum are CIR_FUSE_GAUSS. A
 * similarity that is the same for all rows, or of one row, counts as average: s' = ½. image, text: [dim]
 * unit, one may be NULL; the query then ranks by the other's plain similarity. One pass over the rows.
 * Errors: CIR_NO_MEMORY, those of cir_search_scores. */
CIR_MUST_CHECK cir_status cir__weicom_compose(const cir_settings *settings, const cir_rows *rows,
                                              cir_pool *pool, const float *image, const float *text,
                                              cir_composed *composed_out, cir_error *err);

#endif
