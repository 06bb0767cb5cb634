/* The public scan: all scores, and the best rows. */
#include "cir/search.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "search/fusion.h"
#include "search/scan.h"
#include "search/top.h"

/* All rows' scores. */

typedef struct scores_job {
    cir__scan scan;
    float *scores, *image_scores, *text_scores; /* [n_rows] each, or NULL */
} scores_job;

static void scores_task(void *context, size_t i_task, size_t i_thread)
{
    scores_job *job = context;
    const cir__scan *s = &job->scan;
    size_t n, first = cir__scan_block(s, i_task, &n);
    float *v = job->image_scores != NULL ? job->image_scores + first : cir__scan_scratch(s, i_thread, 0);
    float *t = job->text_scores != NULL ? job->text_scores + first : cir__scan_scratch(s, i_thread, 1);
    float *score = job->scores != NULL ? job->scores + first : cir__scan_scratch(s, i_thread, 2);
    cir__scan_dot(s, first, n, v, t);
    cir__fusion_apply(&s->query->fusion, n, v, t, score);
    cir__scan_mask(s->rows, first, n, v);
    cir__scan_mask(s->rows, first, n, t);
    cir__scan_mask(s->rows, first, n, score);
}

cir_status cir_search_scores(const cir_rows *rows, const cir_query *query, cir_pool *pool, float *scores_out,
                             float *image_scores_out, float *text_scores_out, cir_error *err)
{
    cir__error_clear(err);
    scores_job job = {.scores = scores_out, .image_scores = image_scores_out, .text_scores = text_scores_out};
    cir_status status = cir__scan_init(&job.scan, rows, query, pool, err);
    if (status == CIR_OK)
        cir__pool_run(pool, job.scan.n_blocks, scores_task, &job);
    if (status == CIR_OK)
        status = cir__scan_check_read(rows, err);
    cir__scan_done(&job.scan);
    return status;
}

/* The best rows. */

typedef struct top_job {
    cir__scan scan;
    cir__top *tops; /* [n_threads] */
} top_job;

static void top_task(void *context, size_t i_task, size_t i_thread)
{
    top_job *job = context;
    const cir__scan *s = &job->scan;
    size_t n, first = cir__scan_block(s, i_task, &n);
    float *v = cir__scan_scratch(s, i_thread, 0);
    float *t = cir__scan_scratch(s, i_thread, 1);
    float *score = cir__scan_scratch(s, i_thread, 2);
    cir__scan_dot(s, first, n, v, t);
    cir__fusion_apply(&s->query->fusion, n, v, t, score);
    cir__scan_mask(s->rows, first, n, score);
    cir__top_push(&job->tops[i_thread], first, n, score, v, t);
}

/* A heap for each thread, joined at the end. */
static cir_status top_by_thread(const cir_rows *rows, const cir_query *query, size_t k, cir_pool *pool,
                                cir_hit *hits_out, size_t *n_hits_out, cir_error *err)
{
    top_job job = {0};
    cir_hit *hits = NULL;
    cir_status status = cir__scan_init(&job.scan, rows, query, pool, err);
    if (status != CIR_OK)
        goto done;
    size_t n_threads = job.scan.n_threads;
    job.tops = cir__new(n_threads, sizeof *job.tops);
    hits = cir__new_unset(n_threads, k * sizeof *hits);
    if (job.tops == NULL || hits == NULL) {
        status = cir__fail_memory(err, "search");
        goto done;
    }
    for (size_t i = 0; i < n_threads; i++)
        job.tops[i] = (cir__top){.k = k, .hits = hits + i * k};
    cir__pool_run(pool, job.scan.n_blocks, top_task, &job);
    status = cir__scan_check_read(rows, err);
    if (status != CIR_OK)
        goto done;
    size_t n = 0;
    for (size_t i = 0; i < n_threads; i++)
        for (size_t j = 0; j < job.tops[i].n; j++)
            hits[n++] = job.tops[i].hits[j];
    cir__top_sort(hits, n);
    *n_hits_out = n < k ? n : k;
    for (size_t i = 0; i < *n_hits_out; i++)
        hits_out[i] = hits[i];
done:
    cir__scan_done(&job.scan);
    free(job.tops);
    free(hits);
    return status;
}

/* All scores first, then one heap: for a k so large that heaps for all threads would not pay. */
static cir_status top_by_scores(const cir_rows *rows, const cir_query *query, size_t k, cir_pool *pool,
                                cir_hit *hits_out, size_t *n_hits_out, cir_error *err)
{
    size_t n_rows = rows->n_rows;
    float *scores = cir__new_unset(n_rows, 3 * sizeof *scores);
    if (scores == NULL)
        return cir__fail_memory(err, "search");
    cir_status status =
        cir_search_scores(rows, query, pool, scores, scores + n_rows, scores + 2 * n_rows, err);
    if (status == CIR_OK) {
        cir__top top = {.k = k, .hits = hits_out};
        cir__top_push(&top, 0, n_rows, scores, scores + n_rows, scores + 2 * n_rows);
        cir__top_sort(top.hits, top.n);
        *n_hits_out = top.n;
    }
    free(scores);
    return status;
}

cir_status cir_search_top(const cir_rows *rows, const cir_query *query, size_t k, cir_pool *pool,
                          cir_hit *hits_out, size_t *n_hits_out, cir_error *err)
{
    cir__error_clear(err);
    *n_hits_out = 0;
    if (k == 0)
        return cir__fail(err, CIR_ARGUMENT, "search: 0 answers asked for; ask for at least 1");
    if (k > rows->n_rows)
        k = rows->n_rows > 0 ? rows->n_rows : 1;
    return k <= rows->n_rows / cir_pool_get_n_threads(pool)
               ? top_by_thread(rows, query, k, pool, hits_out, n_hits_out, err)
               : top_by_scores(rows, query, k, pool, hits_out, n_hits_out, err);
}
