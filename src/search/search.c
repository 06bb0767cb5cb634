/* The exact scan: rows in blocks, for each block the dot products, the fusion, and what the call wants of the
 * scores. A block's arithmetic depends on its rows alone and every answer is unique, so results depend
 * neither on the threads nor on the size of the blocks. */
#include "cir/search.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernels/kernels.h"
#include "search/fuse.h"
#include "search/top.h"

/* A block is about BLOCK_BYTES of rows: enough that starting one costs nothing beside it, few enough that
 * threads end together; its scores stay in the nearest caches. */
#define BLOCK_BYTES ((size_t)1 << 20)
#define MIN_BLOCK_ROWS 16
#define MAX_BLOCK_ROWS 4096

typedef struct scan {
    const cir_rows *rows;
    const cir_query *query;
    const cir__kernels *kernels;
    size_t block_rows;
    size_t n_blocks;
    size_t n_threads;
    float *scratch; /* [n_threads, 3, block_rows] */
} scan;

static cir_status check_vector(const char *name, const float *vector, float offset, size_t dim,
                               cir_error *err)
{
    if (vector == NULL)
        return CIR_OK;
    for (size_t i = 0; i < dim; i++)
        if (!isfinite(vector[i]))
            return cir__fail(err, CIR_ARGUMENT, "query: %s[%zu] is %g; it must be a finite number", name, i,
                             (double)vector[i]);
    if (!isfinite(offset))
        return cir__fail(err, CIR_ARGUMENT, "query: %s0 is %g; it must be a finite number", name,
                         (double)offset);
    return CIR_OK;
}

static cir_status scan_init(scan *s, const cir_rows *rows, const cir_query *query, cir_pool *pool,
                            cir_error *err)
{
    *s = (scan){.rows = rows, .query = query, .kernels = cir__kernels_get()};
    assert(rows->n_rows == 0 || (rows->f16 == NULL) != (rows->f32 == NULL));
    assert(query->a != NULL || query->fusion.kind == CIR_FUSE_TEXT);
    assert(query->b != NULL || query->fusion.kind == CIR_FUSE_IMAGE);
    if (query->dim != rows->dim || query->dim == 0)
        return cir__fail(err, CIR_SHAPE, "query: it has dimension %zu, the rows have %zu", query->dim,
                         rows->dim);
    cir_status status = cir__fuse_check(&query->fusion, err);
    if (status == CIR_OK)
        status = check_vector("a", query->a, query->a0, query->dim, err);
    if (status == CIR_OK)
        status = check_vector("b", query->b, query->b0, query->dim, err);
    if (status != CIR_OK)
        return status;

    size_t row_bytes = rows->dim * (rows->f16 != NULL ? sizeof *rows->f16 : sizeof *rows->f32);
    s->block_rows = BLOCK_BYTES / row_bytes;
    if (s->block_rows < MIN_BLOCK_ROWS)
        s->block_rows = MIN_BLOCK_ROWS;
    if (s->block_rows > MAX_BLOCK_ROWS)
        s->block_rows = MAX_BLOCK_ROWS;
    s->n_blocks = rows->n_rows / s->block_rows + (rows->n_rows % s->block_rows != 0);
    s->n_threads = cir_pool_n_threads(pool);
    s->scratch = cir__new_unset(s->n_threads, 3 * s->block_rows * sizeof *s->scratch);
    return s->scratch != NULL ? CIR_OK : cir__fail_memory(err, "search");
}

static void scan_done(scan *s)
{
    free(s->scratch);
}

static size_t rows_of_block(const scan *s, size_t i_block, size_t *n_out)
{
    size_t first = i_block * s->block_rows;
    size_t left = s->rows->n_rows - first;
    *n_out = left < s->block_rows ? left : s->block_rows;
    return first;
}

static float *scratch_of_thread(const scan *s, size_t i_thread, size_t i_part)
{
    return s->scratch + (i_thread * 3 + i_part) * s->block_rows;
}

