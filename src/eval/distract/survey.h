/* What some methods have to know of a pool before they can rank it, for every size of it, in one pass: the
 * mean and deviation of similarities (WeiCom), and the nearest rows (query expansion). */
#ifndef CIR_EVAL_SURVEY_H
#define CIR_EVAL_SURVEY_H

#include <pthread.h>
#include <stdatomic.h>

#include "eval/distract/query_vectors.h"
#include "eval/distract/stream.h"
#include "search/top.h"

/* Set up measured.dim, nearest.dim, stream and n_nearest, put vectors in, then run. End with
 * cir__survey_done. */
typedef struct cir__survey {
    const cir__stream *stream;
    cir__query_vectors measured; /* whose similarities are summed */
    cir__query_vectors nearest;  /* whose nearest rows are kept */
    size_t n_nearest;            /* at most, of each size */
    double scale;                /* of sums, which are whole numbers so that their order does not matter */
    _Atomic(int64_t) *sums;      /* [measured.n, n_sizes, 2] of a level's rows: scale·Σp, scale·Σp² */
    _Atomic(uint64_t) *counts;   /* [n_sizes] a level's rows */
    cir__top *tops;              /* [nearest.n, n_sizes] of a level's rows */
    cir_hit *hits;
    pthread_mutex_t lock; /* of tops */
    float *products;      /* [n_workers, most vectors, CIR__BLOCK_ROWS] */
    float *thresholds;    /* [n_workers, nearest.n, n_sizes] */
} cir__survey;

/* Bytes it takes, and each worker. */
size_t cir__survey_bytes(const cir__survey *survey);
size_t cir__survey_worker_bytes(const cir__survey *survey);

/* One pass over the pool. Errors: those of cir__stream_run, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__survey_run(cir__survey *survey, cir_pool *pool, size_t n_workers,
                                          cir_encode_watch_fn *watch, void *watch_context, cir_error *err);
void cir__survey_done(cir__survey *survey);

/* Sums over the pool of sizes[i_size]: its rows, Σp and Σp². */
void cir__survey_get_sums(const cir__survey *survey, size_t vector, size_t i_size, double sums_out[3]);

/* The nearest rows of the pool of sizes[i_size], best first: rows_out [n_nearest]; returns how many. hits:
 * [n_nearest] scratch. */
size_t cir__survey_get_nearest(const cir__survey *survey, size_t vector, size_t i_size, cir_hit *hits,
                               size_t *rows_out);

#endif
