/* How sure a mean over queries is that come in groups (instances): bootstrap intervals and a sign-flip test,
 * both over whole groups, since queries of one instance are not independent. Knows numbers alone.
 *
 * Two means are looked at, in percent: micro, over all queries (mAP), and macro, over the groups' means
 * (mmAP). Everything is drawn by src/method/draw.h on one thread, so that equal input gives equal output. */
#ifndef CIR_EVAL_STATISTICS_H
#define CIR_EVAL_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/eval.h"

/* Values summed by group; groups without values are left out. Zeroed means none. */
typedef struct cir__groups {
    size_t n;
    double *sums;   /* [n] */
    size_t *counts; /* [n], each ≥ 1 */
    size_t n_values;
} cir__groups;

/* values, groups: [n_values], each group below n_groups. End with cir__groups_done, whatever came back.
 * Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__groups_new(const double *values, const size_t *groups, size_t n_values,
                                          size_t n_groups, cir__groups *groups_out, cir_error *err);
void cir__groups_done(cir__groups *groups);

double cir__groups_micro(const cir__groups *groups);
double cir__groups_macro(const cir__groups *groups);

/* 95 % percentile intervals (2.5 and 97.5 %, between neighbours linearly) of CIR_N_RESAMPLES resamples: each
 * draws n groups with replacement, the same ones for both means. Without groups: 0. Cost: CIR_N_RESAMPLES·n.
 * Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__groups_resample(const cir__groups *groups, uint64_t seed,
                                               cir_interval *micro_out, cir_interval *macro_out,
                                               cir_error *err);

/* Up to this many groups every one of the 2^n sign patterns is tried. */
#define CIR__EXACT_GROUPS 16

/* Two-sided p-values of values that are paired differences, under "each group's sign could as well be the
 * other": the share of sign patterns whose mean is at least as far from 0 as the real one. Exact up to
 * CIR__EXACT_GROUPS groups, beyond that (1 + hits) / (1 + CIR_N_PERMUTATIONS). *is_exact_out: which. Without
 * groups: 1. */
void cir__groups_flip(const cir__groups *groups, uint64_t seed, double *micro_p_out, double *macro_p_out,
                      bool *is_exact_out);

#endif
