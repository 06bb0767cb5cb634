#include "method/normalise.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernels/kernels.h"

/* Rows of a block of similarities: small enough to stay in a cache. */
#define BLOCK 128

typedef struct pairing {
    const float *left, *right; /* [n_left, dim], [n_right, dim] centred */
    size_t n_left, n_right, dim;
    float *block;    /* [n_threads, BLOCK, BLOCK] scratch */
    double *minimum; /* [n_tasks] each block row's smallest */
} pairing;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void pair_block(void *context, size_t i_task, size_t i_thread)
{
    const pairing *const job = context;
    float *const block = job->block + i_thread * BLOCK * BLOCK;
    const size_t begin = i_task * BLOCK, n_rows = smaller(BLOCK, job->n_left - begin);
    const cir__kernels *const kernels = cir__kernels_get();
    double smallest = INFINITY;

    for (size_t at = 0; at < job->n_right; at += BLOCK) {
        const size_t n_columns = smaller(BLOCK, job->n_right - at);
        kernels->product_f32(job->left + begin * job->dim, n_rows, job->dim, job->dim,
                             job->right + at * job->dim, n_columns, job->dim, block, BLOCK);
        for (size_t c = 0; c < n_columns; c++)
            for (size_t r = 0; r < n_rows; r++)
                smallest = fmin(smallest, (double)block[c * BLOCK + r]);
    }
    job->minimum[i_task] = smallest;
}

/* The smallest dot product of a left row with a right one. */
static cir_status pair_minimum(const float *left, size_t n_left, const float *right, size_t n_right,
                               size_t dim, cir_pool *pool, double *minimum_out, cir_error *err)
{
    const size_t n_tasks = (n_left + BLOCK - 1) / BLOCK;
    pairing job = {.left = left, .right = right, .n_left = n_left, .n_right = n_right, .dim = dim};
    cir_status status = CIR_OK;

    job.block = cir__new(cir_pool_n_threads(pool), BLOCK * BLOCK * sizeof *job.block);
    job.minimum = cir__new(n_tasks, sizeof *job.minimum);
    if (job.block == NULL || job.minimum == NULL) {
        status = cir__fail_memory(err, "similarities of a sample");
        goto exit;
    }
    cir__pool_run(pool, n_tasks, pair_block, &job);
    *minimum_out = INFINITY;
    for (size_t i = 0; i < n_tasks; i++)
        *minimum_out = fmin(*minimum_out, job.minimum[i]);
    if (!isfinite(*minimum_out))
        status =
            cir__fail(err, CIR_FORMAT,
                      "similarities of a sample: there is no smallest number among them; encode it again");
exit:
    free(job.block);
    free(job.minimum);
    return status;
}

/* A copy of rows [n, dim] less mean, NULL where memory is short. */
static float *centred_copy(const float *rows, size_t n, size_t dim, const float *mean)
{
    size_t n_items;
    float *copy = cir__size_mul(n, dim, &n_items) ? cir__new_unset(n_items, sizeof *copy) : NULL;

    for (size_t i = 0; copy != NULL && i < n_items; i++)
        copy[i] = mean == NULL ? rows[i] : rows[i] - mean[i % dim];
    return copy;
}

cir_status cir__minima_fit(const float *images, size_t n_images, const float *texts, size_t n_texts,
                           size_t dim, const float *image_mean, const float *text_mean, cir_pool *pool,
                           cir__minima *minima_out, cir_error *err)
{
    float *const centred_images = centred_copy(images, n_images, dim, image_mean);
    float *const centred_texts = centred_copy(texts, n_texts, dim, text_mean);
    cir_status status;

    *minima_out = (cir__minima){0};
    if (centred_images == NULL || centred_texts == NULL) {
        status = cir__fail_memory(err, "similarities of a sample");
        goto exit;
    }
    status =
        pair_minimum(centred_images, n_images, centred_images, n_images, dim, pool, &minima_out->image, err);
    if (status == CIR_OK)
        status =
            pair_minimum(centred_texts, n_texts, centred_images, n_images, dim, pool, &minima_out->text, err);
exit:
    free(centred_images);
    free(centred_texts);
    return status;
}

void cir__normalise(cir__side *side, double minimum, double scale)
{
    const double factor = 1.0 / fabs(scale);

    for (size_t i = 0; i < side->dim; i++)
        side->weights[i] *= factor;
    side->offset = (side->offset - minimum) * factor;
}
