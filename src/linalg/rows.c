/* Sums over rows are made in blocks whose borders depend on the number of rows alone, and joined in order, so
 * that results do not depend on the number of threads. */
#include "linalg/rows.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

size_t cir__rows_normalise(float *rows, size_t n_rows, size_t dim, size_t *first_out)
{
    size_t n_bad = 0;
    for (size_t r = 0; r < n_rows; r++) {
        float *row = rows + r * dim;
        double sum = 0; /* squares of floats neither overflow nor vanish in double */
        for (size_t i = 0; i < dim; i++)
            sum += (double)row[i] * (double)row[i];
        if (!(sum > 0 && isfinite(sum))) {
            if (n_bad == 0 && first_out != NULL)
                *first_out = r;
            n_bad++;
            continue;
        }
        double scale = 1 / sqrt(sum);
        for (size_t i = 0; i < dim; i++)
            row[i] = (float)((double)row[i] * scale);
    }
    return n_bad;
}

/* At most this many partial sums, whatever the number of rows. */
#define MAX_MEAN_BLOCKS 256
#define MIN_MEAN_BLOCK_ROWS 512

typedef struct mean_job {
    const cir__row_set *set;
    const cir__kernels *kernels;
    size_t n_items; /* rows, or chosen rows */
    size_t block_items;
    double *sums;   /* [n_blocks, dim] */
    size_t *n_used; /* [n_blocks] */
    float *rows;    /* [n_threads, dim], for rows of halves */
} mean_job;

static void mean_task(void *context, size_t i_task, size_t i_thread)
{
    const mean_job *job = context;
    const cir__row_set *set = job->set;
    size_t dim = set->dim, first = i_task * job->block_items;
    size_t end = job->n_items - first < job->block_items ? job->n_items : first + job->block_items;
    double *sums = job->sums + i_task * dim;
    for (size_t item = first; item < end; item++) {
        size_t r = set->chosen != NULL ? set->chosen[item] : item;
        assert(r < set->n_rows);
        if (set->ready != NULL && set->ready[r] == 0)
            continue;
        float *as_float = job->rows + i_thread * dim;
        if (set->f16 != NULL)
            job->kernels->half_to_float(set->f16 + r * dim, dim, as_float);
        const float *row = set->f16 != NULL ? as_float : set->f32 + r * dim;
        bool is_finite = true;
        for (size_t i = 0; i < dim; i++)
            is_finite &= fabsf(row[i]) <= 0x1.fffffep127f;
        if (!is_finite)
            continue;
        const double scale = set->scales != NULL ? (double)set->scales[r] : 1;
        for (size_t i = 0; i < dim; i++)
            sums[i] += scale * (double)row[i];
        job->n_used[i_task]++;
    }
}

cir_status cir__rows_mean(const cir__row_set *set, cir_pool *pool, float *mean_out, size_t *n_used_out,
                          cir_error *err)
{
    assert((set->f16 == NULL) != (set->f32 == NULL) && set->dim > 0);
    size_t dim = set->dim;
    cir_status status = CIR_OK;
    memset(mean_out, 0, dim * sizeof *mean_out);
    if (n_used_out != NULL)
        *n_used_out = 0;
    mean_job job = {.set = set, .kernels = cir__kernels_get()};
    job.n_items = set->chosen != NULL ? set->n_chosen : set->n_rows;
    job.block_items = job.n_items / MAX_MEAN_BLOCKS + 1;
    if (job.block_items < MIN_MEAN_BLOCK_ROWS)
        job.block_items = MIN_MEAN_BLOCK_ROWS;
    size_t n_blocks = job.n_items / job.block_items + (job.n_items % job.block_items != 0);
    job.sums = cir__new(n_blocks, dim * sizeof *job.sums);
    job.n_used = cir__new(n_blocks, sizeof *job.n_used);
    job.rows = cir__new(cir_pool_get_n_threads(pool), dim * sizeof *job.rows);
    if (job.sums == NULL || job.n_used == NULL || job.rows == NULL) {
        status = cir__fail_memory(err, "mean of features");
        goto done;
    }
    cir__pool_run(pool, n_blocks, mean_task, &job);
    size_t n_used = 0;
    for (size_t b = 0; b < n_blocks; b++) {
        n_used += job.n_used[b];
        for (size_t i = 0; b > 0 && i < dim; i++)
            job.sums[i] += job.sums[b * dim + i];
    }
    if (n_used == 0) {
        status = cir__fail(err, CIR_ARGUMENT, "mean of features: none of %zu rows can be used", job.n_items);
        goto done;
    }
    for (size_t i = 0; i < dim; i++)
        mean_out[i] = (float)(job.sums[i] / (double)n_used);
    if (n_used_out != NULL)
        *n_used_out = n_used;
done:
    free(job.sums);
    free(job.n_used);
    free(job.rows);
    return status;
}

/* The product is cut into square tiles of the upper triangle: one task each, always the same arithmetic. */
#define TILE CIR__COLUMNS_MAX

typedef struct moment_job {
    size_t n_rows, dim, n_tiles; /* tiles a side */
    const double *centred;       /* [n_rows, dim] */
    double *moment;              /* [dim, dim] */
    const cir__kernels *kernels;
    double *scratch; /* [n_threads, CIR__COLUMNS_SCRATCH] */
} moment_job;

static size_t tile_size(const moment_job *job, size_t i)
{
    return job->dim - i * TILE < TILE ? job->dim - i * TILE : TILE;
}

static void moment_task(void *context, size_t i_task, size_t i_thread)
{
    const moment_job *job = context;
    size_t i = i_task / job->n_tiles, j = i_task % job->n_tiles, dim = job->dim;
    if (j < i)
        return;
    job->kernels->columns_f64(job->centred + i * TILE, job->centred + j * TILE, job->n_rows, dim,
                              tile_size(job, i), tile_size(job, j), 1.0 / (double)(job->n_rows - 1),
                              job->scratch + i_thread * CIR__COLUMNS_SCRATCH,
                              job->moment + i * TILE * dim + j * TILE, dim);
}

cir_status cir__rows_moment(const float *rows, size_t n_rows, size_t dim, const float *mean, cir_pool *pool,
                            double *moment_out, cir_error *err)
{
    if (n_rows < 2)
        return cir__fail(err, CIR_ARGUMENT, "second moment: %zu rows given, at least 2 are needed", n_rows);
    double *centred = cir__new_unset(n_rows, dim * sizeof *centred);
    double *scratch = cir__new_unset(cir_pool_get_n_threads(pool), CIR__COLUMNS_SCRATCH * sizeof *scratch);
    if (centred == NULL || scratch == NULL) {
        free(centred);
        free(scratch);
        return cir__fail_memory(err, "second moment");
    }
    for (size_t r = 0; r < n_rows; r++)
        for (size_t i = 0; i < dim; i++)
            centred[r * dim + i] = (double)rows[r * dim + i] - (double)mean[i];
    moment_job job = {n_rows, dim, (dim + TILE - 1) / TILE, centred, moment_out, cir__kernels_get(), scratch};
    cir__pool_run(pool, job.n_tiles * job.n_tiles, moment_task, &job);
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < i; j++)
            moment_out[i * dim + j] = moment_out[j * dim + i];
    free(centred);
    free(scratch);
    return CIR_OK;
}
