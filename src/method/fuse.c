#include "method/fuse.h"

static cir_fusion fuse_one(bool has_image)
{
    return (cir_fusion){.kind = has_image ? CIR_FUSION_IMAGE : CIR_FUSION_TEXT, .weight = 0.5f};
}

cir_fusion cir__fuse_basic(const cir_settings *settings, bool has_image, bool has_text)
{
    if (!has_image || !has_text)
        return fuse_one(has_image);
    return (cir_fusion){
        .kind = settings->fuse, .clamp = true, .lambda = (float)settings->lambda, .weight = 0.5f};
}

cir_fusion cir__fuse_baseline(cir_method method, const cir_settings *settings, bool has_image, bool has_text)
{
    if (!has_image || !has_text)
        return fuse_one(has_image);
    const cir_fusion_kind kind = cir_method_get_info(method)->fusion;
    return (cir_fusion){.kind = kind, .clamp = kind == CIR_FUSION_PRODUCT, .weight = (float)settings->weight};
}
