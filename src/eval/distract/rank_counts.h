/* One query's positives against a pool: how many rows outrank each of them. Rows are only counted; nothing is
 * sorted or kept of them. */
#ifndef CIR_EVAL_RANK_COUNTS_H
#define CIR_EVAL_RANK_COUNTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/search.h"
#include "eval/metrics/ties.h"

/* A vector's score is scale·product + offset. */
typedef struct cir__rank_counts_branch {
    size_t vector; /* whose products; SIZE_MAX: the query lacks it, and its scores are 0 */
    float scale, offset;
} cir__rank_counts_branch;

/* A row outranks the positives that it scores more than, and ties with those that it scores the same as. */
typedef struct cir__rank_counts {
    cir__rank_counts_branch image, text;
    cir_fusion fusion;
    size_t n_positives;
    float *scores; /* [n_positives] best first */
    /* [n_levels, n_positives] rows whose best outranked positive is that one, and rows that tie with it,
     * which the first of several equal ones counts. */
    _Atomic(uint64_t) *outranks, *equals;
} cir__rank_counts;

/* Room of a thread that counts. */
typedef struct cir__rank_counts_scratch {
    float *v, *t, *fused; /* [rows] */
    uint64_t *tally;      /* [2, most positives of a counted], all 0 between calls */
} cir__rank_counts_scratch;

/* Scores of n rows from their products (NULL: lacks that vector): into scratch->fused, by way of v and t. */
void cir__rank_counts_score(const cir__rank_counts *counted, const float *image_products,
                            const float *text_products, size_t n, const cir__rank_counts_scratch *scratch);

/* Counts rows, those up to ends[0] at level 0, from there to ends[1] at level 1 … Products as above, of at
 * least ends[n_levels − 1] rows. */
void cir__rank_counts_add(cir__rank_counts *counted, const float *image_products, const float *text_products,
                          const size_t *ends, size_t n_levels, const cir__rank_counts_scratch *scratch);

/* Groups of the positives with the rows of levels 0 … level: ties_out [n_positives]; returns how many. */
size_t cir__rank_counts_ties(const cir__rank_counts *counted, size_t level, cir__tie *ties_out);

#endif
