/* The loops themselves. Compiled once for each instruction set, which CIR__ROWWISE names; nothing here may
 * depend on it. */
#include "model/rowwise.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "model/rowwise_tables.h"

/* Partial sums that run side by side: one register of the widest machine, two or four of narrower ones. */
#define N_LANES 16

/* Items that are taken aside together. */
#define BATCH 256

static float join(const float lanes[N_LANES])
{
    float eight[8];
    for (size_t j = 0; j < 8; j++)
        eight[j] = lanes[j] + lanes[j + 8];
    return ((eight[0] + eight[4]) + (eight[1] + eight[5])) + ((eight[2] + eight[6]) + (eight[3] + eight[7]));
}

static float sum(const float *row, size_t n)
{
    float lanes[N_LANES] = {0};
    size_t i = 0;
    for (; i + N_LANES <= n; i += N_LANES)
        for (size_t j = 0; j < N_LANES; j++)
            lanes[j] += row[i + j];
    for (size_t j = 0; i < n; i++, j++)
        lanes[j] += row[i];
    return join(lanes);
}

/* Σ (row − centre)² */
static float sum_squares(const float *row, size_t n, float centre)
{
    float lanes[N_LANES] = {0};
    size_t i = 0;
    for (; i + N_LANES <= n; i += N_LANES)
        for (size_t j = 0; j < N_LANES; j++) {
            float d = row[i + j] - centre;
            lanes[j] += d * d;
        }
    for (size_t j = 0; i < n; i++, j++) {
        float d = row[i] - centre;
        lanes[j] += d * d;
    }
    return join(lanes);
}

static void norm(const float *row, size_t n, const float *weight, const float *bias, float eps, float *out)
{
    float mean = sum(row, n) / (float)n;
    float scale = 1.0F / sqrtf(sum_squares(row, n, mean) / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        out[i] = (row[i] - mean) * scale * weight[i] + bias[i];
}

/* exp(−|x|): 2^k · e^r with |r| ≤ ln 2 / 2, e^r by its Taylor polynomial of degree 6 (what it leaves
 * out is at most |r|^7/5040 = 1.2e-7), ln 2 in two parts so that r is exact. Below −87, where the result
 * would be subnormal, it is e^−87 = 1.6e-38. No number, or an infinite one, gives no number. */
static inline float exp_negative(float x)
{
    /* The clamp compares bits, with the sign set: a comparison of floats would keep gcc from vectorising. */
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits |= 0x80000000U;
    bits = bits > 0xC2AE0000U ? 0xC2AE0000U : bits; /* −87 */
    float y;
    memcpy(&y, &bits, sizeof y);
    /* Adding 1.5·2^23 rounds to a whole number, which then stands in the low bits. */
    float shifted = y * 1.44269504F + 12582912.0F;
    float k = shifted - 12582912.0F;
    float r = (y - k * 0.693145752F) - k * 1.42860677e-6F;
    float p = 1.38888889e-3F;
    p = p * r + 8.33333333e-3F;
    p = p * r + 4.16666667e-2F;
    p = p * r + 1.66666667e-1F;
    p = p * r + 0.5F;
    p = p * r + 1.0F;
    p = p * r + 1.0F;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23; /* 12582912's own bits fall out at the top */
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power + (x - x);
}

/* A float's bits as a whole number that is in the floats' order, and back. */
static inline int32_t order_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? bits ^ 0x7fffffff : bits;
}

static inline float float_of(int32_t order)
{
    const int32_t bits = order < 0 ? order ^ 0x7fffffff : order;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* At least −FLT_MAX. Whole numbers may be compared in any order: no comparison waits for the one before it. */
static float largest(const float *row, size_t n)
{
    int32_t max = order_of(-FLT_MAX);
    for (size_t i = 0; i < n; i++) {
        const int32_t order = order_of(row[i]);
        max = order > max ? order : max;
    }
    return float_of(max);
}

static void softmax(float *row, size_t n, float scale)
{
    float max = largest(row, n);
    for (size_t i = 0; i < n; i++)
        row[i] = exp_negative(scale * (row[i] - max));
    float factor = 1.0F / sum(row, n);
    for (size_t i = 0; i < n; i++)
        row[i] *= factor;
}

static float dot(const float *a, const float *b, size_t n)
{
    float lanes[N_LANES] = {0};
    size_t i = 0;
    for (; i + N_LANES <= n; i += N_LANES)
        for (size_t j = 0; j < N_LANES; j++)
            lanes[j] += a[i + j] * b[i + j];
    for (size_t j = 0; i < n; i++, j++)
        lanes[j] += a[i] * b[i];
    return join(lanes);
}

static void attend(const float *query, const float *const *keys, size_t n_keys, size_t values_behind,
                   size_t n_heads, size_t head_width, float scale, float *scores, float *out)
{
    for (size_t h = 0; h < n_heads * head_width; h += head_width) {
        for (size_t j = 0; j < n_keys; j++)
            scores[j] = dot(query + h, keys[j] + h, head_width);
        softmax(scores, n_keys, scale);
        memset(out + h, 0, head_width * sizeof *out);
        for (size_t j = 0; j < n_keys; j++) {
            const float *value = keys[j] + values_behind + h;
            for (size_t i = 0; i < head_width; i++)
                out[h + i] += scores[j] * value[i];
        }
    }
}

static void round_row(const float *row, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &row[i], sizeof bits);
        uint32_t rounded = (bits + 0x7fffU + (bits >> 16 & 1)) >> 16;
        bool is_number = (bits & 0x7fffffffU) <= 0x7f800000U;
        out[i] = (uint16_t)(is_number ? rounded : (bits >> 16 | 0x40));
    }
}