/* v[i] = ⟨a, xᵢ⟩ + a0 and t[i] = ⟨b, xᵢ⟩ + b0 of n rows; 0 for a side that the query lacks. */
static void dot_rows(const scan *s, size_t first, size_t n, float *v, float *t)
{
    const cir_query *query = s->query;
    const cir__kernels *kernels = s->kernels;
    size_t dim = query->dim;
    const float *one = query->a != NULL ? query->a : query->b;
    float *one_out = query->a != NULL ? v : t;
    bool has_both = query->a != NULL && query->b != NULL;
    if (s->rows->f16 != NULL) {
        const uint16_t *rows = s->rows->f16 + first * dim;
        if (has_both)
            kernels->dot2_f16(rows, n, dim, dim, query->a, query->b, v, t);
        else
            kernels->dot1_f16(rows, n, dim, dim, one, one_out);
    } else {
        const float *rows = s->rows->f32 + first * dim;
        if (has_both)
            kernels->dot2_f32(rows, n, dim, dim, query->a, query->b, v, t);
        else
            kernels->dot1_f32(rows, n, dim, dim, one, one_out);
    }
    for (size_t i = 0; i < n; i++)
        v[i] = query->a != NULL ? v[i] + query->a0 : 0;
    for (size_t i = 0; i < n; i++)
        t[i] = query->b != NULL ? t[i] + query->b0 : 0;
}

