#include "method/weicom.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "method/baseline.h"
#include "method/centre.h"
#include "method/composed.h"
#include "method/fit.h"
#include "search/batch.h"
#include "search/scan.h"

#define CHUNK_SCORES ((size_t)1 << 19) /* held at a time, about */
#define CHUNK_TASK_ROWS 1024

/* Mean and unbiased deviation of a feature's similarities to all rows; the latter is 0 where they are all the
 * same, and where there are fewer than two. */
typedef struct similarity_stats {
    double mean, deviation;
} similarity_stats;

/* Sums over scores relative to the first one, so that equal scores have a deviation of exactly 0. */
typedef struct moments {
    size_t n;
    double first, sum, square;
} moments;

static void moments_push(moments *m, const float *scores, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(scores[i]))
            continue; /* a row that is not searched, or of nonsense */
        if (m->n++ == 0)
            m->first = (double)scores[i];
        const double d = (double)scores[i] - m->first;
        m->sum += d;
        m->square += d * d;
    }
}

static similarity_stats moments_finish(const moments *m)
{
    const double n = (double)m->n;
    const double variance = m->n > 1 ? (m->square - m->sum * m->sum / n) / (n - 1.0) : 0.0;
    return (similarity_stats){.mean = m->n > 0 ? m->first + m->sum / n : 0.0,
                              .deviation = variance > 0.0 ? sqrt(variance) : 0.0};
}

/* The similarities of a chunk of rows to all features. */
typedef struct chunk {
    cir__batch batch;
    size_t first, n;
    float *scores; /* [n_forms, n] */
} chunk;

static void chunk_task(void *context, size_t i_task, size_t i_thread)
{
    const chunk *const self = context;
    const size_t begin = i_task * CHUNK_TASK_ROWS, left = self->n - begin;
    const size_t n = left < CHUNK_TASK_ROWS ? left : CHUNK_TASK_ROWS;

    (void)i_thread;
    cir__batch_scores(&self->batch, self->first + begin, n, self->scores + begin, self->n);
    for (size_t s = 0; s < self->batch.n_forms; s++)
        cir__scan_mask(self->batch.rows, self->first + begin, n, self->scores + s * self->n + begin);
}

/* stats_out: [n] of features [n], each [rows->dim]. */
static cir_status measure(const cir_rows *rows, const float *const *features, size_t n, cir_pool *pool,
                          similarity_stats *stats_out, cir_error *err)
{
    const size_t most = CHUNK_SCORES / (n > 0 ? n : 1) + 1, room = rows->n_rows < most ? rows->n_rows : most;
    cir_query *queries = cir__new(n, sizeof *queries);
    moments *all = cir__new(n, sizeof *all);
    chunk self = {.scores = cir__new_unset(room, n * sizeof *self.scores)};
    cir_status status = CIR_OK;

    if (queries == NULL || all == NULL || self.scores == NULL) {
        status = cir__fail_memory(err, "similarities");
        goto exit;
    }
    for (size_t i = 0; i < n; i++)
        queries[i] = (cir_query){
            .dim = rows->dim, .a = features[i], .fusion = {.kind = CIR_FUSION_IMAGE, .weight = 0.5f}};
    status = cir__batch_init(&self.batch, rows, queries, n, sizeof *queries, err);
    for (size_t first = 0; first < rows->n_rows && status == CIR_OK; first += room) {
        self.first = first;
        self.n = rows->n_rows - first < room ? rows->n_rows - first : room;
        cir__pool_run(pool, (self.n + CHUNK_TASK_ROWS - 1) / CHUNK_TASK_ROWS, chunk_task, &self);
        for (size_t i = 0; i < n; i++)
            moments_push(&all[i], self.scores + self.batch.forms[2 * i] * self.n, self.n);
    }
    for (size_t i = 0; i < n; i++)
        stats_out[i] = moments_finish(&all[i]);
    if (status == CIR_OK)
        status = cir__scan_check_read(rows, err);
exit:
    cir__batch_done(&self.batch);
    free(queries);
    free(all);
    free(self.scores);
    return status;
}

/* form(x) = (⟨feature, x⟩ − mean)/deviation */
static void standardise(const similarity_stats *of, const float *feature, cir__linear_form *form)
{
    const double scale = of->deviation > 0.0 ? 1.0 / of->deviation : 0.0;

    for (size_t i = 0; i < form->dim; i++)
        form->weights[i] = scale * (double)feature[i];
    form->offset = -scale * of->mean;
}

static cir_status join(const cir_settings *settings, size_t dim, const float *image,
                       const similarity_stats *of_image, const float *text, const similarity_stats *of_text,
                       cir_composed *composed_out, cir_error *err)
{
    const cir_fusion fusion = {.kind = CIR_FUSION_GAUSS, .weight = (float)settings->weight};
    double *const q = cir__new(2 * dim, sizeof *q);

    if (q == NULL)
        return cir__fail_memory(err, "a query");
    cir__linear_form v = {dim, q, 0.0}, t = {dim, q + dim, 0.0};
    standardise(of_image, image, &v);
    standardise(of_text, text, &t);
    const cir_status status = cir__composed_new(dim, &v, &t, fusion, composed_out, err);
    free(q);
    return status;
}

cir_status cir__weicom_compose(const cir__compose_context *context, const cir__query_set *set,
                               cir_composed *composed_out, cir_error *err)
{
    const size_t n_images = set->n_images, n_features = n_images + set->n_texts;
    const size_t dim = context->fit->dim;
    const float **const features = cir__new(n_features, sizeof *features);
    similarity_stats *const stats = cir__new(n_features, sizeof *stats);
    cir_status status = features == NULL || stats == NULL ? cir__fail_memory(err, "a query") : CIR_OK;

    for (size_t i = 0; i < n_features && status == CIR_OK; i++)
        features[i] = i < n_images ? set->images[i] : set->texts[i - n_images];
    if (status == CIR_OK && n_images > 0 && set->n_texts > 0)
        status = measure(context->rows, features, n_features, context->pool, stats, err);
    for (size_t i = 0; i < set->n && status == CIR_OK; i++) {
        const size_t v = set->image_of[i], t = set->text_of[i];
        const float *const image = v != SIZE_MAX ? set->images[v] : NULL;
        const float *const text = t != SIZE_MAX ? set->texts[t] : NULL;
        status = image != NULL && text != NULL ? join(context->settings, dim, image, &stats[v], text,
                                                      &stats[n_images + t], &composed_out[i], err)
                                               : cir__baseline_query(CIR_METHOD_SUM, context->settings, dim,
                                                                     image, text, &composed_out[i], err);
    }
    free((void *)features);
    free(stats);
    return status;
}
