#include "method/expand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/centre.h"
#include "method/row.h"

/* mean = Σ wᵢ x̄ᵢ over the hits and the query itself, w = exp(β·s)/Σ. The largest exponent is taken out of
 * all, so that none overflows. row: [dim] scratch. */
static void average(const cir_hit *hits, size_t n_hits, const float *image_mean, double beta,
                    const cir_rows *rows, const double *query, float *row, double *mean)
{
    const size_t dim = rows->dim;
    double largest = beta, sum = 0.0;

    for (size_t h = 0; h < n_hits; h++)
        largest = fmax(largest, beta * (double)hits[h].score);
    for (size_t h = 0; h < n_hits; h++) {
        const double weight = exp(beta * (double)hits[h].score - largest);
        cir__row_copy(rows, hits[h].id, row);
        for (size_t i = 0; i < dim; i++)
            mean[i] += weight * ((double)row[i] - (image_mean == NULL ? 0.0 : (double)image_mean[i]));
        sum += weight;
    }
    const double own_weight = exp(beta * 1.0 - largest);
    sum += own_weight;
    for (size_t i = 0; i < dim; i++)
        mean[i] = (mean[i] + own_weight * query[i]) / sum;
}

/* The queries that find the nearest images of the projected ones: nearest_out [n], weights_out [n, dim]. */
static void nearest_fold(double *projected, size_t n, size_t dim, const float *image_mean, float *weights_out,
                         cir_query *nearest_out)
{
    for (size_t q = 0; q < n; q++) {
        const cir__linear_form form = cir__centre_fold(dim, projected + q * dim, image_mean);
        float *const weights = weights_out + q * dim;
        for (size_t i = 0; i < dim; i++)
            weights[i] = (float)form.weights[i];
        nearest_out[q] = (cir_query){.dim = dim,
                                     .a = weights,
                                     .a0 = (float)form.offset,
                                     .fusion = {.kind = CIR_FUSION_IMAGE, .weight = 0.5f}};
    }
}

cir_status cir__expand(const cir__projection *projection, const float *image_mean,
                       const cir_settings *settings, const cir_rows *rows, cir_pool *pool, double *queries,
                       size_t n, cir_error *err)
{
    const size_t dim = rows->dim;
    const size_t k = settings->neighbours < rows->n_rows ? settings->neighbours : rows->n_rows;
    cir_status status = CIR_OK;

    if (k == 0 || n == 0)
        return CIR_OK; /* nothing to expand with */
    cir_hit *hits = cir__new(n, k * sizeof *hits);
    size_t *n_hits = cir__new(n, sizeof *n_hits);
    double *projected = cir__new(n, dim * sizeof *projected);
    float *weights = cir__new(n, dim * sizeof *weights);
    cir_query *nearest = cir__new(n, sizeof *nearest);
    if (hits == NULL || n_hits == NULL || projected == NULL || weights == NULL || nearest == NULL) {
        status = cir__fail_memory(err, "query expansion");
        goto exit;
    }

    status = cir__projection_apply(projection, dim, queries, n, projected, err);
    if (status != CIR_OK)
        goto exit;
    nearest_fold(projected, n, dim, image_mean, weights, nearest);
    cir_search_options options = {.size = sizeof options};
    cir_settings_get_search(settings, &options);
    status = cir_search_find(rows, nearest, n, k, &options, pool, hits, n_hits, NULL, err);
    for (size_t q = 0; q < n && status == CIR_OK; q++) {
        double *const query = queries + q * dim;
        memset(projected, 0, dim * sizeof *projected);
        average(hits + q * k, n_hits[q], image_mean, settings->beta, rows, query, weights, projected);
        memcpy(query, projected, dim * sizeof *query);
    }
exit:
    free(hits);
    free(n_hits);
    free(projected);
    free(weights);
    free(nearest);
    return status;
}
