#include "eval/data/gallery.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

/* Rows of a block: about a megabyte of usual features. */
#define BLOCK_ROWS 256

/* Halves that are converted at a time. */
#define HALVES 1024

void cir__gallery_own(cir__gallery *gallery, float *rows, size_t n, size_t dim)
{
    *gallery = (cir__gallery){.rows = {.n_rows = n, .dim = dim, .f32 = rows}, .memory = rows};
}

/* Doubles have no kernels: they are rounded to floats. */
static cir_status doubles_round(cir__gallery *gallery, const char *name, cir_error *err)
{
    const cir__npy_view *const view = &gallery->file.view;
    size_t n_floats;

    if (cir__size_mul(view->n_rows, view->row_items, &n_floats))
        gallery->memory = cir__new_unset(n_floats, sizeof(float));
    if (gallery->memory == NULL)
        return cir__fail_memory(err, name);
    cir__npy_copy_rows(view, 0, view->n_rows, gallery->memory);
    return cir__mapped_check(gallery->file.mapping.data, err);
}

cir_status cir__gallery_take(cir__gallery *gallery, cir__npy_file *file, const char *name, cir_error *err)
{
    const cir__npy_view *const view = &file->view;
    cir_status status = CIR_OK;

    *gallery = (cir__gallery){.rows = {.n_rows = view->n_rows, .dim = view->row_items}, .file = *file};
    memset(file, 0, sizeof *file);
    if (gallery->file.view.dtype == CIR__NPY_F64 && (status = doubles_round(gallery, name, err)) != CIR_OK)
        return status;
    gallery->scales = cir__new_unset(gallery->rows.n_rows, sizeof *gallery->scales);
    if (gallery->scales == NULL)
        return cir__fail_memory(err, name);
    gallery->rows.scales = gallery->scales;
    if (gallery->file.view.dtype == CIR__NPY_F16)
        gallery->rows.f16 = gallery->file.view.data;
    else
        gallery->rows.f32 = gallery->memory != NULL ? gallery->memory : gallery->file.view.data;
    return CIR_OK;
}

size_t cir__gallery_n_blocks(const cir__gallery *gallery)
{
    return (gallery->rows.n_rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
}

/* A row's sum of squares; in double where that of floats overflows, vanishes, or is rounded from little. */
static double square(const cir__kernels *kernels, const cir_rows *rows, size_t r)
{
    const size_t dim = rows->dim;
    float sum = 0;
    double precise = 0;

    if (rows->f16 != NULL) { /* the squares of halves and their sums are within a float's reach */
        float some[HALVES];
        for (size_t i = 0; i < dim; i += HALVES) {
            const size_t n = dim - i < HALVES ? dim - i : HALVES;
            kernels->half_to_float(rows->f16 + r * dim + i, n, some);
            kernels->dot1_f32(some, 1, n, n, some, &sum);
            precise += (double)sum;
        }
        return precise;
    }
    const float *const row = rows->f32 + r * dim;
    kernels->dot1_f32(row, 1, dim, dim, row, &sum);
    if (sum > 0x1p-60f && sum < 0x1p60f)
        return (double)sum;
    for (size_t i = 0; i < dim; i++)
        precise += (double)row[i] * (double)row[i];
    return precise;
}

void cir__gallery_measure(cir__gallery *gallery, size_t i_block)
{
    const cir__kernels *const kernels = cir__kernels_get();
    const cir_rows *const rows = &gallery->rows;
    const size_t first = i_block * BLOCK_ROWS;
    const size_t end = rows->n_rows - first < BLOCK_ROWS ? rows->n_rows : first + BLOCK_ROWS;

    for (size_t r = first; r < end; r++) {
        const double sum = square(kernels, rows, r);
        gallery->scales[r] = sum > 0 && isfinite(sum) ? (float)(1 / sqrt(sum)) : NAN;
    }
}

/* Rows being put into another order. */
typedef struct gathering {
    const cir_rows *rows;
    const size_t *order;
    size_t row_bytes;
    char *out;
    float *scales;
} gathering;

static void gather_task(void *context, size_t i_task, size_t i_thread)
{
    const gathering *const job = context;
    const cir_rows *const rows = job->rows;
    const char *const from = rows->f16 != NULL ? (const void *)rows->f16 : (const void *)rows->f32;
    const size_t first = i_task * BLOCK_ROWS;
    const size_t end = rows->n_rows - first < BLOCK_ROWS ? rows->n_rows : first + BLOCK_ROWS;

    (void)i_thread;
    for (size_t r = first; r < end; r++) {
        memcpy(job->out + r * job->row_bytes, from + job->order[r] * job->row_bytes, job->row_bytes);
        job->scales[r] = rows->scales[job->order[r]];
    }
}

static cir_status gather(cir__gallery *gallery, const char *name, const size_t *order, cir_pool *pool,
                         cir_error *err)
{
    cir_rows *const rows = &gallery->rows;
    const size_t item_bytes = rows->f16 != NULL ? sizeof *rows->f16 : sizeof *rows->f32;
    gathering job = {.rows = rows, .order = order, .row_bytes = rows->dim * item_bytes};
    size_t n_items;

    if (cir__size_mul(rows->n_rows, rows->dim, &n_items))
        job.out = cir__new_unset(n_items, item_bytes);
    job.scales = cir__new_unset(rows->n_rows, sizeof *job.scales);
    if (job.out == NULL || job.scales == NULL) {
        free(job.out);
        free(job.scales);
        return cir__fail_memory(err, name);
    }
    cir__pool_run(pool, cir__gallery_n_blocks(gallery), gather_task, &job);
    const cir_status status = cir__mapped_check(gallery->file.mapping.data, err);
    if (status != CIR_OK) {
        free(job.out);
        free(job.scales);
        return status;
    }
    free(gallery->memory);
    free(gallery->scales);
    cir__npy_close(&gallery->file);
    gallery->memory = job.out;
    rows->scales = gallery->scales = job.scales;
    if (rows->f16 != NULL)
        rows->f16 = gallery->memory;
    else
        rows->f32 = gallery->memory;
    return CIR_OK;
}

cir_status cir__gallery_order(cir__gallery *gallery, const char *name, const size_t *order, cir_pool *pool,
                              cir_error *err)
{
    const cir_status status = cir__mapped_check(gallery->file.mapping.data, err);
    bool is_ordered = true;

    if (status != CIR_OK)
        return status;
    for (size_t r = 0; r < gallery->rows.n_rows; r++) {
        if (isnan(gallery->scales[r]))
            return cir__fail(err, CIR_FORMAT,
                             "%s: row %zu has no direction (zero, or not a number); encode that item again",
                             name, r);
        is_ordered = is_ordered && order[r] == r;
    }
    return is_ordered ? CIR_OK : gather(gallery, name, order, pool, err);
}

void cir__gallery_done(cir__gallery *gallery)
{
    cir__npy_close(&gallery->file);
    free(gallery->memory);
    free(gallery->scales);
    memset(gallery, 0, sizeof *gallery);
}
