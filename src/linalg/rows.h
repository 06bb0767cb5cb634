/* Rows of features: unit length, means, second moments. */
#ifndef CIR_LINALG_ROWS_H
#define CIR_LINALG_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "cir/pool.h"
#include "cir/status.h"

/* Rows to be looked at; lends everything. Exactly one of f16 and f32 is set. */
typedef struct cir__row_set {
    size_t n_rows;
    size_t dim;
    const uint16_t *f16;  /* [n_rows, dim] half bits */
    const float *f32;     /* [n_rows, dim] */
    const float *scales;  /* [n_rows], row r stands for itself times scales[r]; NULL: for itself */
    const uint8_t *ready; /* [n_rows], rows with 0 do not count; NULL: all do */
    const size_t *chosen; /* [n_chosen] row numbers, the only ones that count; NULL: all do */
    size_t n_chosen;
} cir__row_set;

/* Scales every row of rows [n_rows, dim] to length 1, in place. A row of zeros, and one that holds a NaN or
 * an infinity, has no direction: it stays as it is and is counted. Returns their number; first_out, which may
 * be NULL, gets the first one's. */
size_t cir__rows_normalise(float *rows, size_t n_rows, size_t dim, size_t *first_out);

/* mean_out [dim]: the mean of the set's rows, summed in double; rows with a NaN or an infinity are left out.
 * n_used_out, which may be NULL, gets how many rows were in. Errors: CIR_ARGUMENT (no row is left),
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__rows_mean(const cir__row_set *set, cir_pool *pool, float *mean_out,
                                         size_t *n_used_out, cir_error *err);

/* The second moment of rows [n_rows, dim] around mean [dim]:  moment_out = Σ (x − mean)(x − mean)ᵀ / (n_rows
 * − 1), [dim, dim], exactly symmetric (doc/method.md, step 3: S₊ and S₋, both around μt). In double. Errors:
 * CIR_ARGUMENT (fewer than 2 rows), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__rows_moment(const float *rows, size_t n_rows, size_t dim, const float *mean,
                                           cir_pool *pool, double *moment_out, cir_error *err);

#endif