static void widen(const uint16_t *row, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)row[i] << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

/* What a row is narrowed by: its largest and smallest items; is_finite: all of them are numbers. */
typedef struct range {
    float max, min;
    bool is_finite;
} range;

/* As whole numbers, too; what is no number lies beyond the infinities. */
static range find_range(const float *row, size_t n)
{
    int32_t max = order_of(-INFINITY), min = order_of(INFINITY);
    for (size_t i = 0; i < n; i++) {
        const int32_t order = order_of(row[i]);
        max = order > max ? order : max;
        min = order < min ? order : min;
    }
    return (range){float_of(max), float_of(min), max < order_of(INFINITY) && min > order_of(-INFINITY)};
}

/* Whole numbers in the low bits after 1.5·2^23 is added: rounds to nearest, a half to even. */
#define WHOLE 12582912.0F

static cir__step quantise(const float *row, size_t n, uint8_t *out)
{
    const range all = find_range(row, n);
    if (!all.is_finite) {
        memset(out, 0, n);
        return (cir__step){NAN, 0};
    }
    float max = all.max > 0.0F ? all.max : 0.0F;
    float min = all.min < 0.0F ? all.min : 0.0F;
    float scale = (max - min) / 255.0F;
    float factor = scale > 0.0F ? 1.0F / scale : 0.0F;
    /* A row so small that the factor overflows is as good as 0. */
    factor = factor <= FLT_MAX ? factor : 0.0F;
    float zero = rintf(-min * factor);
    for (size_t i = 0; i < n; i++) {
        float shifted = row[i] * factor + (zero + WHOLE);
        uint32_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        /* The ends may round to one beyond. */
        int32_t item = (int32_t)(bits & 0x7fffffU) - 0x400000;
        item = item < 0 ? 0 : item;
        item = item > 255 ? 255 : item;
        out[i] = (uint8_t)item;
    }
    return (cir__step){scale, (int32_t)zero};
}

static void shrink(const float *row, size_t n, int8_t *out, float *scale_out, int32_t *sum_out)
{
    const range range_of_row = find_range(row, n);
    float most = range_of_row.max > -range_of_row.min ? range_of_row.max : -range_of_row.min;
    float factor = most > 0.0F ? 127.0F / most : 0.0F;
    factor = factor <= FLT_MAX ? factor : 0.0F;
    int32_t all = 0;
    for (size_t first = 0; first < n; first += BATCH) {
        size_t n_items = n - first < BATCH ? n - first : BATCH;
        int32_t items[BATCH]; /* out may be where the row is */
        for (size_t i = 0; i < n_items; i++) {
            float shifted = row[first + i] * factor + WHOLE;
            uint32_t bits;
            memcpy(&bits, &shifted, sizeof bits);
            items[i] = (int32_t)(bits & 0x7fffffU) - 0x400000;
        }
        for (size_t i = 0; i < n_items; i++) {
            out[first + i] = (int8_t)items[i];
            all += items[i];
        }
    }
    *scale_out = range_of_row.is_finite ? most / 127.0F : NAN;
    *sum_out = all;
}

static void restore(const int32_t *sums, size_t n, cir__step step, const float *column_scales,
                    const int32_t *column_sums, const float *bias, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(sums[i] - step.zero * column_sums[i]) * (step.scale * column_scales[i]) + bias[i];
}

static void restore_add(const int32_t *sums, size_t n, cir__step step, const float *column_scales,
                        const int32_t *column_sums, const float *bias, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] += (float)(sums[i] - step.zero * column_sums[i]) * (step.scale * column_scales[i]) + bias[i];
}

/* v·σ(t) */
static inline float gate(float v, float t)
{
    float e = exp_negative(t);
    return v * ((t >= 0.0F ? 1.0F : e) / (1.0F + e));
}

/* v·Φ(v), with erf by Abramowitz and Stegun, 7.1.26: within 1.5e-7. */
static inline float weigh(float v)
{
    float x = fabsf(v) * 0.707106781F;
    float t = 1.0F / (1.0F + 0.3275911F * x);
    float p = 1.061405429F;
    p = p * t - 1.453152027F;
    p = p * t + 1.421413741F;
    p = p * t - 0.284496736F;
    p = p * t + 0.254829592F;
    float tail = 0.5F * (p * t) * exp_negative(x * x);
    return v * (v >= 0.0F ? 1.0F - tail : tail);
}

static void bend(float *row, size_t n, cir__curve curve)
{
    switch (curve) {
    case CIR__CURVE_QUICK_GELU:
        for (size_t i = 0; i < n; i++)
            row[i] = gate(row[i], 1.702F * row[i]);
        break;
    case CIR__CURVE_GELU:
        for (size_t i = 0; i < n; i++)
            row[i] = weigh(row[i]);
        break;
    case CIR__CURVE_GELU_TANH: /* (1 + tanh(u)) / 2 = σ(2u) */
        for (size_t i = 0; i < n; i++) {
            float v = row[i];
            row[i] = gate(v, 1.59576912F * (v + 0.044715F * v * v * v));
        }
        break;
    }
}

const cir__rowwise CIR__ROWWISE = {
    .norm = norm,
    .softmax = softmax,
    .attend = attend,
    .round = round_row,
    .widen = widen,
    .quantise = quantise,
    .shrink = shrink,
    .restore = restore,
    .restore_add = restore_add,
    .bend = bend,
};
