/* Searching: a query is two linear functions of an image's feature and a pointwise fusion of their values.
 *
 *   image score v = ⟨a, x⟩ + a0,   text score t = ⟨b, x⟩ + b0,   score = fuse(v, t)
 *
 * Every method is folded into this form (doc/method.md, "All of it folds into the query"), so the rows hold
 * plain unit features and the search knows nothing of the method. Results do not depend on the number of
 * threads. */
#ifndef CIR_SEARCH_H
#define CIR_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/index.h"
#include "cir/pool.h"
#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How an image score v and a text score t become one. */
typedef enum cir_fusion_kind {
    CIR_FUSION_IMAGE,   /* v */
    CIR_FUSION_TEXT,    /* t */
    CIR_FUSION_SUM,     /* (1 − weight)·v + weight·t, times 2: weight 0.5 is v + t */
    CIR_FUSION_PRODUCT, /* v·t */
    CIR_FUSION_HARRIS,  /* v·t − lambda·(v + t)² (BASIC, the Harris fusion) */
    CIR_FUSION_GAUSS /* (1 − weight)·Φ(v) + weight·Φ(t), Φ the Gaussian distribution function (WeiCom) */
} cir_fusion_kind;

/* Its name, as in "harris"; static. */
CIR_API const char *cir_fusion_name(cir_fusion_kind kind);

typedef struct cir_fusion {
    cir_fusion_kind kind;
    bool clamp;   /* v and t below 0 count as 0 before they are fused */
    float lambda; /* of CIR_FUSION_HARRIS */
    float weight; /* of CIR_FUSION_SUM and CIR_FUSION_GAUSS, in [0, 1]; of the text. CIR_FUSION_PRODUCT:
                     v^(2−2·weight)·t^(2·weight), needs clamp unless 0.5 */
} cir_fusion;

/* A query; lends its vectors. An unused side may be NULL with CIR_FUSION_IMAGE or CIR_FUSION_TEXT. */
typedef struct cir_query {
    size_t dim;
    const float *a; /* [dim] */
    float a0;
    const float *b; /* [dim] */
    float b0;
    cir_fusion fusion;
} cir_query;

typedef struct cir_hit {
    size_t id; /* row number */
    float score;
    float image_score; /* the two that went into the fusion, after clamping; 0 for a side the query lacks */
    float text_score;
} cir_hit;

/* The k best rows, best first; ties go to the smaller row. Rows whose score is NaN never are answers.
 * hits_out: [k]; n_hits_out gets min(k, searchable rows). k ≥ 1.
 * Errors: CIR_SHAPE (dimensions differ), CIR_ARGUMENT (k = 0, fusion out of range, NaN or infinity in the
 * query), CIR_DAMAGED (the rows' file was cut short meanwhile: mapping.h), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_search_top(const cir_rows *rows, const cir_query *query, size_t k,
                                                 cir_pool *pool, cir_hit *hits_out, size_t *n_hits_out,
                                                 cir_error *err);

/* The k best rows of each of n_queries queries of one dimension: as cir_search_top for each, but for
 * rounding, in one pass over the rows, which reads them from memory once. Sides that queries share (the same
 * photo with several words) are computed once. hits_out: [n_queries, k]; n_hits_out: [n_queries]. Takes
 * memory for k hits a query and thread. Errors: as cir_search_top. */
CIR_MUST_CHECK CIR_API cir_status cir_search_top_batch(const cir_rows *rows, const cir_query *queries,
                                                       size_t n_queries, size_t k, cir_pool *pool,
                                                       cir_hit *hits_out, size_t *n_hits_out, cir_error *err);

/* How cir_search_find goes about it. Zeroed fields mean the defaults. */
typedef struct cir_search_options {
    size_t size;
    double recall; /* the share of the exact answers aimed at, [0.5, 1]; 0: CIR_SEARCH_RECALL. 1: exact, see
                      below */
    bool scans;    /* read all rows, whether there are codes or not */
} cir_search_options;
CIR_OPTIONS_INIT(cir_search_options)

#define CIR_SEARCH_RECALL 0.99

/* What cir_search_find did, of all its queries together. */
typedef struct cir_search_report {
    bool used_codes;     /* else all rows were read */
    size_t n_candidates; /* rows whose estimate did not rule them out when it was made */
    size_t n_rescored;   /* of them: rows whose features were read */
    double codes_ms;     /* estimating */
    double rescore_ms;   /* reading features and scoring them */
} cir_search_report;

/* The k best rows of each of n_queries queries of one dimension, by the rows' codes where they have any: the
 * codes give both of a row's scores with their errors' deviations, and with them an interval of the fused
 * score; rows whose upper end reaches the k-th best exact score so far are read and scored exactly. Scores
 * that come out are those of cir_search_top, to the bit; rows may be missing. The interval is that of the
 * fused score within z deviations, z the quantile of the normal distribution that the recall is, so that the
 * recall is reached even by rows at the very end of the answer; of 1, that of both scores within 6 deviations
 * each: an estimate fails with a probability of about 10⁻⁹. Without codes, for more candidates than pay, or
 * where there is not enough memory for them, all rows are read (by cir_search_top, or cir_search_top_batch
 * where there are no codes for several queries). options, report_out may be NULL. hits_out: [n_queries, k];
 * n_hits_out:
 * [n_queries]. Errors: those of cir_search_top_batch, CIR_ARGUMENT (recall out of range), CIR_IO and
 * CIR_DAMAGED (the rows' file). */
CIR_MUST_CHECK CIR_API cir_status cir_search_find(const cir_rows *rows, const cir_query *queries,
                                                  size_t n_queries, size_t k,
                                                  const cir_search_options *options, cir_pool *pool,
                                                  cir_hit *hits_out, size_t *n_hits_out,
                                                  cir_search_report *report_out, cir_error *err);

/* Every row's scores: scores_out, image_scores_out, text_scores_out: [n_rows] each, each may be NULL; NaN for
 * rows that are not searched. Errors: as above. */
CIR_MUST_CHECK CIR_API cir_status cir_search_scores(const cir_rows *rows, const cir_query *query,
                                                    cir_pool *pool, float *scores_out,
                                                    float *image_scores_out, float *text_scores_out,
                                                    cir_error *err);

/* A hit's place among all rows by one of its scores alone, before clamping, counted from 1; 0 for a side that
 * the query lacks. */
typedef struct cir_rank {
    size_t by_image;
    size_t by_text;
} cir_rank;

/* Ranks of n hits, of which the ids alone are read: one more pass over the rows, and n · n_rows comparisons.
 * ranks_out: [n]. Errors: as above. */
CIR_MUST_CHECK CIR_API cir_status cir_search_ranks(const cir_rows *rows, const cir_query *query,
                                                   const cir_hit *hits, size_t n, cir_pool *pool,
                                                   cir_rank *ranks_out, cir_error *err);

#ifdef __cplusplus
}
#endif

#endif
