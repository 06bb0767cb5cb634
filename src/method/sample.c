#include "method/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/draw.h"
#include "method/estimate.h"
#include "method/row.h"

static bool is_finite(const float *row, size_t dim)
{
    bool is_good = true;
    for (size_t i = 0; i < dim; i++)
        is_good = is_good && isfinite(row[i]);
    return is_good;
}

cir_status cir__sample_minima(const cir_rows *rows, const float *texts, size_t n_texts,
                              const float *image_mean, const float *text_mean, uint64_t seed, cir_pool *pool,
                              cir__minima *minima_out, size_t *ids_out, size_t *n_ids_out, cir_error *err)
{
    const size_t dim = rows->dim;
    float *images = cir__new(CIR__SAMPLE_IMAGES, dim * sizeof *images);
    float *sampled_texts = cir__new(CIR__SAMPLE_TEXTS, dim * sizeof *sampled_texts);
    size_t drawn[CIR__SAMPLE_TEXTS], n_ready = rows->n_rows;
    cir_status status = CIR_OK;

    *minima_out = (cir__minima){.image = -0.077, .text = -0.117, .source = CIR_MINIMA_PAPER};
    *n_ids_out = 0;
    if (images == NULL || sampled_texts == NULL) {
        status = cir__fail_memory(err, "a sample");
        goto exit;
    }
    if (rows->ready != NULL) {
        n_ready = 0;
        for (size_t r = 0; r < rows->n_rows; r++)
            n_ready += rows->ready[r] != 0;
    }
    const size_t n_images = cir__draw(seed, CIR__DRAW_PAIR_IMAGES, rows->n_rows, rows->ready, n_ready,
                                      CIR__SAMPLE_IMAGES, ids_out);
    const size_t n_drawn =
        cir__draw(seed, CIR__DRAW_PAIR_TEXTS, n_texts, NULL, n_texts, CIR__SAMPLE_TEXTS, drawn);
    *n_ids_out = n_images;
    if (n_images < 2 || n_drawn == 0)
        goto exit;
    size_t n_good = 0;
    for (size_t i = 0; i < n_images; i++) {
        cir__row_copy(rows, ids_out[i], images + n_good * dim);
        n_good += is_finite(images + n_good * dim, dim);
    }
    if (n_good < 2)
        goto exit;
    for (size_t i = 0; i < n_drawn; i++)
        memcpy(sampled_texts + i * dim, texts + drawn[i] * dim, dim * sizeof *texts);
    status = cir__minima_estimate(images, n_good, sampled_texts, n_drawn, dim, image_mean, text_mean, pool,
                                  minima_out, err);
exit:
    free(images);
    free(sampled_texts);
    return status;
}
