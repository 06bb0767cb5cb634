#include "method/project.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "linalg/eigen.h"
#include "linalg/rows.h"

/* matrix = (1 − α)·S₊ − α·S₋ (+ 1e-5 everywhere in variant reference); [dim, dim] each. */
static void contrast(double *matrix, const double *styles_moment, size_t n_items,
                     const cir_settings *settings)
{
    const double alpha = settings->alpha;
    const double shift = settings->variant == CIR_VARIANT_REFERENCE ? 1e-5 : 0.0;

    for (size_t i = 0; i < n_items; i++)
        matrix[i] = (1.0 - alpha) * matrix[i] - alpha * styles_moment[i] + shift;
}

/* How many of the eigenvalues, largest first, are above 0 by more than rounding can make of one that is 0. */
static size_t count_positive(const double *values, size_t n, size_t dim)
{
    const double rounding = n > 0 ? (double)dim * DBL_EPSILON * values[0] : 0.0;
    size_t n_positive = 0;

    while (n_positive < n && values[n_positive] > 0.0 && values[n_positive] > rounding)
        n_positive++;
    return n_positive;
}

cir_status cir__projection_fit(const float *objects, size_t n_objects, const float *styles, size_t n_styles,
                               size_t dim, const float *text_mean, const cir_settings *settings,
                               cir_pool *pool, cir__projection *projection_out, cir_error *err)
{
    const size_t k = settings->components < dim ? settings->components : dim;
    double *matrix = cir__new(dim, dim * sizeof *matrix);
    double *styles_moment = cir__new(dim, dim * sizeof *styles_moment);
    double *values = cir__new(k, sizeof *values);
    float *origin = cir__new(dim, sizeof *origin);
    float *directions = cir__new(k, dim * sizeof *directions);
    cir_status status;

    memset(projection_out, 0, sizeof *projection_out);
    if (matrix == NULL || styles_moment == NULL || values == NULL || origin == NULL || directions == NULL) {
        status = cir__fail_memory(err, "a projection");
        goto exit;
    }
    const float *const mean = text_mean != NULL ? text_mean : origin;
    if ((status = cir__rows_moment(objects, n_objects, dim, mean, pool, matrix, err)) != CIR_OK ||
        (status = cir__rows_moment(styles, n_styles, dim, mean, pool, styles_moment, err)) != CIR_OK)
        goto exit;
    contrast(matrix, styles_moment, dim * dim, settings);
    status = cir__eigen_top(matrix, dim, k, values, directions, err);
    if (status != CIR_OK)
        goto exit;
    *projection_out = (cir__projection){
        .dim = dim, .n_directions = count_positive(values, k, dim), .directions = directions};
    directions = NULL;
    status = cir__projection_ready(projection_out, err);
exit:
    free(matrix);
    free(styles_moment);
    free(values);
    free(origin);
    free(directions);
    return status;
}

cir_status cir__projection_ready(cir__projection *projection, cir_error *err)
{
    const size_t n = projection->n_directions * projection->dim;

    projection->precise = cir__new_unset(n, sizeof *projection->precise);
    if (projection->precise == NULL)
        return cir__fail_memory(err, "a projection");
    for (size_t i = 0; i < n; i++)
        projection->precise[i] = (double)projection->directions[i];
    return CIR_OK;
}

cir_status cir__projection_apply(const cir__projection *projection, size_t dim, const double *queries,
                                 size_t n, double *projected_out, cir_error *err)
{
    if (projection != NULL)
        return cir__project(projection->precise, projection->n_directions, dim, queries, n, projected_out,
                            err);
    memcpy(projected_out, queries, n * dim * sizeof *queries);
    return CIR_OK;
}

void cir__projection_done(cir__projection *projection)
{
    free(projection->directions);
    free(projection->precise);
    memset(projection, 0, sizeof *projection);
}
