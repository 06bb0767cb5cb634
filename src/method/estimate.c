#include "method/estimate.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/pairs.h"

/* Of a Gaussian: 0.1 % lies farther below its mean, in deviations. */
#define FAR 3.09

/* m of rows' sums over n_columns similarities each, and of their squares. */
static double minimum_of(const double *sums, const double *squares, size_t n_rows, size_t n_columns)
{
    const double n = (double)n_columns;
    double within = 0.0, means = 0.0;

    for (size_t r = 0; r < n_rows; r++) {
        const double mean = sums[r] / n;
        means += mean * mean / (double)n_rows;
        if (n_columns > 1)
            within += fmax(squares[r] - n * mean * mean, 0.0) / ((n - 1.0) * (double)n_rows);
    }
    const double between = fmax(means - within / n, 0.0);
    return fmin(-(sqrt(within) + FAR * sqrt(between)), CIR__MINIMUM_FLOOR);
}

static cir_status estimate_one(const float *left, size_t n_left, const float *images, size_t n_images,
                               size_t dim, cir_pool *pool, double *minimum_out, cir_error *err)
{
    double *const sums = cir__new(n_left, 2 * sizeof *sums);

    if (sums == NULL)
        return cir__fail_memory(err, "similarities of a sample");
    double *const squares = sums + n_left;
    cir_status status = cir__pairs_sum(left, n_left, images, n_images, dim, pool, sums, squares, err);
    for (size_t r = 0; r < n_left && status == CIR_OK; r++)
        if (!isfinite(squares[r]))
            status =
                cir__fail(err, CIR_FORMAT, "similarities of a sample: some are no numbers; encode it again");
    if (status == CIR_OK)
        *minimum_out = minimum_of(sums, squares, n_left, left == images ? n_images - 1 : n_images);
    free(sums);
    return status;
}

cir_status cir__minima_estimate(const float *images, size_t n_images, const float *texts, size_t n_texts,
                                size_t dim, const float *image_mean, const float *text_mean, cir_pool *pool,
                                cir__minima *minima_out, cir_error *err)
{
    float *const centred_images = cir__pairs_centre(images, n_images, dim, image_mean);
    float *const centred_texts = cir__pairs_centre(texts, n_texts, dim, text_mean);
    cir_status status = CIR_OK;

    *minima_out = (cir__minima){.source = CIR_MINIMA_ESTIMATED};
    if (centred_images == NULL || centred_texts == NULL)
        status = cir__fail_memory(err, "similarities of a sample");
    if (status == CIR_OK)
        status = estimate_one(centred_images, n_images, centred_images, n_images, dim, pool,
                              &minima_out->image, err);
    if (status == CIR_OK)
        status =
            estimate_one(centred_texts, n_texts, centred_images, n_images, dim, pool, &minima_out->text, err);
    free(centred_images);
    free(centred_texts);
    return status;
}
