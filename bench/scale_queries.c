#include "scale_queries.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "index/synthetic/synthetic_rows.h"
#include "kernels/kernels.h"

enum { N_MEAN = 20000, N_MINIMA = 4096 };

/* Clusters that no index has rows of. */
#define FIRST_CLUSTER 2000000000u

static double dot(const double *x, const float *y, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += x[i] * (double)y[i];
    return sum;
}

/* The smallest similarity of queries [n, dim] to others [N_MINIMA, dim] around the mean. */
static double smallest(const double *queries, size_t n, const float *others, size_t dim)
{
    double least = 0;
    for (size_t q = 0; q < n; q++)
        for (size_t r = 0; r < N_MINIMA; r++) {
            const double s = dot(queries + q * dim, others + r * dim, dim);
            least = s < least ? s : least;
        }
    return least;
}

/* A side's weights and offset: (⟨x − mean, query⟩ − m)/|m|, doc/method.md, steps 5 and 6. */
static float fold(const double *query, const float *mean, double m, size_t dim, float *weights_out)
{
    for (size_t i = 0; i < dim; i++)
        weights_out[i] = (float)(query[i] / -m);
    return (float)(dot(query, mean, dim) / m + 1);
}

bool bench__queries_make(size_t n, size_t n_rows, size_t dim, uint64_t seed, bench__queries *queries_out)
{
    cir_error err;
    cir__synthetic_rows *made = NULL;
    bench__queries self = {.n = n, .dim = dim};
    self.image_mean = cir__new(dim, sizeof *self.image_mean);
    self.photos = cir__new(n, dim * sizeof *self.photos);
    self.texts = cir__new(n, dim * sizeof *self.texts);
    self.text_offsets = cir__new(n, sizeof *self.text_offsets);
    double *centres = cir__new(n, dim * sizeof *centres), *sums = cir__new(dim, sizeof *sums);
    float *others = cir__new(N_MINIMA + 2, dim * sizeof *others);
    uint16_t *half = cir__new(dim, sizeof *half);
    bool is_made = self.image_mean != NULL && self.photos != NULL && self.texts != NULL &&
                   self.text_offsets != NULL && centres != NULL && sums != NULL && others != NULL &&
                   half != NULL && cir__synthetic_rows_new(n_rows, dim, seed, &made, &err) == CIR_OK;
    *queries_out = self;
    if (!is_made) {
        fprintf(stderr, "bench_scale: memory is short\n");
        goto done;
    }
    float *const row = others + N_MINIMA * dim, *const scratch = row + dim;
    for (size_t r = 0; r < N_MEAN; r++) {
        cir__synthetic_rows_get(made, n_rows + n + r, scratch, half);
        cir__kernels_get()->half_to_float(half, dim, r < N_MINIMA ? others + r * dim : row);
        for (size_t i = 0; i < dim; i++)
            sums[i] += (double)(r < N_MINIMA ? others[r * dim + i] : row[i]);
    }
    for (size_t i = 0; i < dim; i++)
        self.image_mean[i] = (float)(sums[i] / N_MEAN);
    for (size_t i = 0; i < N_MINIMA * dim; i++)
        others[i] -= self.image_mean[i % dim];
    for (size_t q = 0; q < n; q++) {
        cir__synthetic_rows_get(made, n_rows + q, scratch, half);
        cir__kernels_get()->half_to_float(half, dim, row);
        cir__synthetic_rows_centre(made, FIRST_CLUSTER + q, scratch);
        for (size_t i = 0; i < dim; i++) {
            self.photos[q * dim + i] = (double)(row[i] - self.image_mean[i]);
            centres[q * dim + i] = (double)scratch[i];
        }
    }
    queries_out->min_image = smallest(self.photos, n, others, dim);
    const double min_text = smallest(centres, n, others, dim);
    for (size_t q = 0; q < n; q++)
        self.text_offsets[q] = fold(centres + q * dim, self.image_mean, min_text, dim, self.texts + q * dim);
done:
    cir__synthetic_rows_free(made);
    free(half);
    free(others);
    free(sums);
    free(centres);
    return is_made;
}

void bench__queries_done(bench__queries *queries)
{
    free(queries->image_mean);
    free(queries->photos);
    free(queries->texts);
    free(queries->text_offsets);
    *queries = (bench__queries){0};
}

cir_query bench__query(const bench__queries *queries, size_t i, const double *photo, float *a)
{
    const size_t dim = queries->dim;
    const float a0 = fold(photo, queries->image_mean, queries->min_image, dim, a);
    return (cir_query){.dim = dim,
                       .a = a,
                       .a0 = a0,
                       .b = queries->texts + i * dim,
                       .b0 = queries->text_offsets[i],
                       .fusion = {.kind = CIR_FUSION_HARRIS, .clamp = true, .lambda = 0.1f}};
}
