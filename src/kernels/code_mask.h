/* Which rows of a block may reach a threshold: plain loops, which compilers turn into the vector code of
 * whatever instruction set the file is built for that includes this. */
#ifndef CIR_KERNELS_CODE_MASK_H
#define CIR_KERNELS_CODE_MASK_H

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* 64 roundings of the largest term: bounds that are raised by half of that are below these. */
#define MASK_ROUNDING 0x1p-18f

static inline float mask_smaller(float x, float y)
{
    return x < y ? x : y;
}

static inline float mask_larger(float x, float y)
{
    return x > y ? x : y;
}

/* v·t − λ(v + t)², v where in [low, high] it is largest. */
static inline float mask_edge(const cir__code_limit *limit, float low, float high, float t)
{
    const float v = mask_larger(mask_smaller(limit->ratio * t, high), low);
    return v * t - limit->lambda * ((v + t) * (v + t));
}

/* passes_out[r]: 0 or 1. NaN fails every comparison that would drop its row. Returns whether one is 1. */
static uint32_t mask_linear(const cir__code_limit *limit, const float *restrict v,
                            const float *restrict v_error, const float *restrict t,
                            const float *restrict t_error, float threshold, uint32_t *restrict passes_out)
{
    const float v_weight = limit->image_weight, t_weight = limit->text_weight, floor = limit->floor;
    uint32_t any = 0;

    for (int r = 0; r < CIR__CODE_ROWS; r++) {
        const float size = fabsf(v[r]) + v_error[r] + fabsf(t[r]) + t_error[r];
        const float high = v_weight * mask_larger(v[r] + v_error[r], floor) +
                           t_weight * mask_larger(t[r] + t_error[r], floor);
        const uint32_t passes = !(high + 2 * MASK_ROUNDING * size + 0 * size < threshold);
        passes_out[r] = passes;
        any |= passes;
    }
    return any;
}

/* A row is dropped by either of two bounds. One is the largest value on the box' two upper edges, where the
 * largest of a clamped quadratic lies if it is above 0 (search/bound.c). The other is the value in the middle
 * and what the errors add to first order, and to second: at most the product of the reaches; it holds where
 * nothing is clamped. */
static uint32_t mask_quadratic(const cir__code_limit *limit, const float *restrict v,
                               const float *restrict v_error, const float *restrict t,
                               const float *restrict t_error, float threshold, uint32_t *restrict passes_out)
{
    const float floor = limit->floor, lambda = limit->lambda, rounding = MASK_ROUNDING * (1 + lambda);
    const float most = limit->most, least = limit->least;
    const float least_box = floor < 0 ? INFINITY : 0; /* without clamping two edges are not all */
    uint32_t any = 0;

    for (int r = 0; r < CIR__CODE_ROWS; r++) {
        const float v_low = v[r] - v_error[r], v_high = mask_larger(v[r] + v_error[r], floor);
        const float t_low = t[r] - t_error[r], t_high = mask_larger(t[r] + t_error[r], floor);
        const float size = fabsf(v[r]) + v_error[r] + fabsf(t[r]) + t_error[r];
        const float margin = rounding * size * size;
        const float box = mask_larger(mask_edge(limit, mask_larger(v_low, floor), v_high, t_high),
                                      mask_edge(limit, mask_larger(t_low, floor), t_high, v_high));
        const float both = v[r] + t[r];
        const float of_v = (t[r] - 2 * lambda * both) * v_error[r];
        const float of_t = (v[r] - 2 * lambda * both) * t_error[r];
        const float cross = of_v * of_t;
        /* Raised, as its parts may cancel and be too small for a float. */
        const float square =
            (of_v * of_v + of_t * of_t) * (1 + 0x1p-20f) + mask_larger(most * cross, least * cross) + FLT_MIN;
        const float gap =
            threshold - (v[r] * t[r] - lambda * (both * both)) - v_error[r] * t_error[r] - margin;
        const uint32_t is_whole = (uint32_t)(v_low >= floor) & (uint32_t)(t_low >= floor);
        const uint32_t drops = (uint32_t)(mask_larger(box, least_box) + margin < threshold) |
                               (is_whole & (uint32_t)(gap > 0) & (uint32_t)(square < gap * gap));
        passes_out[r] = drops ^ 1;
        any |= drops ^ 1;
    }
    return any;
}

static uint64_t code_mask(const cir__code_limit *limit, const float *v, const float *v_error, const float *t,
                          const float *t_error, float threshold)
{
    uint32_t passes[CIR__CODE_ROWS];
    uint64_t mask = 0;
    const uint32_t any = limit->is_quadratic
                             ? mask_quadratic(limit, v, v_error, t, t_error, threshold, passes)
                             : mask_linear(limit, v, v_error, t, t_error, threshold, passes);

    for (int r = 0; r < CIR__CODE_ROWS && any != 0; r++)
        mask |= (uint64_t)passes[r] << r;
    return mask;
}

#endif
