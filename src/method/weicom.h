/* WeiCom (doc/method.md, other methods; Psomas et al. 2024): both similarities as percentiles of a Gaussian,
 * then added. */
#ifndef CIR_METHOD_WEICOM_H
#define CIR_METHOD_WEICOM_H

#include "cir/method.h"
#include "method/query_set.h"

/* Composes a set of queries: each raw similarity is standardised over all rows, s' = Φ((s − mean)/deviation),
 * and the score is (1 − w)·s'v + w·s't with w = settings->weight. Standardising is linear and folds into the
 * query; Φ and the sum are CIR_FUSION_GAUSS. Means and unbiased deviations are measured in one pass over the
 * rows for all queries; similarities that are a NaN or an infinity do not count. A similarity whose deviation
 * is 0 counts as average: s' = ½. A query of one form ranks by the plain similarity. composed_out: [set->n].
 * Errors: CIR_NO_MEMORY, those of cir_search_scores. */
CIR_MUST_CHECK cir_status cir__weicom_compose(const cir__compose_context *context, const cir__query_set *set,
                                              cir_composed *composed_out, cir_error *err);

#endif
