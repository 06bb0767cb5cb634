/* Joining an image score and a text score, point by point. */
#ifndef CIR_SEARCH_FUSION_H
#define CIR_SEARCH_FUSION_H

#include <stddef.h>

#include "cir/search.h"

/* out[i] = fuse(v[i], t[i]) for i < n, as cir_fusion describes it; with clamp, v and t are clamped in place
 * first. NaN stays NaN. v, t, out: [n], none overlapping. Each result depends on its own v and t alone, to
 * the bit. */
void cir__fusion_apply(const cir_fusion *fusion, size_t n, float *restrict v, float *restrict t,
                       float *restrict out);

/* Errors: CIR_ARGUMENT: unknown kind, lambda not finite, weight outside [0, 1], a weighted product that does
 * not clamp. */
CIR_MUST_CHECK cir_status cir__fusion_check(const cir_fusion *fusion, cir_error *err);

#endif
