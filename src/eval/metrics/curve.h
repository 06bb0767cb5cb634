/* Precision against recall, interpolated, so that curves of queries with different numbers of relevant rows
 * can be averaged. Knows places alone. */
#ifndef CIR_EVAL_CURVE_H
#define CIR_EVAL_CURVE_H

#include <stddef.h>

#include "cir/eval.h"
#include "eval/metrics/ties.h"

/* curve_out[i]: the best precision at any rank where recall is at least i/100 (Manning, Raghavan, Schütze
 * 2008, §8.4); all 0 without relevant rows. ties: [n_ties] groups of the relevant rows, best first, n in all.
 * Of a group of t rows the i-th of r relevant ones counts at the place where it is expected, the i·(t + 1)/(r
 * + 1)-th. */
void cir__curve_fill(const cir__tie *ties, size_t n_ties, size_t n, float curve_out[CIR_N_CURVE]);

/* Mean over instances of their queries' means. curves: [n_queries, CIR_N_CURVE]; instances: [n_queries], each
 * below n_instances; those without queries do not count. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__curve_average(const float *curves, const size_t *instances, size_t n_queries,
                                             size_t n_instances, double mean_out[CIR_N_CURVE],
                                             cir_error *err);

#endif
