#include "eval/distract/survey.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static size_t most_vectors(const cir__survey *survey)
{
    return survey->measured.n > survey->nearest.n ? survey->measured.n : survey->nearest.n;
}

size_t cir__survey_bytes(const cir__survey *survey)
{
    const size_t n_sizes = survey->stream->n_sizes;
    return (survey->measured.n + survey->nearest.n) * survey->stream->dim * sizeof(float) +
           survey->measured.n * n_sizes * 2 * sizeof *survey->sums +
           survey->nearest.n * n_sizes * (sizeof *survey->tops + survey->n_nearest * sizeof *survey->hits);
}

size_t cir__survey_worker_bytes(const cir__survey *survey)
{
    return cir__stream_worker_bytes(survey->stream) +
           most_vectors(survey) * CIR__BLOCK_ROWS * sizeof *survey->products +
           survey->nearest.n * survey->stream->n_sizes * sizeof *survey->thresholds;
}

static void sum_rows(cir__survey *survey, const cir__block *block, const float *products)
{
    const size_t n_sizes = survey->stream->n_sizes;
    for (size_t s = 0; s < survey->measured.n; s++)
        for (size_t k = 0, i = 0; k < n_sizes; k++) {
            double sum = 0, square = 0;
            for (; i < block->ends[k]; i++) {
                const double p = (double)products[s * block->n + i];
                sum += p;
                square += p * p;
            }
            _Atomic(int64_t) *const sums = survey->sums + (s * n_sizes + k) * 2;
            atomic_fetch_add_explicit(&sums[0], llround(sum * survey->scale), memory_order_relaxed);
            atomic_fetch_add_explicit(&sums[1], llround(square * survey->scale), memory_order_relaxed);
        }
}

/* What a row has to reach: it may still lose, as others raise it meanwhile. */
static void thresholds_fill(cir__survey *survey, float *thresholds)
{
    const size_t n = survey->nearest.n * survey->stream->n_sizes;
    pthread_mutex_lock(&survey->lock);
    for (size_t i = 0; i < n; i++)
        thresholds[i] = survey->tops[i].n < survey->n_nearest ? -INFINITY : survey->tops[i].hits[0].score;
    pthread_mutex_unlock(&survey->lock);
}

static void keep_nearest(cir__survey *survey, const cir__block *block, const float *products,
                         const float *thresholds)
{
    const size_t n_sizes = survey->stream->n_sizes;
    for (size_t s = 0; s < survey->nearest.n; s++)
        for (size_t k = 0, i = 0; k < n_sizes; k++)
            for (; i < block->ends[k]; i++) {
                const float *const p = &products[s * block->n + i];
                if (!(*p >= thresholds[s * n_sizes + k]))
                    continue;
                pthread_mutex_lock(&survey->lock);
                cir__top_push(&survey->tops[s * n_sizes + k], block->ids[i], 1, p, p, p);
                pthread_mutex_unlock(&survey->lock);
            }
}

static void take(void *context, const cir__block *block, size_t i_worker)
{
    cir__survey *const survey = context;
    const size_t n_sizes = survey->stream->n_sizes;
    float *const products = survey->products + i_worker * most_vectors(survey) * CIR__BLOCK_ROWS;
    float *const thresholds = survey->thresholds + i_worker * survey->nearest.n * n_sizes;

    for (size_t k = 0, begin = 0; k < n_sizes; begin = block->ends[k++])
        atomic_fetch_add_explicit(&survey->counts[k], block->ends[k] - begin, memory_order_relaxed);
    cir__query_vectors_multiply(&survey->measured, block->rows, block->n, products);
    sum_rows(survey, block, products);
    if (survey->nearest.n == 0)
        return;
    cir__query_vectors_multiply(&survey->nearest, block->rows, block->n, products);
    thresholds_fill(survey, thresholds);
    keep_nearest(survey, block, products, thresholds);
}

cir_status cir__survey_run(cir__survey *survey, cir_pool *pool, size_t n_workers, cir_encode_watch_fn *watch,
                           void *watch_context, cir_error *err)
{
    const size_t n_sizes = survey->stream->n_sizes, n_tops = survey->nearest.n * n_sizes;

    /* A sum is at most a row's 1 times their number: 2^61 leaves room for rounding. */
    survey->scale = floor(0x1p61 / (double)survey->stream->n_rows);
    survey->sums = cir__new(survey->measured.n, 2 * n_sizes * sizeof *survey->sums);
    survey->counts = cir__new(n_sizes, sizeof *survey->counts);
    survey->tops = cir__new(n_tops, sizeof *survey->tops);
    survey->hits = cir__new_unset(n_tops, survey->n_nearest * sizeof *survey->hits);
    survey->products =
        cir__new_unset(n_workers * most_vectors(survey), CIR__BLOCK_ROWS * sizeof *survey->products);
    survey->thresholds = cir__new_unset(n_workers * n_tops, sizeof *survey->thresholds);
    if (survey->sums == NULL || survey->counts == NULL || survey->tops == NULL || survey->hits == NULL ||
        survey->products == NULL || survey->thresholds == NULL)
        return cir__fail_memory(err, "distractors");
    for (size_t i = 0; i < n_tops; i++)
        survey->tops[i] = (cir__top){.k = survey->n_nearest, .hits = survey->hits + i * survey->n_nearest};
    pthread_mutex_init(&survey->lock, NULL);
    const cir_status status =
        cir__stream_run(survey->stream, pool, n_workers, take, survey, watch, watch_context, err);
    pthread_mutex_destroy(&survey->lock);
    free(survey->products);
    free(survey->thresholds);
    survey->products = survey->thresholds = NULL;
    return status;
}

void cir__survey_done(cir__survey *survey)
{
    cir__query_vectors_done(&survey->measured);
    cir__query_vectors_done(&survey->nearest);
    free((void *)survey->sums);
    free((void *)survey->counts);
    free(survey->tops);
    free(survey->hits);
    free(survey->products);
    free(survey->thresholds);
    memset(survey, 0, sizeof *survey);
}

void cir__survey_get_sums(const cir__survey *survey, size_t vector, size_t i_size, double sums_out[3])
{
    int64_t sum = 0, square = 0;
    uint64_t n = 0;
    for (size_t k = 0; k <= i_size; k++) {
        const size_t place = (vector * survey->stream->n_sizes + k) * 2;
        n += survey->counts[k];
        sum += survey->sums[place];
        square += survey->sums[place + 1];
    }
    sums_out[0] = (double)n;
    sums_out[1] = (double)sum / survey->scale;
    sums_out[2] = (double)square / survey->scale;
}

size_t cir__survey_get_nearest(const cir__survey *survey, size_t vector, size_t i_size, cir_hit *hits,
                               size_t *rows_out)
{
    cir__top best = {.k = survey->n_nearest, .hits = hits};
    for (size_t k = 0; k <= i_size; k++) {
        const cir__top *const top = &survey->tops[vector * survey->stream->n_sizes + k];
        for (size_t i = 0; i < top->n; i++)
            cir__top_push(&best, top->hits[i].id, 1, &top->hits[i].score, &top->hits[i].image_score,
                          &top->hits[i].text_score);
    }
    cir__top_sort(best.hits, best.n);
    for (size_t i = 0; i < best.n; i++)
        rows_out[i] = best.hits[i].id;
    return best.n;
}
