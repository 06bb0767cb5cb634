/* Passes over the codes: which rows may reach a threshold, for a few queries at once.
 *
 * A row's codes bound its fused score from above; rows whose bound is below the query's threshold are
 * dropped, the others are gathered. What is gathered does not depend on the threads, as a threshold stays
 * what it is during a pass. */
#ifndef CIR_SEARCH_CANDIDATE_FILTER_H
#define CIR_SEARCH_CANDIDATE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/search.h"
#include "index/codes/codes.h"
#include "kernels/kernels.h"
#include "search/lookup_tables.h"

/* A row and the bound of its score, which is ∞ where nothing is known of it. */
typedef struct cir__candidate {
    uint32_t row;
    float high;
} cir__candidate;

/* Rows that candidates can name. */
#define CIR__CANDIDATE_FILTER_MAX_ROWS ((size_t)UINT32_MAX)

/* A list that grows. */
typedef struct cir__candidates {
    cir__candidate *items; /* [n], by malloc */
    size_t n, capacity;
    bool is_short; /* memory was: items are not all */
} cir__candidates;

/* Lends rows and queries. */
typedef struct cir__candidate_filter {
    const cir_rows *rows;
    const cir_codes *codes;
    const cir__kernels *kernels;
    size_t n_coded; /* rows that have a code, if it is not stale */
    size_t block_bytes, run_blocks, n_runs;
    size_t n_threads, n_queries;
    cir__lookup_tables *lookups; /* [n_queries], one a query */
    float *thresholds;           /* [n_queries], for the caller to raise between passes */
    bool *is_left_out;           /* [n_queries], queries that passes leave out */
    cir__candidates *gathered;   /* [n_threads, n_queries] */
    size_t stride, coarser;      /* of the pass that is under way */
} cir__candidate_filter;

/* Whether these rows' codes can be searched at all. */
bool cir__candidate_filter_can(const cir_rows *rows);

/* Makes lookups of deviations for every query, with thresholds of −∞. End with cir__candidate_filter_done,
 * also where its making failed. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__candidate_filter_init(cir__candidate_filter *filter, const cir_rows *rows,
                                                     const cir_query *queries, size_t n_queries,
                                                     double deviations, cir_pool *pool, cir_error *err);
void cir__candidate_filter_done(cir__candidate_filter *filter);

/* The stride of a first pass that sees about n_rows rows or more: the largest power of
 * CIR__CANDIDATE_FILTER_GROWTH, if not of too many. */
#define CIR__CANDIDATE_FILTER_GROWTH 4
size_t cir__candidate_filter_first_stride(const cir__candidate_filter *filter, size_t n_rows);

/* Passes over every stride-th run of blocks, from the first on, but for those that a pass of stride
 * CIR__CANDIDATE_FILTER_GROWTH times as large went over; is_first: there was none. Passes of falling strides
 * down to 1 see every row once, and early ones a fair sample of them. */
void cir__candidate_filter_run(cir__candidate_filter *filter, size_t stride, bool is_first, cir_pool *pool);

/* Moves what was gathered for query q since the last call to the end of a list. */
void cir__candidate_filter_take(cir__candidate_filter *filter, size_t q, cir__candidates *to);

/* Adds rows that have no code to go by, as far as they are searched. */
void cir__candidate_filter_take_uncoded(const cir__candidate_filter *filter, cir__candidates *to);

#endif
