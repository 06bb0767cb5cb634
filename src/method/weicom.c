#include "method/weicom.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/baseline.h"
#include "method/centre.h"
#include "method/composed.h"

#define CHUNK_ROWS ((size_t)1 << 18) /* whose scores are held at a time */

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

/* side(x) = (⟨feature, x⟩ − mean)/deviation */
static void standardise(const moments *m, const float *feature, cir__side *side)
{
    const double n = (double)m->n;
    const double variance = m->n > 1 ? (m->square - m->sum * m->sum / n) / (n - 1.0) : 0.0;
    const double scale = variance > 0.0 ? 1.0 / sqrt(variance) : 0.0;

    for (size_t i = 0; i < side->dim; i++)
        side->weights[i] = scale * (double)feature[i];
    side->offset = m->n > 0 ? -scale * (m->first + m->sum / n) : 0.0;
}

static cir_status measure(const cir_rows *rows, const float *image, const float *text, cir_pool *pool,
                          moments *v, moments *t, cir_error *err)
{
    const cir_query query = {
        .dim = rows->dim, .a = image, .b = text, .fusion = {.kind = CIR_FUSE_SUM, .weight = 0.5f}};
    const size_t room = rows->n_rows < CHUNK_ROWS ? rows->n_rows : CHUNK_ROWS;
    float *scores = cir__new_unset(room, 2 * sizeof *scores);
    cir_status status = CIR_OK;

    if (scores == NULL)
        return cir__fail_memory(err, "similarities");
    for (size_t first = 0; first < rows->n_rows && status == CIR_OK; first += room) {
        const size_t left = rows->n_rows - first, n = left < room ? left : room;
        const cir_rows chunk = {.n_rows = n,
                                .dim = rows->dim,
                                .f16 = rows->f16 != NULL ? rows->f16 + first * rows->dim : NULL,
                                .f32 = rows->f32 != NULL ? rows->f32 + first * rows->dim : NULL,
                                .ready = rows->ready != NULL ? rows->ready + first : NULL};
        status = cir_search_scores(&chunk, &query, pool, NULL, scores, scores + room, err);
        if (status != CIR_OK)
            break;
        moments_push(v, scores, n);
        moments_push(t, scores + room, n);
    }
    free(scores);
    return status;
}

cir_status cir__weicom_compose(const cir_settings *settings, const cir_rows *rows, cir_pool *pool,
                               const float *image, const float *text, cir_composed *composed_out,
                               cir_error *err)
{
    const size_t dim = rows->dim;
    moments of_image = {0}, of_text = {0};

    memset(composed_out, 0, sizeof *composed_out);
    if (image == NULL || text == NULL)
        return cir__baseline_compose(CIR_METHOD_SUM, settings, dim, image, text, composed_out, err);
    cir_status status = measure(rows, image, text, pool, &of_image, &of_text, err);
    if (status != CIR_OK)
        return status;
    double *q = cir__new(2 * dim, sizeof *q);
    if (q == NULL)
        return cir__fail_memory(err, "a query");
    cir__side v = {dim, q, 0.0}, t = {dim, q + dim, 0.0};
    standardise(&of_image, image, &v);
    standardise(&of_text, text, &t);
    const cir_fusion fusion = {.kind = CIR_FUSE_GAUSS, .weight = (float)settings->weight};
    status = cir__composed_new(dim, &v, &t, fusion, composed_out, err);
    free(q);
    return status;
}
