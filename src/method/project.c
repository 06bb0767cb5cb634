#include "method/project.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "linalg/eigen.h"
#include "linalg/rows.h"

/* How many of the eigenvalues, largest first, are above 0 by more than rounding can make of one that is 0. */
static size_t count_positive(const double *values, size_t n, size_t dim)
{
    const double rounding = n > 0 ? (double)dim * DBL_EPSILON * values[0] : 0.0;
    size_t n_positive = 0;

    while (n_positive < n && values[n_positive] > 0.0 && values[n_positive] > rounding)
        n_positive++;
    return n_positive;
}

cir_status cir__projection_fit(bool is_of_text, const float *objects, size_t n_objects, const float *styles,
                               size_t n_styles, size_t dim, const float *text_mean,
                               const cir_settings *settings, cir_pool *pool, cir__projection *projection_out,
                               cir_error *err)
{
    const double alpha = is_of_text ? settings->text_alpha : settings->alpha;
    const double shift = !is_of_text && settings->variant == CIR_VARIANT_REFERENCE ? 1e-5 : 0.0;
    const size_t most = is_of_text ? settings->text_components : settings->components;
    const size_t k = most < dim ? most : dim;
    double *matrix = cir__new(dim, dim * sizeof *matrix);
    double *dropped = cir__new(dim, dim * sizeof *dropped);
    double *values = cir__new(k, sizeof *values);
    float *origin = cir__new(dim, sizeof *origin);
    float *directions = cir__new(k, dim * sizeof *directions);
    cir_status status;

    memset(projection_out, 0, sizeof *projection_out);
    if (matrix == NULL || dropped == NULL || values == NULL || origin == NULL || directions == NULL) {
        status = cir__fail_memory(err, "a projection");
        goto exit;
    }
    const float *const mean = text_mean != NULL ? text_mean : origin;
    if ((status = cir__rows_moment(is_of_text ? styles : objects, is_of_text ? n_styles : n_objects, dim,
                                   mean, pool, matrix, err)) != CIR_OK ||
        (status = cir__rows_moment(is_of_text ? objects : styles, is_of_text ? n_objects : n_styles, dim,
                                   mean, pool, dropped, err)) != CIR_OK)
        goto exit;
    for (size_t i = 0; i < dim * dim; i++)
        matrix[i] = (1.0 - alpha) * matrix[i] - alpha * dropped[i] + shift;
    status = cir__eigen_top(matrix, dim, k, values, directions, err);
    if (status != CIR_OK)
        goto exit;
    *projection_out = (cir__projection){
        .dim = dim, .n_directions = count_positive(values, k, dim), .directions = directions};
    directions = NULL;
    status = cir__projection_ready(projection_out, err);
exit:
    free(matrix);
    free(dropped);
    free(values);
    free(origin);
    free(directions);
    return status;
}

void cir__projection_describe(const cir_settings *settings, bool is_of_text, char *text_out, size_t size)
{
    if (is_of_text)
        snprintf(text_out, size, "text %d %zu %a", settings->centre, settings->text_components,
                 settings->text_alpha);
    else
        snprintf(text_out, size, "%d %d %zu %a", (int)settings->variant, settings->centre,
                 settings->components, settings->alpha);
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
