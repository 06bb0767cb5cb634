#include "index/coder.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/half.h"
#include "kernels/kernels.h"

/* Rows that are rotated together, a component of all of them side by side: every step is then one on whole
 * vectors, however compilers and processors do them. */
#define LANES 4

/* Rounds of the rotation. Deviation of errors, over rotations, at 3 … 1152 dimensions (coder_test.c tells
 * how), as a part of what is stated: with two rounds up to 1.6, with three 1.07, with four and with six 1.03.
 */
#define N_ROUNDS 4

/* Components that steps of the transform go through together. */
#define RADIX 8

struct cir__coder {
    size_t dim, code_dim;
    size_t width;   /* the largest power of two ≤ code_dim */
    float *centre;  /* [dim] */
    float *scalers; /* [N_ROUNDS, code_dim]: ±1, and what makes the round's transform orthonormal */
};

/* Random bits by splitmix64 (Steele, Lea and Flood 2014). */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t bits = *state += 0x9e3779b97f4a7c15u;
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return bits ^ bits >> 31;
}

/* Where a round's transform begins: at the first component or so that it ends with the last. */
static size_t window(const cir__coder *coder, size_t i_round)
{
    return i_round % 2 == 0 ? 0 : coder->code_dim - coder->width;
}

cir_status cir__coder_new(size_t dim, uint64_t seed, const float *centre, cir__coder **coder_out,
                          cir_error *err)
{
    *coder_out = NULL;
    assert(dim >= 1 && dim <= CIR__CODE_MAX_DIM);
    cir__coder *coder = calloc(1, sizeof *coder);
    if (coder == NULL)
        return cir__fail_memory(err, "compact codes");
    coder->dim = dim;
    coder->code_dim = (dim + 63) / 64 * 64;
    for (coder->width = 64; coder->width * 2 <= coder->code_dim;)
        coder->width *= 2;
    coder->centre = cir__new_unset(dim, sizeof *coder->centre);
    coder->scalers = cir__new_unset(N_ROUNDS * coder->code_dim, sizeof *coder->scalers);
    if (coder->centre == NULL || coder->scalers == NULL) {
        cir__coder_free(coder);
        return cir__fail_memory(err, "compact codes");
    }
    memcpy(coder->centre, centre, dim * sizeof *centre);

    const float scale = (float)(1 / sqrt((double)coder->width));
    for (size_t t = 0; t < N_ROUNDS; t++) {
        const size_t first = window(coder, t);
        uint64_t bits = 0;
        for (size_t i = 0; i < coder->code_dim; i++) {
            const float size = i >= first && i - first < coder->width ? scale : 1;
            bits = i % 64 == 0 ? next_bits(&seed) : bits >> 1;
            coder->scalers[t * coder->code_dim + i] = bits & 1 ? -size : size;
        }
    }
    *coder_out = coder;
    return CIR_OK;
}

void cir__coder_free(cir__coder *coder)
{
    if (coder == NULL)
        return;
    free(coder->centre);
    free(coder->scalers);
    free(coder);
}

size_t cir__coder_dim(const cir__coder *coder)
{
    return coder->dim;
}

size_t cir__coder_code_dim(const cir__coder *coder)
{
    return coder->code_dim;
}

const float *cir__coder_centre(const cir__coder *coder)
{
    return coder->centre;
}

size_t cir__coder_block_bytes(const cir__coder *coder)
{
    return (coder->code_dim / 8 + 2 * sizeof(uint16_t)) * CIR__CODE_ROWS;
}

/* x[0 … n_items − 1] = those sums and differences that three steps of the transform make of RADIX components
 * each stride apart, or fewer steps of fewer components. */
static inline void butterflies(float (*x)[LANES], size_t stride, size_t n_items)
{
    float items[RADIX][LANES];
    for (size_t i = 0; i < n_items; i++)
        memcpy(items[i], x[i * stride], sizeof *items);
    for (size_t half = 1; half < n_items; half *= 2)
        for (size_t i = 0; i < n_items; i++)
            if ((i & half) == 0)
                for (size_t l = 0; l < LANES; l++) {
                    const float a = items[i][l], b = items[i + half][l];
                    items[i][l] = a + b;
                    items[i + half][l] = a - b;
                }
    for (size_t i = 0; i < n_items; i++)
        memcpy(x[i * stride], items[i], sizeof *items);
}

/* The fast Walsh–Hadamard transform of x [n], n a power of two, without its scale 1/√n. */
static void transform(float (*x)[LANES], size_t n)
{
    size_t stride = 1;
    for (; stride * RADIX <= n; stride *= RADIX)
        for (size_t i = 0; i < n; i += stride * RADIX)
            for (size_t j = 0; j < stride; j++)
                butterflies(x + i + j, stride, RADIX);
    for (; stride < n; stride *= 2)
        for (size_t i = 0; i < n; i += stride * 2)
            for (size_t j = 0; j < stride; j++)
                butterflies(x + i + j, stride, 2);
}

