/* Ranks: how many rows come before each hit by one score alone. */
#include "cir/search.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "search/scan.h"

typedef struct ranks_job {
    cir__scan scan;
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
    const cir__scan *s = &job->scan;
    size_t n, first = cir__scan_block(s, i_task, &n);
    float *v = cir__scan_scratch(s, i_thread, 0);
    float *t = cir__scan_scratch(s, i_thread, 1);
    cir_rank *counts = job->counts + i_thread * job->n;
    cir__scan_dot(s, first, n, v, t);
    cir__scan_mask(s->rows, first, n, v);
    cir__scan_mask(s->rows, first, n, t);
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
    cir_status status = cir__scan_init(&job.scan, rows, query, pool, err);
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
        cir__scan_dot(&job.scan, hits[h].id, 1, &job.image_scores[h], &job.text_scores[h]);
    }
    cir__pool_run(pool, job.scan.n_blocks, ranks_task, &job);
    status = cir__scan_check_read(rows, err);
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
    cir__scan_done(&job.scan);
    free(job.image_scores);
    free(job.text_scores);
    free(job.counts);
    return status;
}
