/* How large a fused score can be whose two scores are known up to their errors: the upper end of its
 * interval.
 *
 * Both scores lie in a box. Linear and monotone fusions and the product are largest at a corner of it. The
 * Harris fusion v·t − λ(v + t)² is a quadratic: it is largest at a corner, at the vertex of the parabola that
 * it is along an edge, or at the origin, the one point where its gradient is 0 (for λ = ¼ a line of them,
 * which meets an edge where it meets the box). A fusion that clamps is the same fusion over the clamped box.
 *
 * The lower end is never asked for: what a row has to reach is a score that was computed exactly. */
#ifndef CIR_SEARCH_BOUND_H
#define CIR_SEARCH_BOUND_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/search.h"
#include "kernels/kernels.h"

#define CIR__BOUND_CELLS 2048

/* A fusion, and what its bounds need beside it; plain data. */
typedef struct cir__bound {
    cir_fusion fusion;
    float
        percentiles[CIR__BOUND_CELLS + 1]; /* CIR_FUSION_GAUSS: Φ at the upper end of each cell of [−8, 8) */
} cir__bound;

void cir__bound_init(cir__bound *bound, const cir_fusion *fusion);

/* Row i's scores, before clamping, are v[i] ± v_error[i] and t[i] ± t_error[i], errors ≥ 0. bounds_out[i] is
 * at least what cir__fusion_apply can give for them, in floats as it does, where that can be threshold or
 * more; where it cannot, bounds_out[i] is below threshold but for rounding and, with CIR_FUSION_GAUSS, the
 * width of a cell. NaN where one of the four is NaN or infinite. All: [n], none overlapping. Plain loops,
 * which compilers turn into vector code. */
void cir__bound_many(const cir__bound *bound, size_t n, const float *restrict v,
                     const float *restrict v_error, const float *restrict t, const float *restrict t_error,
                     float threshold, float *restrict bounds_out);

/* The fusion as the kernels' quick mask takes it (kernels.h), which keeps every row whose bound by
 * cir__bound_many, lowered by cir__bound_jointly with this correlation if is_joint, is threshold or more.
 * false: there is none for the fusion, or for such a threshold. */
bool cir__bound_limit(const cir__bound *bound, bool is_joint, float correlation, float threshold,
                      cir__code_limit *limit_out);

/* Lowers bounds [n] of the Harris fusion and of the product from those of the box to those of the ellipse
 * that both errors lie in together: to first order the fused score's error is that of one more inner product,
 * of the vector (∂s/∂v)·a + (∂s/∂t)·b, whose length tells its deviation; what the curvature may add is added.
 * correlation: the cosine of a and b, which is that of their errors. Bounds stay what they are where clamping
 * bends the fusion within the box, and with the other fusions. For intervals of a chosen probability; a
 * guarantee has the box. */
void cir__bound_jointly(const cir__bound *bound, float correlation, size_t n, const float *restrict v,
                        const float *restrict v_error, const float *restrict t, const float *restrict t_error,
                        float *restrict bounds);

#endif
