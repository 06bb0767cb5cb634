/* Scores of a batch of queries over the same rows, all of them held at a time. */
#ifndef CIR_EVAL_SCORE_H
#define CIR_EVAL_SCORE_H

#include "cir/method.h"
#include "search/batch.h"

typedef struct cir__scores {
    cir__batch batch;
    float *block;   /* [distinct forms, n_rows] */
    float *scratch; /* [3, n_rows] */
} cir__scores;

/* Memory: a float for each row and distinct form. Lends the rows. End with cir__scores_done, whatever came
 * back. Errors: those of cir_search_scores. */
CIR_MUST_CHECK cir_status cir__scores_new(const cir_rows *rows, const cir_composed *queries, size_t n_queries,
                                          cir__scores *scores_out, cir_error *err);
void cir__scores_done(cir__scores *scores);

/* A query's scores [n_rows], and its k best rows, best first, ties to the smaller row, into top_out [k];
 * *n_top_out gets min(k, n_rows). Lent until the next call. */
const float *cir__scores_get(cir__scores *scores, const cir_composed *query, size_t i_query, size_t k,
                             cir_hit *top_out, size_t *n_top_out);

#endif
