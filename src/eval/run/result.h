/* The metrics of one method while they are made. */
#ifndef CIR_EVAL_RESULT_H
#define CIR_EVAL_RESULT_H

#include "eval/data/dataset.h"
#include "eval/metrics/curve.h"

/* Takes memory for the metrics of all queries; n_queries is set. false: there is none. End with
 * cir_eval_result_done either way. */
bool cir__result_new(const cir_dataset *dataset, cir_eval_result *result);

/* Fills in the means, from the metrics of all queries. curves: [n_queries, CIR_N_CURVE]. Errors:
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__result_summarise(const cir_dataset *dataset, const float *curves,
                                                cir_eval_result *result, cir_error *err);

#endif
