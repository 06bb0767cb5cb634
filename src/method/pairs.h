/* Similarities of all pairs of two sets of rows, never held at once. */
#ifndef CIR_METHOD_PAIRS_H
#define CIR_METHOD_PAIRS_H

#include <stddef.h>

#include "cir/pool.h"
#include "cir/status.h"

/* A copy of rows [n, dim] less mean (NULL: nothing less), NULL when out of memory; free() it. */
float *cir__pairs_centre(const float *rows, size_t n, size_t dim, const float *mean);

/* The smallest dot product of a left row [n_left, dim] with a right one [n_right, dim]. Errors: CIR_FORMAT
 * (there is no smallest number), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__pairs_minimum(const float *left, size_t n_left, const float *right,
                                             size_t n_right, size_t dim, cir_pool *pool, double *minimum_out,
                                             cir_error *err);

/* The sum of each left row's products with all right rows, and of their squares: [n_left]. Where left and
 * right are the same pointer, no row is paired with itself. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__pairs_sum(const float *left, size_t n_left, const float *right, size_t n_right,
                                         size_t dim, cir_pool *pool, double *sums_out, double *squares_out,
                                         cir_error *err);

#endif
