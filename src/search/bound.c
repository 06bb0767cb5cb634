#include "search/bound.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* Bounds are raised by what rounding may do, to them and to the score itself: 2⁻¹⁹ is 32 roundings of the
 * largest term. */
#define ROUNDING 0x1p-19f

/* Percentiles are told apart between −SPAN and SPAN, outside of which Φ is 0 and 1 to within rounding. */
#define SPAN 8.0f

static float gauss(double z)
{
    return (float)(0.5 * erfc(z * -0.70710678118654752440));
}

void cir__bound_init(cir__bound *bound, const cir_fusion *fusion)
{
    bound->fusion = *fusion;
    if (fusion->kind == CIR_FUSION_GAUSS)
        for (int i = 0; i <= CIR__BOUND_CELLS; i++)
            bound->percentiles[i] =
                gauss((double)SPAN * (2.0 * (i < CIR__BOUND_CELLS ? i + 1 : i) / CIR__BOUND_CELLS - 1));
}

static inline float smaller(float x, float y)
{
    return x < y ? x : y;
}

static inline float larger(float x, float y)
{
    return x > y ? x : y;
}

static inline float clip(float x, float low, float high)
{
    return larger(smaller(x, high), low);
}

/* The largest values of the Harris fusion along the edges of a box. */
static inline float harris(float lambda, float v, float t)
{
    return v * t - lambda * ((v + t) * (v + t));
}

static inline float harris_along_v(float lambda, float ratio, float v_low, float v_high, float t)
{
    return harris(lambda, clip(ratio * t, v_low, v_high), t);
}

/* Added to a bound: rounding, and NaN where the size is no finite number. */
static inline float rounding_of(float size)
{
    return ROUNDING * size + 0 * size;
}

/* Below this the term in λ rather is left out than divided by. */
#define SMALL_LAMBDA 1e-6f

/* λ > 0: concave along each axis, so that the largest value along an edge is at its vertex, clipped.
 *
 * Of a clamped box, where λ < ¼ and the threshold is above 0, two edges will do: along the ray from the
 * origin through a point the fusion grows as the square wherever it is above 0, so that its largest value
 * lies at an upper end of v or of t. */