static void forget_rows_not_ready(const scan *s, size_t first, size_t n, float *values)
{
    if (s->rows->ready == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        values[i] = s->rows->ready[first + i] != 0 ? values[i] : NAN;
}

/* All rows' scores. */

typedef struct scores_job {
    scan scan;
    float *scores, *image_scores, *text_scores; /* [n_rows] each, or NULL */
} scores_job;

static void scores_task(void *context, size_t i_task, size_t i_thread)
{
    scores_job *job = context;
    const scan *s = &job->scan;
    size_t n, first = rows_of_block(s, i_task, &n);
    float *v = job->image_scores != NULL ? job->image_scores + first : scratch_of_thread(s, i_thread, 0);
    float *t = job->text_scores != NULL ? job->text_scores + first : scratch_of_thread(s, i_thread, 1);
    float *score = job->scores != NULL ? job->scores + first : scratch_of_thread(s, i_thread, 2);
    dot_rows(s, first, n, v, t);
    cir__fuse(&s->query->fusion, n, v, t, score);
    forget_rows_not_ready(s, first, n, v);
    forget_rows_not_ready(s, first, n, t);
    forget_rows_not_ready(s, first, n, score);
}

cir_status cir_search_scores(const cir_rows *rows, const cir_query *query, cir_pool *pool, float *scores_out,
                             float *image_scores_out, float *text_scores_out, cir_error *err)
{
    cir__error_clear(err);
    scores_job job = {.scores = scores_out, .image_scores = image_scores_out, .text_scores = text_scores_out};
    cir_status status = scan_init(&job.scan, rows, query, pool, err);
    if (status == CIR_OK)
        cir__pool_run(pool, job.scan.n_blocks, scores_task, &job);
    scan_done(&job.scan);
    return status;
}

/* The best rows. */

typedef struct top_job {
    scan scan;
    cir__top *tops; /* [n_threads] */
} top_job;

static void top_task(void *context, size_t i_task, size_t i_thread)
{
    top_job *job = context;
    const scan *s = &job->scan;
    size_t n, first = rows_of_block(s, i_task, &n);
    float *v = scratch_of_thread(s, i_thread, 0);
    float *t = scratch_of_thread(s, i_thread, 1);
    float *score = scratch_of_thread(s, i_thread, 2);
    dot_rows(s, first, n, v, t);
    cir__fuse(&s->query->fusion, n, v, t, score);
    forget_rows_not_ready(s, first, n, score);
    cir__top_push(&job->tops[i_thread], first, n, score, v, t);
}

/* A heap for each thread, joined at the end. */
static cir_status top_by_thread(const cir_rows *rows, const cir_query *query, size_t k, cir_pool *pool,
                                cir_hit *hits_out, size_t *n_hits_out, cir_error *err)
{
    top_job job = {0};
    cir_hit *hits = NULL;
    cir_status status = scan_init(&job.scan, rows, query, pool, err);
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
    size_t n = 0;
    for (size_t i = 0; i < n_threads; i++)
        for (size_t j = 0; j < job.tops[i].n; j++)
            hits[n++] = job.tops[i].hits[j]; /* n never passes what is read */
    cir__top_sort(hits, n);
    *n_hits_out = n < k ? n : k;
    for (size_t i = 0; i < *n_hits_out; i++)
        hits_out[i] = hits[i];
done:
    scan_done(&job.scan);
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
    return k <= rows->n_rows / cir_pool_n_threads(pool)
               ? top_by_thread(rows, query, k, pool, hits_out, n_hits_out, err)
               : top_by_scores(rows, query, k, pool, hits_out, n_hits_out, err);
}

/* Ranks: how many rows come before each hit by one score alone. */

typedef struct ranks_job {
    scan scan;
    const cir_hit *hits;
    size_t n;
    float *image_scores, *text_scores; /* [n] of the hits */
    cir_rank *counts;                  /* [n_threads, n] */
} ranks_job;

static size_t count_before(const float *values, size_t first, size_t n, float value, size_t id)
{
    size_t n_earlier = id <= first ? 0 : id - first < n ? id - first : n;
    size_t count = 0;
    for (size_t i = 0; i < n_earlier; i++)
        count += values[i] >= value;
    for (size_t i = n_earlier; i < n; i++)
        count += values[i] > value;
    return count;
}

static void ranks_task(void *context, size_t i_task, size_t i_thread)
{
    ranks_job *job = context;
    const scan *s = &job->scan;
    size_t n, first = rows_of_block(s, i_task, &n);
    float *v = scratch_of_thread(s, i_thread, 0);
    float *t = scratch_of_thread(s, i_thread, 1);
    cir_rank *counts = job->counts + i_thread * job->n;
    dot_rows(s, first, n, v, t);
    forget_rows_not_ready(s, first, n, v);
    forget_rows_not_ready(s, first, n, t);
    for (size_t h = 0; h < job->n; h++) {
        counts[h].by_image += count_before(v, first, n, job->image_scores[h], job->hits[h].id);
        counts[h].by_text += count_before(t, first, n, job->text_scores[h], job->hits[h].id);
    }
}

cir_status cir_search_ranks(const cir_rows *rows, const cir_query *query, const cir_hit *hits, size_t n,
                            cir_pool *pool, cir_rank *ranks_out, cir_error *err)
{
    cir__error_clear(err);
    for (size_t h = 0; h < n; h++)
        ranks_out[h] = (cir_rank){0};
    ranks_job job = {.hits = hits, .n = n};
    cir_status status = scan_init(&job.scan, rows, query, pool, err);
    if (status != CIR_OK)
        goto done;
    job.image_scores = cir__new(n, sizeof *job.image_scores);
    job.text_scores = cir__new(n, sizeof *job.text_scores);
    size_t n_counts;
    job.counts =
        cir__size_mul(job.scan.n_threads, n, &n_counts) ? cir__new(n_counts, sizeof *job.counts) : NULL;
    if (job.image_scores == NULL || job.text_scores == NULL || job.counts == NULL) {
        status = cir__fail_memory(err, "ranks");
        goto done;
    }
    for (size_t h = 0; h < n; h++) {
        assert(hits[h].id < rows->n_rows);
        dot_rows(&job.scan, hits[h].id, 1, &job.image_scores[h], &job.text_scores[h]);
    }
    cir__pool_run(pool, job.scan.n_blocks, ranks_task, &job);
    for (size_t i = 0; i < job.scan.n_threads; i++)
        for (size_t h = 0; h < n; h++) {
            ranks_out[h].by_image += job.counts[i * n + h].by_image;
            ranks_out[h].by_text += job.counts[i * n + h].by_text;
        }
    for (size_t h = 0; h < n; h++) {
        ranks_out[h].by_image = query->a != NULL ? ranks_out[h].by_image + 1 : 0;
        ranks_out[h].by_text = query->b != NULL ? ranks_out[h].by_text + 1 : 0;
    }
done:
    scan_done(&job.scan);
    free(job.image_scores);
    free(job.text_scores);
    free(job.counts);
    return status;
}
