#include "method/pairs.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

/* Rows of a block of similarities: small enough to stay in a cache. */
#define BLOCK 128

typedef struct pairing {
    const float *left, *right; /* [n_left, dim], [n_right, dim] centred */
    size_t n_left, n_right, dim;
    float *block;           /* [n_threads, BLOCK, BLOCK] scratch */
    double *minima;         /* [n_left] each row's smallest; NULL: not asked for */
    double *sums, *squares; /* [n_left] over each row but its pair with itself; NULL: not asked for */
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

    for (size_t at = 0; at < job->n_right; at += BLOCK) {
        const size_t n_columns = smaller(BLOCK, job->n_right - at);
        kernels->product_f32(job->left + begin * job->dim, n_rows, job->dim, job->dim,
                             job->right + at * job->dim, n_columns, job->dim, block, BLOCK);
        for (size_t c = 0; c < n_columns; c++)
            for (size_t r = 0; r < n_rows; r++) {
                const double similarity = (double)block[c * BLOCK + r];
                if (job->minima != NULL)
                    job->minima[begin + r] = fmin(job->minima[begin + r], similarity);
                if (job->sums == NULL || (job->left == job->right && begin + r == at + c))
                    continue;
                job->sums[begin + r] += similarity;
                job->squares[begin + r] += similarity * similarity;
            }
    }
}

static cir_status pairs_run(pairing *job, cir_pool *pool, cir_error *err)
{
    job->block = cir__new(cir_pool_get_n_threads(pool), BLOCK * BLOCK * sizeof *job->block);
    if (job->block == NULL)
        return cir__fail_memory(err, "similarities of a sample");
    cir__pool_run(pool, (job->n_left + BLOCK - 1) / BLOCK, pair_block, job);
    free(job->block);
    return CIR_OK;
}

cir_status cir__pairs_minimum(const float *left, size_t n_left, const float *right, size_t n_right,
                              size_t dim, cir_pool *pool, double *minimum_out, cir_error *err)
{
    pairing job = {.left = left, .right = right, .n_left = n_left, .n_right = n_right, .dim = dim};

    *minimum_out = INFINITY;
    job.minima = cir__new(n_left, sizeof *job.minima);
    if (job.minima == NULL)
        return cir__fail_memory(err, "similarities of a sample");
    for (size_t r = 0; r < n_left; r++)
        job.minima[r] = INFINITY;
    cir_status status = pairs_run(&job, pool, err);
    for (size_t r = 0; r < n_left; r++)
        *minimum_out = fmin(*minimum_out, job.minima[r]);
    free(job.minima);
    if (status == CIR_OK && !isfinite(*minimum_out))
        status =
            cir__fail(err, CIR_FORMAT,
                      "similarities of a sample: there is no smallest number among them; encode it again");
    return status;
}

cir_status cir__pairs_sum(const float *left, size_t n_left, const float *right, size_t n_right, size_t dim,
                          cir_pool *pool, double *sums_out, double *squares_out, cir_error *err)
{
    pairing job = {.left = left,
                   .right = right,
                   .n_left = n_left,
                   .n_right = n_right,
                   .dim = dim,
                   .sums = sums_out,
                   .squares = squares_out};

    for (size_t r = 0; r < n_left; r++)
        sums_out[r] = squares_out[r] = 0.0;
    return pairs_run(&job, pool, err);
}

float *cir__pairs_centre(const float *rows, size_t n, size_t dim, const float *mean)
{
    size_t n_items;
    float *copy = cir__size_mul(n, dim, &n_items) ? cir__new_unset(n_items, sizeof *copy) : NULL;

    for (size_t i = 0; copy != NULL && i < n_items; i++)
        copy[i] = mean == NULL ? rows[i] : rows[i] - mean[i % dim];
    return copy;
}
