/* The definition of right: plain C. LANES partial sums, so that the error stays small and compilers may use
 * whatever the processor family's baseline has. */
#include <math.h>
#include <stdbool.h>

#include "kernels/code_mask.h"
#include "kernels/columns_plain.h"
#include "kernels/half.h"
#include "kernels/tables.h"

#define LANES 16
#define TILE_QUERIES 1

CIR__ALWAYS_INLINE float item(const void *row, size_t i, bool is_half)
{
    return is_half ? cir__half_to_float(((const uint16_t *)row)[i]) : ((const float *)row)[i];
}

CIR__ALWAYS_INLINE float sum_lanes(const float *lanes)
{
    float sums[LANES];
    memcpy(sums, lanes, sizeof sums);
    for (size_t width = LANES / 2; width > 0; width /= 2)
        for (size_t l = 0; l < width; l++)
            sums[l] += sums[l + width];
    return sums[0];
}

CIR__ALWAYS_INLINE void dot_rows(const void *rows, bool is_half, size_t n_rows, size_t dim, size_t stride,
                                 const float *a, const float *b, float *out_a, float *out_b)
{
    size_t row_bytes = stride * (is_half ? sizeof(uint16_t) : sizeof(float));
    for (size_t r = 0; r < n_rows; r++) {
        const void *row = (const char *)rows + r * row_bytes;
        float sum_a[LANES] = {0}, sum_b[LANES] = {0};
        size_t i = 0;
        for (; i + LANES <= dim; i += LANES)
            for (size_t l = 0; l < LANES; l++) {
                float x = item(row, i + l, is_half);
                sum_a[l] += x * a[i + l];
                if (b != NULL)
                    sum_b[l] += x * b[i + l];
            }
        for (size_t l = 0; i + l < dim; l++) {
            float x = item(row, i + l, is_half);
            sum_a[l] += x * a[i + l];
            if (b != NULL)
                sum_b[l] += x * b[i + l];
        }
        out_a[r] = sum_lanes(sum_a);
        if (b != NULL)
            out_b[r] = sum_lanes(sum_b);
    }
}

/* No tile at all: one dot product after another. */
CIR__ALWAYS_INLINE void tile(const void *const *rows, bool is_half, size_t dim, const float *queries,
                             size_t n_queries, size_t query_stride, const char *next,
                             float (*sums)[CIR__TILE_ROWS])
{
    (void)next;
    for (size_t q = 0; q < n_queries; q++)
        for (size_t k = 0; k < CIR__TILE_ROWS; k++)
            dot_rows(rows[k], is_half, 1, dim, dim, queries + q * query_stride, NULL, &sums[q][k], NULL);
}

static void half_to_float(const uint16_t *in, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = cir__half_to_float(in[i]);
}

static void half_from_float(const float *in, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = cir__half_from_float(in[i]);
}

static void code_sums(const uint8_t *lines, size_t n_groups, const uint8_t *tables, size_t n_sides,
                      uint16_t *sums_out)
{
    memset(sums_out, 0, n_sides * CIR__CODE_ROWS * sizeof *sums_out);
    for (size_t g = 0; g < n_groups; g++)
        for (size_t s = 0; s < n_sides; s++) {
            const uint8_t *const line = lines + g / 2 * CIR__CODE_ROWS, *const table =
                                                                            tables + (g * n_sides + s) * 16;
            for (size_t r = 0; r < CIR__CODE_ROWS; r++)
                sums_out[s * CIR__CODE_ROWS + r] =
                    (uint16_t)(sums_out[s * CIR__CODE_ROWS + r] + table[line[r] >> g % 2 * 4 & 15]);
        }
}

static void code_estimates(const uint16_t *sums, const uint16_t *factors, const uint16_t *std_errors,
                           float base, float step, float bottom, float error_scale, float rounding,
                           float *values_out, float *errors_out)
{
    for (size_t r = 0; r < CIR__CODE_ROWS; r++) {
        const float factor = cir__half_to_float(factors[r]);
        values_out[r] = base + (step * (float)sums[r] + bottom) * factor;
        errors_out[r] = error_scale * cir__half_to_float(std_errors[r]) + rounding * fabsf(factor);
    }
}

CIR__DEFINE_KERNELS(scalar, CIR__SCALAR)