/* Rotates x [code_dim] in place. Every round turns signs and transforms as much as a power of two covers, the
 * first components and the last ones by turns; where that is not everything, both halves are mixed too, as
 * they would share too little when code_dim is just short of a power of two (960: a deviation of 2.6). */
static void rotate(const cir__coder *coder, float (*x)[LANES])
{
    const size_t n = coder->code_dim;
    const float root = 0x1.6a09e6p-1f; /* √½ */
    for (size_t t = 0; t < N_ROUNDS; t++) {
        for (size_t i = 0; i < n; i++)
            for (size_t l = 0; l < LANES; l++)
                x[i][l] *= coder->scalers[t * n + i];
        transform(x + window(coder, t), coder->width);
        if (coder->width == n)
            continue;
        for (size_t i = 0; i < n / 2; i++)
            for (size_t l = 0; l < LANES; l++) {
                const float a = x[i][l], b = x[i + n / 2][l];
                x[i][l] = (a + b) * root;
                x[i + n / 2][l] = (a - b) * root;
            }
    }
}

/* size ≥ 0 as a half that is not less. */
static uint16_t half_above(double size)
{
    const uint16_t half = cir__half_from_float((float)size);
    return (uint16_t)(half + ((double)cir__half_to_float(half) < size));
}

/* The two numbers of a row whose r has these norms; see the head of coder.h. */
static void correction(size_t code_dim, double sum_of_sizes, double sum_of_squares, uint16_t *factor_out,
                       uint16_t *spread_out)
{
    const double dims = (double)code_dim;
    *factor_out = *spread_out = 0;
    if (sum_of_squares == 0)
        return;
    const double factor = sum_of_squares / sum_of_sizes;
    /* ‖r‖² (1 − s²) / s², where rounding may make 1 − s² negative. */
    const double rest = fmax(factor * factor * dims - sum_of_squares, 0);
    *factor_out = cir__half_from_float((float)factor);
    /* Σ ±a′ᵢ is at most ‖a‖ √code_dim. */
    const double rounding = fabs((double)cir__half_to_float(*factor_out) - factor) * sqrt(dims);
    *spread_out = half_above(sqrt(rest / (dims - 1) + rounding * rounding));
    if (!isfinite(cir__half_to_float(*factor_out)) || !isfinite(cir__half_to_float(*spread_out)))
        *factor_out = *spread_out = 0x7e00; /* no number: of the row or too large for a half */
}

void cir__coder_write(const cir__coder *coder, const uint16_t *rows, size_t n, size_t first, uint8_t *block)
{
    const size_t dim = coder->dim, code_dim = coder->code_dim;
    const cir__kernels *const kernels = cir__kernels_get();
    float x[CIR__CODE_MAX_DIM][LANES], row[CIR__CODE_MAX_DIM];
    uint8_t *const factors = block + code_dim / 8 * CIR__CODE_ROWS;

    assert(first + n <= CIR__CODE_ROWS);
    for (size_t r = 0; r < n; r += LANES) {
        const size_t n_lanes = n - r < LANES ? n - r : LANES;
        memset(x, 0, code_dim * sizeof *x);
        for (size_t l = 0; l < n_lanes; l++) {
            kernels->half_to_float(rows + (r + l) * dim, dim, row);
            for (size_t i = 0; i < dim; i++)
                x[i][l] = row[i] - coder->centre[i];
        }
        rotate(coder, x);

        float sizes[LANES] = {0}, squares[LANES] = {0};
        for (size_t i = 0; i < code_dim; i += 8) {
            uint32_t bytes[LANES] = {0};
            for (size_t b = 0; b < 8; b++)
                for (size_t l = 0; l < LANES; l++) {
                    const float value = x[i + b][l];
                    bytes[l] |= (uint32_t)(value >= 0) << b;
                    sizes[l] += fabsf(value);
                    squares[l] += value * value;
                }
            for (size_t l = 0; l < n_lanes; l++)
                block[i / 8 * CIR__CODE_ROWS + first + r + l] = (uint8_t)bytes[l];
        }
        for (size_t l = 0; l < n_lanes; l++) {
            uint16_t numbers[2];
            correction(code_dim, (double)sizes[l], (double)squares[l], &numbers[0], &numbers[1]);
            for (size_t k = 0; k < 2; k++)
                memcpy(factors + (k * CIR__CODE_ROWS + first + r + l) * sizeof *numbers, &numbers[k],
                       sizeof *numbers);
        }
    }
}

void cir__coder_rotate(const cir__coder *coder, const float *in, float *out)
{
    float x[CIR__CODE_MAX_DIM][LANES];
    memset(x, 0, coder->code_dim * sizeof *x);
    for (size_t i = 0; i < coder->dim; i++)
        x[i][0] = in[i];
    rotate(coder, x);
    for (size_t i = 0; i < coder->code_dim; i++)
        out[i] = x[i][0];
}