static void bound_harris(float lambda, bool clamp, float threshold, size_t n, const float *restrict v,
                         const float *restrict v_error, const float *restrict t,
                         const float *restrict t_error, float *restrict bounds_out)
{
    const float ratio = (1 - 2 * lambda) / (2 * lambda), floor = clamp ? 0 : -INFINITY;
    const float factor = 1 + fabsf(lambda);

    if (clamp && threshold > 0) {
        for (size_t i = 0; i < n; i++) {
            const float v_low = larger(v[i] - v_error[i], 0), v_high = larger(v[i] + v_error[i], 0);
            const float t_low = larger(t[i] - t_error[i], 0), t_high = larger(t[i] + t_error[i], 0);
            const float size = fabsf(v[i]) + v_error[i] + fabsf(t[i]) + t_error[i];
            const float upper = larger(harris_along_v(lambda, ratio, v_low, v_high, t_high),
                                       harris_along_v(lambda, ratio, t_low, t_high, v_high));
            bounds_out[i] = larger(upper, 0) + rounding_of(factor * size * size);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const float v_low = larger(v[i] - v_error[i], floor), v_high = larger(v[i] + v_error[i], floor);
        const float t_low = larger(t[i] - t_error[i], floor), t_high = larger(t[i] + t_error[i], floor);
        const float size = fabsf(v[i]) + v_error[i] + fabsf(t[i]) + t_error[i];
        const float upper = larger(harris_along_v(lambda, ratio, v_low, v_high, t_high),
                                   harris_along_v(lambda, ratio, t_low, t_high, v_high));
        const float lower = larger(harris_along_v(lambda, ratio, v_low, v_high, t_low),
                                   harris_along_v(lambda, ratio, t_low, t_high, v_low));
        /* Between the edges nothing is larger but the origin, where it is inside. */
        const float inside = v_low <= 0 && t_low <= 0 && v_high >= 0 && t_high >= 0 ? 0 : -INFINITY;
        bounds_out[i] = larger(larger(upper, lower), inside) + rounding_of(factor * size * size);
    }
}

/* λ ≤ 0: convex along each axis, so that the largest value is at a corner. */
static void bound_corners(float lambda, bool clamp, size_t n, const float *restrict v,
                          const float *restrict v_error, const float *restrict t,
                          const float *restrict t_error, float *restrict bounds_out)
{
    const float floor = clamp ? 0 : -INFINITY, factor = 1 + fabsf(lambda);

    for (size_t i = 0; i < n; i++) {
        const float v_low = larger(v[i] - v_error[i], floor), v_high = larger(v[i] + v_error[i], floor);
        const float t_low = larger(t[i] - t_error[i], floor), t_high = larger(t[i] + t_error[i], floor);
        const float size = fabsf(v[i]) + v_error[i] + fabsf(t[i]) + t_error[i];
        bounds_out[i] = larger(larger(harris(lambda, v_low, t_low), harris(lambda, v_high, t_high)),
                               larger(harris(lambda, v_low, t_high), harris(lambda, v_high, t_low))) +
                        rounding_of(factor * size * size);
    }
}

/* 2·((1 − weight)·v + weight·t), squared or not, of the upper ends. */
static void bound_mean(float weight, float scale, bool clamp, bool squares, size_t n, const float *restrict v,
                       const float *restrict v_error, const float *restrict t, const float *restrict t_error,
                       float *restrict bounds_out)
{
    const float floor = clamp ? 0 : -INFINITY;

    for (size_t i = 0; i < n; i++) {
        const float v_high = larger(v[i] + v_error[i], floor), t_high = larger(t[i] + t_error[i], floor);
        const float size = fabsf(v[i]) + v_error[i] + fabsf(t[i]) + t_error[i];
        const float mean = scale * ((1 - weight) * v_high + weight * t_high);
        bounds_out[i] = (squares ? mean * mean : mean) + rounding_of(squares ? size * size : 2 * size);
    }
}

/* v^(2−2·weight)·t^(2·weight), clamped. A geometric mean is at most the arithmetic one, so that few rows need
 * powers. */
static void bound_powers(float weight, size_t n, const float *restrict v, const float *restrict v_error,
                         const float *restrict t, const float *restrict t_error, float threshold,
                         float *restrict bounds_out)
{
    bound_mean(weight, 1, true, true, n, v, v_error, t, t_error, bounds_out);
    for (size_t i = 0; i < n; i++)
        if (bounds_out[i] >= threshold) {
            const float v_high = larger(v[i] + v_error[i], 0), t_high = larger(t[i] + t_error[i], 0);
            const float size = fabsf(v[i]) + v_error[i] + fabsf(t[i]) + t_error[i];
            bounds_out[i] =
                powf(v_high, 2 - 2 * weight) * powf(t_high, 2 * weight) + rounding_of(size * size);
        }
}

static void bound_gauss(const cir__bound *bound, size_t n, const float *restrict v,
                        const float *restrict v_error, const float *restrict t, const float *restrict t_error,
                        float *restrict bounds_out)
{
    const float weight = bound->fusion.weight, per_cell = CIR__BOUND_CELLS / (2 * SPAN);

    for (size_t i = 0; i < n; i++) {
        const float size = fabsf(v[i]) + v_error[i] + fabsf(t[i]) + t_error[i];
        const float v_high = v[i] + v_error[i], t_high = t[i] + t_error[i];
        /* Clipped so that NaN ends in the first cell, which is one there is. */
        const float v_cell = larger(smaller(v_high + SPAN, 2 * SPAN), 0) * per_cell;
        const float t_cell = larger(smaller(t_high + SPAN, 2 * SPAN), 0) * per_cell;
        const float v_part =
            bound->percentiles[bound->fusion.clamp && v_high < 0 ? CIR__BOUND_CELLS / 2
                                                                 : (int)(v_cell >= 0 ? v_cell : 0)];
        const float t_part =
            bound->percentiles[bound->fusion.clamp && t_high < 0 ? CIR__BOUND_CELLS / 2
                                                                 : (int)(t_cell >= 0 ? t_cell : 0)];
        bounds_out[i] = (1 - weight) * v_part + weight * t_part + rounding_of(1) + 0 * size;
    }
}

void cir__bound_many(const cir__bound *bound, size_t n, const float *restrict v,
                     const float *restrict v_error, const float *restrict t, const float *restrict t_error,
                     float threshold, float *restrict bounds_out)
{
    const cir_fusion *const fusion = &bound->fusion;
    const bool clamp = fusion->clamp;

    switch (fusion->kind) {
    case CIR_FUSION_IMAGE:
        bound_mean(0, 1, clamp, false, n, v, v_error, t, t_error, bounds_out);
        break;
    case CIR_FUSION_TEXT:
        bound_mean(1, 1, clamp, false, n, v, v_error, t, t_error, bounds_out);
        break;
    case CIR_FUSION_SUM:
        bound_mean(fusion->weight, 2, clamp, false, n, v, v_error, t, t_error, bounds_out);
        break;
    case CIR_FUSION_PRODUCT:
        if (fusion->weight == 0.5f)
            bound_corners(0, clamp, n, v, v_error, t, t_error, bounds_out);
        else
            bound_powers(fusion->weight, n, v, v_error, t, t_error, threshold, bounds_out);
        break;
    case CIR_FUSION_GAUSS:
        bound_gauss(bound, n, v, v_error, t, t_error, bounds_out);
        break;
    case CIR_FUSION_HARRIS:
        if (fusion->lambda > SMALL_LAMBDA)
            bound_harris(fusion->lambda, clamp, threshold, n, v, v_error, t, t_error, bounds_out);
        else
            bound_corners(fusion->lambda < 0 ? fusion->lambda : 0, clamp, n, v, v_error, t, t_error,
                          bounds_out);
        break;
    }
}

bool cir__bound_limit(const cir__bound *bound, bool is_joint, float correlation, float threshold,
                      cir__code_limit *limit_out)
{
    const cir_fusion *const fusion = &bound->fusion;
    const float lambda = fusion->kind == CIR_FUSION_HARRIS ? fusion->lambda : 0;
    cir__code_limit limit = {.floor = fusion->clamp ? 0 : -INFINITY, .lambda = lambda};

    if (!(threshold > (fusion->clamp ? 0 : -INFINITY)) || lambda < 0)
        return false;
    limit.ratio = lambda > SMALL_LAMBDA ? (1 - 2 * lambda) / (2 * lambda) : FLT_MAX;
    limit.most = is_joint ? 2 * correlation : 2;
    limit.least = is_joint ? 2 * correlation : -2;
    switch (fusion->kind) {
    case CIR_FUSION_IMAGE:
        limit.image_weight = 1;
        break;
    case CIR_FUSION_TEXT:
        limit.text_weight = 1;
        break;
    case CIR_FUSION_SUM:
        limit.image_weight = 2 * (1 - fusion->weight);
        limit.text_weight = 2 * fusion->weight;
        break;
    case CIR_FUSION_PRODUCT:
        if (fusion->weight != 0.5f)
            return false;
        limit.is_quadratic = true;
        break;
    case CIR_FUSION_HARRIS:
        limit.is_quadratic = true;
        break;
    case CIR_FUSION_GAUSS:
        return false;
    }
    *limit_out = limit;
    return true;
}

void cir__bound_jointly(const cir__bound *bound, float correlation, size_t n, const float *restrict v,
                        const float *restrict v_error, const float *restrict t, const float *restrict t_error,
                        float *restrict bounds)
{
    const cir_fusion *const fusion = &bound->fusion;
    const bool is_product = fusion->kind == CIR_FUSION_PRODUCT && fusion->weight == 0.5f;
    const float lambda = is_product ? 0 : fusion->lambda, floor = fusion->clamp ? 0 : -INFINITY;
    const float bend = lambda < 0 ? -lambda : 0, factor = 1 + fabsf(lambda);

    if (fusion->kind != CIR_FUSION_HARRIS && !is_product)
        return;
    for (size_t i = 0; i < n; i++) {
        const float of_v = (t[i] - 2 * lambda * (v[i] + t[i])) * v_error[i];
        const float of_t = (v[i] - 2 * lambda * (v[i] + t[i])) * t_error[i];
        const float square = of_v * of_v + 2 * correlation * of_v * of_t + of_t * of_t;
        const float sum = v_error[i] + t_error[i], size = fabsf(v[i]) + fabsf(t[i]) + sum;
        /* The rest of the quadratic is e_v·e_t − λ(e_v + e_t)², at most this. */
        const float rest = v_error[i] * t_error[i] + bend * sum * sum;
        const float joint =
            harris(lambda, v[i], t[i]) + sqrtf(larger(square, 0)) + rest + rounding_of(factor * size * size);
        const float lowered = joint < bounds[i] ? joint : bounds[i]; /* NaN stays */
        bounds[i] = v[i] - v_error[i] >= floor && t[i] - t_error[i] >= floor ? lowered : bounds[i];
    }
}
