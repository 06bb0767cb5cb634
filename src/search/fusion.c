/* Plain loops, which compilers turn into vector code; beside a row's dot products they cost nothing, the
 * error function excepted, which costs about as much as they do. */
#include "search/fusion.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* Φ by the complementary error function, which keeps its relative accuracy where Φ is small. */
static float gauss(float z)
{
    return 0.5f * erfcf(z * -0.70710678f);
}

static void clamp(size_t n, float *values)
{
    for (size_t i = 0; i < n; i++)
        values[i] = values[i] < 0 ? 0 : values[i]; /* keeps NaN */
}

void cir__fusion_apply(const cir_fusion *fusion, size_t n, float *restrict v, float *restrict t,
                       float *restrict out)
{
    if (fusion->clamp) {
        clamp(n, v);
        clamp(n, t);
    }
    float lambda = fusion->lambda, weight = fusion->weight;
    switch (fusion->kind) {
    case CIR_FUSION_IMAGE:
        memcpy(out, v, n * sizeof *out);
        break;
    case CIR_FUSION_TEXT:
        memcpy(out, t, n * sizeof *out);
        break;
    case CIR_FUSION_SUM:
        for (size_t i = 0; i < n; i++)
            out[i] = 2 * ((1 - weight) * v[i] + weight * t[i]);
        break;
    case CIR_FUSION_PRODUCT:
        if (weight == 0.5f)
            for (size_t i = 0; i < n; i++)
                out[i] = v[i] * t[i];
        else
            for (size_t i = 0; i < n; i++)
                out[i] = powf(v[i], 2 - 2 * weight) * powf(t[i], 2 * weight);
        break;
    case CIR_FUSION_GAUSS:
        for (size_t i = 0; i < n; i++)
            out[i] = (1 - weight) * gauss(v[i]) + weight * gauss(t[i]);
        break;
    case CIR_FUSION_HARRIS:
        for (size_t i = 0; i < n; i++)
            out[i] = v[i] * t[i] - lambda * ((v[i] + t[i]) * (v[i] + t[i]));
        break;
    }
}

cir_status cir__fusion_check(const cir_fusion *fusion, cir_error *err)
{
    double lambda = (double)fusion->lambda, weight = (double)fusion->weight;
    switch (fusion->kind) {
    case CIR_FUSION_IMAGE:
    case CIR_FUSION_TEXT:
        return CIR_OK;
    case CIR_FUSION_HARRIS:
        if (!isfinite(lambda))
            return cir__fail(err, CIR_ARGUMENT, "fusion: lambda is %g; it must be a finite number", lambda);
        return CIR_OK;
    case CIR_FUSION_SUM:
    case CIR_FUSION_GAUSS:
    case CIR_FUSION_PRODUCT:
        if (!(weight >= 0 && weight <= 1))
            return cir__fail(err, CIR_ARGUMENT, "fusion: weight is %g; it must lie in [0, 1]", weight);
        if (fusion->kind == CIR_FUSION_PRODUCT && weight != 0.5 && !fusion->clamp)
            return cir__fail(
                err, CIR_ARGUMENT,
                "fusion: a product with weight %g needs scores that are not negative; let it clamp, "
                "or use weight 0.5",
                weight);
        return CIR_OK;
    }
    return cir__fail(err, CIR_ARGUMENT, "fusion: kind %d is unknown", (int)fusion->kind);
}

const char *cir_fusion_name(cir_fusion_kind kind)
{
    static const char *const names[] = {
        [CIR_FUSION_IMAGE] = "image",     [CIR_FUSION_TEXT] = "text",     [CIR_FUSION_SUM] = "sum",
        [CIR_FUSION_PRODUCT] = "product", [CIR_FUSION_HARRIS] = "harris", [CIR_FUSION_GAUSS] = "gauss",
    };
    return names[kind];
}
