#include "search/batch.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "search/fusion.h"
#include "search/scan.h"
#include "search/top.h"

/* The number of a form, which is added where it is new. A photo's queries stand together, so that looking
 * from the end finds it soon. */
static size_t form_put(cir__batch *batch, const float *weights, float offset)
{
    const size_t dim = batch->rows->dim;
    if (weights == NULL)
        return SIZE_MAX;
    for (size_t s = batch->n_forms; s-- > 0;)
        if (batch->offsets[s] == offset &&
            memcmp(batch->weights + s * dim, weights, dim * sizeof *weights) == 0)
            return s;
    memcpy(batch->weights + batch->n_forms * dim, weights, dim * sizeof *weights);
    batch->offsets[batch->n_forms] = offset;
    return batch->n_forms++;
}

cir_status cir__batch_init(cir__batch *batch, const cir_rows *rows, const cir_query *queries,
                           size_t n_queries, size_t query_bytes, cir_error *err)
{
    size_t n_weights;
    cir_status status = CIR_OK;

    *batch = (cir__batch){.rows = rows,
                          .kernels = cir__kernels_get(),
                          .mapped = cir__mapped_find(cir__scan_rows(rows)),
                          .n_queries = n_queries};
    batch->forms = cir__new(n_queries, 2 * sizeof *batch->forms);
    if (cir__size_mul(2 * rows->dim, n_queries, &n_weights))
        batch->weights = cir__new_unset(n_weights, sizeof *batch->weights);
    batch->offsets = cir__new_unset(n_queries, 2 * sizeof *batch->offsets);
    if (batch->forms == NULL || batch->weights == NULL || batch->offsets == NULL)
        return cir__fail_memory(err, "search");
    for (size_t i = 0; i < n_queries && status == CIR_OK; i++) {
        const cir_query *const query = (const void *)((const char *)queries + i * query_bytes);
        status = cir__scan_check(rows, query, err);
        if (status != CIR_OK)
            break;
        batch->forms[2 * i] = form_put(batch, query->a, query->a0);
        batch->forms[2 * i + 1] = form_put(batch, query->b, query->b0);
    }
    return status;
}

void cir__batch_done(cir__batch *batch)
{
    free(batch->weights);
    free(batch->offsets);
    free(batch->forms);
    memset(batch, 0, sizeof *batch);
}

void cir__batch_scores(const cir__batch *batch, size_t first, size_t n, float *out, size_t out_stride)
{
    const cir_rows *const rows = batch->rows;
    const size_t dim = rows->dim;

    if (n == 0)
        return;
    if (!cir__scan_may_read(batch->mapped, rows, first, n)) {
        for (size_t s = 0; s < batch->n_forms; s++)
            for (size_t r = 0; r < n; r++)
                out[s * out_stride + r] = NAN;
        return;
    }
    if (rows->f16 != NULL)
        batch->kernels->product_f16(rows->f16 + first * dim, n, dim, dim, batch->weights, batch->n_forms, dim,
                                    out, out_stride);
    else
        batch->kernels->product_f32(rows->f32 + first * dim, n, dim, dim, batch->weights, batch->n_forms, dim,
                                    out, out_stride);
    for (size_t s = 0; s < batch->n_forms; s++) {
        float *const scores = out + s * out_stride;
        const float offset = batch->offsets[s], *const scales = rows->scales;
        if (scales != NULL)
            for (size_t r = 0; r < n; r++)
                scores[r] = scores[r] * scales[first + r] + offset;
        else
            for (size_t r = 0; r < n; r++)
                scores[r] += offset;
    }
}

void cir__batch_form_scores(const float *block, size_t stride, size_t form, size_t n, float *out)
{
    if (form == SIZE_MAX)
        memset(out, 0, n * sizeof *out);
    else
        memcpy(out, block + form * stride, n * sizeof *out);
}

/* The best rows of every query. */

typedef struct top_job {
    cir__batch batch;
    const cir_query *queries;
    size_t block_rows;
    float *scratch; /* [n_threads, n_forms + 3, block_rows] */
    cir__top *tops; /* [n_threads, n_queries] */
} top_job;

