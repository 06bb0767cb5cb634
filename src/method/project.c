#include "method/project.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "linalg/eigen.h"
#include "linalg/rows.h"

/* What is kept and what is not: rows [n, dim], and how. */
typedef struct contrast {
    const float *kept, *dropped;
    size_t n_kept, n_dropped;
    double alpha; /* weight of what is dropped */
    double shift; /* added to every entry of C */
    size_t n_components;
} contrast;

/* How many of the eigenvalues, largest first, are above 0 by more than rounding can make of one that is 0. */
static size_t count_positive(const double *values, size_t n, size_t dim)
{
    const double rounding = n > 0 ? (double)dim * DBL_EPSILON * values[0] : 0.0;
    size_t n_positive = 0;

    while (n_positive < n && values[n_positive] > 0.0 && values[n_positive] > rounding)
        n_positive++;
    return n_positive;
}

/* C = (1 − α)·S_kept − α·S_dropped + shift, and its leading directions. */
static cir_status fit(const contrast *how, size_t dim, const float *text_mean, cir_pool *pool,
                      cir__projection *projection_out, cir_error *err)
{
    const size_t k = how->n_components < dim ? how->n_components : dim;
    double *matrix = cir__new(dim, dim * sizeof *matrix);
    double *dropped_moment = cir__new(dim, dim * sizeof *dropped_moment);
    double *values = cir__new(k, sizeof *values);
    float *origin = cir__new(dim, sizeof *origin);
    float *directions = cir__new(k, dim * sizeof *directions);
    cir_status status;

    memset(projection_out, 0, sizeof *projection_out);
    if (matrix == NULL || dropped_moment == NULL || values == NULL || origin == NULL || directions == NULL) {
        status = cir__fail_memory(err, "a projection");
        goto exit;
    }
    const float *const mean = text_mean != NULL ? text_mean : origin;
    if ((status = cir__rows_moment(how->kept, how->n_kept, dim, mean, pool, matrix, err)) != CIR_OK ||
        (status = cir__rows_moment(how->dropped, how->n_dropped, dim, mean, pool, dropped_moment, err)) !=
            CIR_OK)
        goto exit;
    for (size_t i = 0; i < dim * dim; i++)
        matrix[i] = (1.0 - how->alpha) * matrix[i] - how->alpha * dropped_moment[i] + how->shift;
    status = cir__eigen_top(matrix, dim, k, values, directions, err);
    if (status != CIR_OK)
        goto exit;
    *projection_out = (cir__projection){
        .dim = dim, .n_directions = count_positive(values, k, dim), .directions = directions};
    directions = NULL;
    status = cir__projection_ready(projection_out, err);
exit:
    free(matrix);
    free(dropped_moment);
    free(values);
    free(origin);
    free(directions);
    return status;
}

cir_status cir__projection_fit(const float *objects, size_t n_objects, const float *styles, size_t n_styles,
                               size_t dim, const float *text_mean, const cir_settings *settings,
                               cir_pool *pool, cir__projection *projection_out, cir_error *err)
{
    const contrast how = {.kept = objects,
                          .n_kept = n_objects,
                          .dropped = styles,
                          .n_dropped = n_styles,
                          .alpha = settings->alpha,
                          .shift = settings->variant == CIR_VARIANT_REFERENCE ? 1e-5 : 0.0,
                          .n_components = settings->components};
    return fit(&how, dim, text_mean, pool, projection_out, err);
}

cir_status cir__projection_fit_text(const float *objects, size_t n_objects, const float *styles,
                                    size_t n_styles, size_t dim, const float *text_mean,
                                    const cir_settings *settings, cir_pool *pool,
                                    cir__projection *projection_out, cir_error *err)
{
    const contrast how = {.kept = styles,
                          .n_kept = n_styles,
                          .dropped = objects,
                          .n_dropped = n_objects,
                          .alpha = settings->text_alpha,
                          .n_components = settings->text_components};
    return fit(&how, dim, text_mean, pool, projection_out, err);
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
