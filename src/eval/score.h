/* Scores of a batch of queries over the same rows, all of them held at a time, and the places of the rows
 * that matter. */
#ifndef CIR_EVAL_SCORE_H
#define CIR_EVAL_SCORE_H

#include "cir/method.h"
#include "search/batch.h"

typedef struct cir__scores {
    cir__batch batch;
    float *block;   /* [distinct sides, n_rows] */
    float *scratch; /* [3, n_rows] */
} cir__scores;

/* Memory: a float for each row and distinct side. Lends the rows. End with cir__scores_done, whatever came
 * back. Errors: those of cir_search_scores. */
CIR_MUST_CHECK cir_status cir__scores_new(const cir_rows *rows, const cir_composed *queries, size_t n_queries,
                                          cir__scores *scores_out, cir_error *err);
void cir__scores_done(cir__scores *scores);

/* A query's scores [n_rows], and its k best rows, best first, ties to the smaller row, into top_out [k];
 * *n_top_out gets min(k, n_rows). Lent until the next call. */
const float *cir__scores_get(cir__scores *scores, const cir_composed *query, size_t i_query, size_t k,
                             cir_hit *top_out, size_t *n_top_out);

/* The places, counted from 0 and ascending, that some rows have among all by their scores; ties to the
 * smaller row. relevant: [n_relevant] row numbers, sorted by place on return; ranks_out: [n_relevant]. No
 * sort of all rows: n_rows·log(n_relevant) comparisons. */
void cir__scores_rank(const float *scores, size_t n_rows, size_t *relevant, size_t n_relevant,
                      size_t *ranks_out);

#endif