static void top_task(void *context, size_t i_task, size_t i_thread)
{
    const top_job *const job = context;
    const cir__batch *const batch = &job->batch;
    const size_t block_rows = job->block_rows, first = i_task * block_rows;
    const size_t left = batch->rows->n_rows - first, n = left < block_rows ? left : block_rows;
    float *const block = job->scratch + i_thread * (batch->n_forms + 3) * block_rows;
    float *const v = block + batch->n_forms * block_rows, *const t = v + block_rows,
                 *const score = t + block_rows;

    cir__batch_scores(batch, first, n, block, block_rows);
    for (size_t i = 0; i < batch->n_queries; i++) {
        cir__batch_form_scores(block, block_rows, batch->forms[2 * i], n, v);
        cir__batch_form_scores(block, block_rows, batch->forms[2 * i + 1], n, t);
        cir__fusion_apply(&job->queries[i].fusion, n, v, t, score);
        cir__scan_mask(batch->rows, first, n, score);
        cir__top_push(&job->tops[i_thread * batch->n_queries + i], first, n, score, v, t);
    }
}

/* Joins the threads' best of one query. hits: [n_threads·k] scratch. */
static size_t tops_join(const cir__top *tops, size_t n_threads, size_t n_queries, size_t k, cir_hit *hits,
                        cir_hit *hits_out)
{
    size_t n = 0;
    for (size_t i = 0; i < n_threads; i++) {
        const cir__top *const top = &tops[i * n_queries];
        memcpy(hits + n, top->hits, top->n * sizeof *hits);
        n += top->n;
    }
    cir__top_sort(hits, n);
    n = n < k ? n : k;
    memcpy(hits_out, hits, n * sizeof *hits);
    return n;
}

cir_status cir_search_top_batch(const cir_rows *rows, const cir_query *queries, size_t n_queries, size_t k,
                                cir_pool *pool, cir_hit *hits_out, size_t *n_hits_out, cir_error *err)
{
    const size_t n_threads = cir_pool_get_n_threads(pool), n_most = k < rows->n_rows ? k : rows->n_rows;
    top_job job = {.queries = queries, .block_rows = cir__scan_block_rows(rows)};
    cir_hit *hits = NULL;
    size_t n_hits, n_tops;

    cir__error_clear(err);
    memset(n_hits_out, 0, n_queries * sizeof *n_hits_out);
    if (k == 0)
        return cir__fail(err, CIR_ARGUMENT, "search: 0 answers asked for; ask for at least 1");
    cir_status status = cir__batch_init(&job.batch, rows, queries, n_queries, sizeof *queries, err);
    if (status != CIR_OK || n_most == 0)
        goto exit;
    job.scratch = cir__new_unset(n_threads, (job.batch.n_forms + 3) * job.block_rows * sizeof *job.scratch);
    if (cir__size_mul(n_threads, n_queries, &n_tops))
        job.tops = cir__new(n_tops, sizeof *job.tops);
    /* Every thread's of every query, and room to join one query's. */
    if (cir__size_mul(n_threads * n_most, n_queries + 1, &n_hits))
        hits = cir__new_unset(n_hits, sizeof *hits);
    if (job.scratch == NULL || job.tops == NULL || hits == NULL) {
        status = cir__fail_memory(err, "search");
        goto exit;
    }
    for (size_t i = 0; i < n_tops; i++)
        job.tops[i] = (cir__top){.k = n_most, .hits = hits + i * n_most};
    cir__pool_run(pool, (rows->n_rows + job.block_rows - 1) / job.block_rows, top_task, &job);
    status = cir__scan_check_read(rows, err);
    for (size_t i = 0; i < n_queries && status == CIR_OK; i++)
        n_hits_out[i] =
            tops_join(job.tops + i, n_threads, n_queries, n_most, hits + n_tops * n_most, hits_out + i * k);
exit:
    cir__batch_done(&job.batch);
    free(job.scratch);
    free(job.tops);
    free(hits);
    return status;
}
