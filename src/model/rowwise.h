/* What a transformer does to rows of numbers beside products: plain loops that a compiler vectorises, built
 * once for each instruction set, every sum in a fixed order, so that results do not depend on the machine's
 * vector width: the same bits in every table.
 *
 * Rows are narrowed for products in two ways: to bfloat16, a half to even; or to 8 bits, each row by a step
 * and a zero of its own: value = scale · (item − zero), 0 among the values. No entry fails or allocates. */
#ifndef CIR_MODEL_ROWWISE_H
#define CIR_MODEL_ROWWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* How a row of 8-bit items is read. */
typedef struct cir__step {
    float scale;
    int32_t zero; /* 0 … 255 */
} cir__step;

typedef enum cir__curve {
    CIR__CURVE_QUICK_GELU, /* v·σ(1.702·v) */
    CIR__CURVE_GELU,       /* v·Φ(v) */
    CIR__CURVE_GELU_TANH   /* the same by tanh(√(2/π)·(v + 0.044715·v³)) */
} cir__curve;

typedef struct cir__rowwise {
    /* out = (row − mean) / √(variance + eps) · weight + bias, n items. out may be row. */
    void (*norm)(const float *row, size_t n, const float *weight, const float *bias, float eps, float *out);

    /* row = exp(scale·(row − max)) / Σ, in place, n ≥ 1, scale > 0. Exponentials are within 3e-7 of the true
     * ones, relatively. A row with a NaN or an infinity becomes NaN. */
    void (*softmax)(float *row, size_t n, float scale);

    /* What one query sees, all heads: out[h] = Σ softmax(scale · query[h] · keys[j][h]) · values[j][h], heads
     * of head_width items side by side; a key's values stand values_behind items behind it. keys: [n_keys],
     * n_keys ≥ 1; scores: [n_keys], scratch. */
    void (*attend)(const float *query, const float *const *keys, size_t n_keys, size_t values_behind,
                   size_t n_heads, size_t head_width, float scale, float *scores, float *out);

    /* Floats to bfloat16, and back exactly. What is no number stays none. */
    void (*round)(const float *row, size_t n, uint16_t *out);
    void (*widen)(const uint16_t *row, size_t n, float *out);

    /* To 8 bits; the largest error is half a step, (max − min) / 510, 0 included in both. A row with a NaN or
     * an infinity gets a scale that is no number, and items that may be anything. */
    cir__step (*quantise)(const float *row, size_t n, uint8_t *out);

    /* A row of weights to signed bytes, the largest of them ±127: value = *scale_out · item; *sum_out: the
     * bytes' sum. out may begin where row does. What is no number makes the scale none. */
    void (*shrink)(const float *row, size_t n, int8_t *out, float *scale_out, int32_t *sum_out);

    /* Sums of products of a row's items with columns of 8 bits: out = scale · column_scales · (sums − zero ·
     * column_sums) + bias, or that is added to out. column_sums: the columns' own sums. */
    void (*restore)(const int32_t *sums, size_t n, cir__step step, const float *column_scales,
                    const int32_t *column_sums, const float *bias, float *out);
    void (*restore_add)(const int32_t *sums, size_t n, cir__step step, const float *column_scales,
                        const int32_t *column_sums, const float *bias, float *out);

    /* In place, within 1e-6 or so. */
    void (*bend)(float *row, size_t n, cir__curve curve);
} cir__rowwise;

/* The table for this processor, as cir__kernels_get chooses. Static storage; thread-safe. */
const cir__rowwise *cir__rowwise_get(void);

/* One level's table, NULL where this processor or this build does not have it. For tests. */
const cir__rowwise *cir__rowwise_at(cir__level level);

/* row / its length, in place; false where the length is 0 or no number. */
bool cir__unit_row(float *row, size_t n);

#endif
