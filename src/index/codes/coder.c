#include "index/codes/coder.h"

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
 * vectors, whatever the processor's are. */
#define LANES 4

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t masks __attribute__((vector_size(LANES * sizeof(int32_t))));

/* Rounds of the rotation. Deviation of errors, over rotations, at 3 … 1152 dimensions (coder_test.c tells
 * how), as a part of what is stated: with two rounds up to 1.6, with three 1.07, with four and with six
 * 1.03. */
#define N_ROUNDS 4

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

/* Sum and difference of x[i] and x[j] in their places. */
static inline void step(lanes *x, size_t i, size_t j)
{
    const lanes sum = x[i] + x[j];
    x[j] = x[i] - x[j];
    x[i] = sum;
}

/* The fast Walsh–Hadamard transform of x [n], n a power of two, without its scale 1/√n. */
static void transform(lanes *x, size_t n)
{
    size_t stride = 1;
    for (; stride * 8 <= n; stride *= 8) /* three steps at a time, as storing costs as much as adding */
        for (size_t i = 0; i < n; i += stride * 8)
            for (size_t j = i; j < i + stride; j++) {
                lanes y[8];
                for (size_t k = 0; k < 8; k++)
                    y[k] = x[j + k * stride];
                step(y, 0, 1), step(y, 2, 3), step(y, 4, 5), step(y, 6, 7);
                step(y, 0, 2), step(y, 1, 3), step(y, 4, 6), step(y, 5, 7);
                step(y, 0, 4), step(y, 1, 5), step(y, 2, 6), step(y, 3, 7);
                for (size_t k = 0; k < 8; k++)
                    x[j + k * stride] = y[k];
            }
    for (; stride < n; stride *= 2)
        for (size_t i = 0; i < n; i += stride * 2)
            for (size_t j = i; j < i + stride; j++)
                step(x, j, j + stride);
}

/* Rotates x [code_dim] in place. Every round turns signs and transforms as much as a power of two covers, the
 * first components and the last ones by turns; where that is not everything, both halves are mixed too, as
 * they would share too little when code_dim is just short of a power of two (960: a deviation of 2.6). */
static void rotate(const cir__coder *coder, lanes *x)
{
    const size_t n = coder->code_dim, half = n / 2;
    const float root = 0x1.6a09e6p-1f; /* √½ */
    for (size_t t = 0; t < N_ROUNDS; t++) {
        for (size_t i = 0; i < n; i++)
            x[i] *= coder->scalers[t * n + i];
        transform(x + window(coder, t), coder->width);
        for (size_t i = 0; coder->width < n && i < half; i++) {
            const lanes a = x[i], b = x[i + half];
            x[i] = (a + b) * root;
            x[i + half] = (a - b) * root;
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
    lanes x[CIR__CODE_MAX_DIM];
    float some[LANES * CIR__CODE_MAX_DIM];
    uint8_t *const factors = block + code_dim / 8 * CIR__CODE_ROWS;

    assert(first + n <= CIR__CODE_ROWS);
    for (size_t r = 0; r < n; r += LANES) {
        const size_t n_lanes = n - r < LANES ? n - r : LANES;
        for (size_t l = 0; l < LANES; l++) /* past the end, the last row again */
            kernels->half_to_float(rows + (r + (l < n_lanes ? l : n_lanes - 1)) * dim, dim, some + l * dim);
        for (size_t i = 0; i < dim; i++)
            x[i] = (lanes){some[i], some[dim + i], some[2 * dim + i], some[3 * dim + i]} - coder->centre[i];
        memset(x + dim, 0, (code_dim - dim) * sizeof *x);
        rotate(coder, x);

        lanes sizes = {0}, squares = {0};
        for (size_t i = 0; i < code_dim; i += 8) {
            masks bytes = {0};
            for (size_t b = 0; b < 8; b++) {
                const lanes value = x[i + b];
                const masks bit = {1 << b, 1 << b, 1 << b, 1 << b};
                bytes |= (value >= 0) & bit;
                sizes += (lanes)((masks)value & INT32_MAX);
                squares += value * value;
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
    lanes x[CIR__CODE_MAX_DIM];
    memset(x, 0, coder->code_dim * sizeof *x);
    for (size_t i = 0; i < coder->dim; i++)
        x[i][0] = in[i];
    rotate(coder, x);
    for (size_t i = 0; i < coder->code_dim; i++)
        out[i] = x[i][0];
}
