#include "model/rowwise.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Partial sums that run side by side: one register of the widest machine, two or four of narrower ones. */
#define N_LANES 16

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

void cir__layer_norm(const float *rows, size_t n_rows, size_t n, const float *weight, const float *bias,
                     float eps, float *out)
{
    for (size_t r = 0; r < n_rows; r++) {
        const float *row = rows + r * n;
        float *to = out + r * n;
        float mean = sum(row, n) / (float)n;
        float scale = 1.0F / sqrtf(sum_squares(row, n, mean) / (float)n + eps);
        for (size_t i = 0; i < n; i++)
            to[i] = (row[i] - mean) * scale * weight[i] + bias[i];
    }
}

/* exp(x) for x ≤ 0: 2^k · e^r with |r| ≤ ln 2 / 2, e^r by its Taylor polynomial of degree 6 (what it leaves
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

void cir__softmax(float *row, size_t n)
{
    float lanes[N_LANES];
    for (size_t j = 0; j < N_LANES; j++)
        lanes[j] = -FLT_MAX;
    size_t i = 0;
    for (; i + N_LANES <= n; i += N_LANES)
        for (size_t j = 0; j < N_LANES; j++)
            lanes[j] = row[i + j] > lanes[j] ? row[i + j] : lanes[j];
    for (; i < n; i++)
        lanes[0] = row[i] > lanes[0] ? row[i] : lanes[0];
    float max = lanes[0];
    for (size_t j = 1; j < N_LANES; j++)
        max = lanes[j] > max ? lanes[j] : max;
    for (i = 0; i < n; i++)
        row[i] = exp_negative(row[i] - max);
    float scale = 1.0F / sum(row, n);
    for (i = 0; i < n; i++)
        row[i] *= scale;
}

float cir__dot(const float *a, const float *b, size_t n)
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

void cir__add_scaled(const float *row, size_t n, float scale, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] += scale * row[i];
}

bool cir__unit_row(float *row, size_t n)
{
    float length = sqrtf(sum_squares(row, n, 0.0F));
    if (!(length > 0.0F && length <= FLT_MAX))
        return false;
    for (size_t i = 0; i < n; i++)
        row[i] /= length;
    return true;
}
