#include "search/search_testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/half.h"

enum { N_CLUSTERS = 40, N_BASES = 5 };

uint32_t testing_bits(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 32);
}

float testing_gauss(uint64_t *random)
{
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (float)testing_bits(random) * 0x1p-31f - 1;
    return sum * 0.8660254f; /* four times a variance of 1/3 */
}

static void scale_to(float *vector, size_t dim, float norm)
{
    float sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += vector[i] * vector[i];
    for (size_t i = 0; i < dim && sum > 0; i++)
        vector[i] *= norm / sqrtf(sum);
}

/* spectrum: [dim], or NULL: the same for all components. */
static void gauss_fill(uint64_t *random, size_t dim, const float *spectrum, float norm, float *out)
{
    for (size_t i = 0; i < dim; i++)
        out[i] = testing_gauss(random) * (spectrum != NULL ? spectrum[i] : 1);
    scale_to(out, dim, norm);
}

static void row_make(testing_shape shape, size_t r, size_t dim, const float *clusters, const float *spectrum,
                     uint64_t *random, float *row)
{
    switch (shape) {
    case TESTING_UNIFORM:
    case TESTING_N_SHAPES:
        gauss_fill(random, dim, NULL, 1, row);
        break;
    case TESTING_CLUSTERED: {
        const float *const cluster = clusters + (1 + testing_bits(random) % (N_CLUSTERS - 1)) * dim;
        gauss_fill(random, dim, spectrum, 0.3f, row);
        for (size_t i = 0; i < dim; i++)
            row[i] += 0.6f * clusters[i] + 0.6f * cluster[i];
        scale_to(row, dim, 1);
        break;
    }
    case TESTING_DUPLICATES:
        memcpy(row, clusters + (testing_bits(random) % N_BASES) * dim, dim * sizeof *row);
        break;
    case TESTING_EQUAL:
        memcpy(row, clusters, dim * sizeof *row);
        break;
    case TESTING_AT_CENTRE:
        for (size_t i = 0; i < dim; i++)
            row[i] = clusters[i] + (r % 2 == 0 ? 0 : 1e-3f * testing_gauss(random));
        break;
    case TESTING_ZEROS:
        memset(row, 0, dim * sizeof *row);
        break;
    case TESTING_HALF:
        row_make(TESTING_CLUSTERED, r, dim, clusters, spectrum, random, row);
        memset(row + dim / 2, 0, (dim - dim / 2) * sizeof *row);
        break;
    }
}

void testing_rows_code(testing_rows *t, size_t n)
{
    const size_t dim = t->rows.dim, block_bytes = cir__coder_block_bytes(t->coder);

    free(t->blocks);
    t->blocks = aligned_alloc(64, (n / CIR__CODE_ROWS + 1) * block_bytes);
    assert_non_null(t->blocks);
    memset(t->blocks, 0, (n / CIR__CODE_ROWS + 1) * block_bytes);
    for (size_t r = 0; r < n; r += CIR__CODE_ROWS)
        cir__coder_write(t->coder, t->f16 + r * dim, n - r < CIR__CODE_ROWS ? n - r : CIR__CODE_ROWS, 0,
                         t->blocks + r / CIR__CODE_ROWS * block_bytes);
    t->codes = (cir_codes){
        .coder = t->coder, .blocks = t->blocks, .n_rows = n, .vectors_fd = -1, .vectors_path = "vectors.npy"};
}

void testing_rows_init(testing_rows *t, testing_shape shape, size_t n_rows, size_t dim, uint64_t seed)
{
    uint64_t random = seed;
    cir_error err;
    float *const clusters = malloc(N_CLUSTERS * dim * sizeof *clusters);
    float *const row = malloc(dim * sizeof *row);
    float *const spectrum = malloc(dim * sizeof *spectrum);
    double *const sums = calloc(dim, sizeof *sums);

    *t = (testing_rows){.f16 = malloc((n_rows + 1) * dim * sizeof *t->f16),
                        .ready = malloc(n_rows + 1),
                        .a = malloc(dim * sizeof *t->a),
                        .b = malloc(dim * sizeof *t->b)};
    for (size_t i = 0; i < dim; i++)
        spectrum[i] = powf((float)(i + 1), -0.4f);
    for (size_t c = 0; c < N_CLUSTERS; c++)
        gauss_fill(&random, dim, spectrum, 1, clusters + c * dim);
    for (size_t r = 0; r < n_rows; r++) {
        row_make(shape, r, dim, clusters, spectrum, &random, row);
        for (size_t i = 0; i < dim; i++)
            t->f16[r * dim + i] = cir__half_from_float(row[i]);
        if (shape == TESTING_DUPLICATES) /* the last bits of one component's fraction */
            t->f16[r * dim + testing_bits(&random) % dim] ^= (uint16_t)(1u << testing_bits(&random) % 3);
        t->ready[r] = testing_bits(&random) % 4 != 0;
        for (size_t i = 0; i < dim; i++)
            sums[i] += (double)cir__half_to_float(t->f16[r * dim + i]) / (double)n_rows;
    }
    for (size_t i = 0; i < dim; i++)
        row[i] = shape == TESTING_AT_CENTRE ? cir__half_to_float(t->f16[i]) : (float)sums[i];
    for (size_t i = 0; i < dim; i++) {
        t->a[i] = clusters[dim + i] + 0.5f * testing_gauss(&random) / sqrtf((float)dim);
        t->b[i] =
            clusters[dim + i] + clusters[2 * dim + i] + 0.5f * testing_gauss(&random) / sqrtf((float)dim);
    }
    scale_to(t->a, dim, 0.7f);
    scale_to(t->b, dim, 0.7f);
    t->rows = (cir_rows){.n_rows = n_rows, .dim = dim, .f16 = t->f16, .codes = &t->codes};
    assert_int_equal(cir__coder_new(dim, seed, row, &t->coder, &err), CIR_OK);
    testing_rows_code(t, n_rows);
    free(sums);
    free(spectrum);
    free(row);
    free(clusters);
}

void testing_rows_done(testing_rows *t)
{
    cir__coder_free(t->coder);
    free(t->blocks);
    free(t->f16);
    free(t->ready);
    free(t->a);
    free(t->b);
}
