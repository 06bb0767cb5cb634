/* How a method ranks a curated set: its scores for every query over the query's database. */
#ifndef CIR_CURATE_SET_SCORES_H
#define CIR_CURATE_SET_SCORES_H

#include "cir/method.h"
#include "curate/judge/curated_set.h"

typedef struct cir__set_features {
    float *rows;    /* [n_rows, dim] of an instance's database, in its order */
    float *queries; /* [n_queries, dim] */
} cir__set_features;

/* One query of an instance, ranked by a method. */
typedef struct cir__ranked_query {
    const cir__set_instance *instance;
    size_t i_instance, i_query, i_change;
    const float *scores; /* [n_rows] of the instance's database */
    size_t *positives;   /* [n_positives] rows, best first */
    size_t n_positives;
    double AP;              /* 0 … 1, at its expected value over the orders of equal scores */
    const cir_query *query; /* as an index is searched with it */
} cir__ranked_query;

/* Features of the set's pictures, from the index; [set->n], free with cir__set_features_free. Errors: CIR_NOT_FOUND (the
 * index lacks a picture of the set). */
CIR_MUST_CHECK cir_status cir__set_features_load(const cir__curated_set *set, const cir_index *index,
                                                 cir__set_features **features_out, cir_error *err);
void cir__set_features_free(cir__set_features *features, size_t n);

/* Calls visit for every query, in order; what it is given is lent until it returns. Errors: those of composing, and
 * what visit returns. */
typedef cir_status cir__ranked_visit(void *context, const cir__ranked_query *ranked, cir_error *err);
CIR_MUST_CHECK cir_status cir__set_rank(const cir__curated_set *set, const cir__set_features *features,
                                        const cir_index *index, const cir_model *model, cir_pool *pool,
                                        cir_method method, cir__ranked_visit *visit, void *context,
                                        cir_error *err);

#endif
