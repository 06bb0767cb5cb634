#include "search/scan.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "search/fusion.h"

/* A block is about BLOCK_BYTES of rows: enough that starting one costs nothing beside it, few enough that
 * threads end together; its scores stay in the nearest caches. */
#define BLOCK_BYTES ((size_t)1 << 20)
#define MIN_BLOCK_ROWS 16
#define MAX_BLOCK_ROWS 4096

static size_t row_bytes_of(const cir_rows *rows)
{
    return rows->dim * (rows->f16 != NULL ? sizeof *rows->f16 : sizeof *rows->f32);
}

const void *cir__scan_rows(const cir_rows *rows)
{
    return rows->f16 != NULL ? (const void *)rows->f16 : rows->f32;
}

bool cir__scan_may_read(const cir__mapped *mapped, const cir_rows *rows, size_t first, size_t n)
{
    return cir__mapped_may_read(mapped, first * row_bytes_of(rows), n * row_bytes_of(rows));
}

cir_status cir__scan_check_read(const cir_rows *rows, cir_error *err)
{
    return cir__mapped_check(cir__scan_rows(rows), err);
}

size_t cir__scan_block_rows(const cir_rows *rows)
{
    const size_t n = BLOCK_BYTES / row_bytes_of(rows);
    return n < MIN_BLOCK_ROWS ? MIN_BLOCK_ROWS : n > MAX_BLOCK_ROWS ? MAX_BLOCK_ROWS : n;
}

static cir_status check_vector(const char *name, const float *vector, float offset, size_t dim,
                               cir_error *err)
{
    if (vector == NULL)
        return CIR_OK;
    for (size_t i = 0; i < dim; i++)
        if (!isfinite(vector[i]))
            return cir__fail(err, CIR_ARGUMENT, "query: %s[%zu] is %g; it must be a finite number", name, i,
                             (double)vector[i]);
    if (!isfinite(offset))
        return cir__fail(err, CIR_ARGUMENT, "query: %s0 is %g; it must be a finite number", name,
                         (double)offset);
    return CIR_OK;
}

cir_status cir__scan_check(const cir_rows *rows, const cir_query *query, cir_error *err)
{
    assert(rows->n_rows == 0 || (rows->f16 == NULL) != (rows->f32 == NULL));
    assert(query->a != NULL || query->fusion.kind == CIR_FUSION_TEXT);
    assert(query->b != NULL || query->fusion.kind == CIR_FUSION_IMAGE);
    if (query->dim != rows->dim || query->dim == 0)
        return cir__fail(err, CIR_SHAPE, "query: it has dimension %zu, the rows have %zu", query->dim,
                         rows->dim);
    cir_status status = cir__fusion_check(&query->fusion, err);
    if (status == CIR_OK)
        status = check_vector("a", query->a, query->a0, query->dim, err);
    return status == CIR_OK ? check_vector("b", query->b, query->b0, query->dim, err) : status;
}

cir_status cir__scan_init(cir__scan *s, const cir_rows *rows, const cir_query *query, cir_pool *pool,
                          cir_error *err)
{
    *s = (cir__scan){.rows = rows,
                     .query = query,
                     .kernels = cir__kernels_get(),
                     .mapped = cir__mapped_find(cir__scan_rows(rows))};
    cir_status status = cir__scan_check(rows, query, err);
    if (status != CIR_OK)
        return status;

    s->block_rows = cir__scan_block_rows(rows);
    s->n_blocks = rows->n_rows / s->block_rows + (rows->n_rows % s->block_rows != 0);
    s->n_threads = cir_pool_get_n_threads(pool);
    s->scratch = cir__new_unset(s->n_threads, 3 * s->block_rows * sizeof *s->scratch);
    return s->scratch != NULL ? CIR_OK : cir__fail_memory(err, "search");
}

void cir__scan_done(cir__scan *s)
{
    free(s->scratch);
}

size_t cir__scan_block(const cir__scan *s, size_t i_block, size_t *n_out)
{
    size_t first = i_block * s->block_rows;
    size_t left = s->rows->n_rows - first;
    *n_out = left < s->block_rows ? left : s->block_rows;
    return first;
}

float *cir__scan_scratch(const cir__scan *s, size_t i_thread, size_t i_part)
{
    return s->scratch + (i_thread * 3 + i_part) * s->block_rows;
}

void cir__scan_dot(const cir__scan *s, size_t first, size_t n, float *v, float *t)
{
    const cir_query *query = s->query;
    const cir__kernels *kernels = s->kernels;
    size_t dim = query->dim;
    const float *one = query->a != NULL ? query->a : query->b;
    float *one_out = query->a != NULL ? v : t;
    bool has_both = query->a != NULL && query->b != NULL;
    if (!cir__scan_may_read(s->mapped, s->rows, first, n)) {
        memset(v, 0, n * sizeof *v);
        memset(t, 0, n * sizeof *t);
        return;
    }
    if (s->rows->f16 != NULL) {
        const uint16_t *rows = s->rows->f16 + first * dim;
        if (has_both)
            kernels->dot2_f16(rows, n, dim, dim, query->a, query->b, v, t);
        else
            kernels->dot1_f16(rows, n, dim, dim, one, one_out);
    } else {
        const float *rows = s->rows->f32 + first * dim;
        if (has_both)
            kernels->dot2_f32(rows, n, dim, dim, query->a, query->b, v, t);
        else
            kernels->dot1_f32(rows, n, dim, dim, one, one_out);
    }
    const float *scales = s->rows->scales != NULL ? s->rows->scales + first : NULL;
    for (size_t i = 0; i < n; i++)
        v[i] = query->a == NULL ? 0 : (scales != NULL ? v[i] * scales[i] : v[i]) + query->a0;
    for (size_t i = 0; i < n; i++)
        t[i] = query->b == NULL ? 0 : (scales != NULL ? t[i] * scales[i] : t[i]) + query->b0;
}

void cir__scan_mask(const cir_rows *rows, size_t first, size_t n, float *values)
{
    if (rows->ready == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        values[i] = rows->ready[first + i] != 0 ? values[i] : NAN;
}
