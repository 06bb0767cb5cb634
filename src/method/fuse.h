/* Fusion (doc/method.md, step 7): how a query's two scores become one. The formulas themselves are the search's
 * (cir/search.h), which computes them for every row. */
#ifndef CIR_METHOD_FUSE_H
#define CIR_METHOD_FUSE_H

#include <stdbool.h>

#include "cir/method.h"
#include "cir/search.h"

/* BASIC: both scores clamped at 0, then the Harris fusion v·t − λ(v + t)², or their product. A query of one
 * side has nothing to fuse: it ranks by that side's score, unclamped, as clamping could only make ties. */
cir_fusion cir__fuse_basic(const cir_settings *settings, bool has_image, bool has_text);

/* The baselines image, text, sum and product (clamped at 0 first, as the reference does), the latter two
 * weighted by settings->weight. */
cir_fusion cir__fuse_baseline(cir_method method, const cir_settings *settings, bool has_image, bool has_text);

#endif
