#include "model/weights_open_clip.h"

static const cir__layer_names open_clip_names = {
    .layer = "transformer.resblocks.%zu.",
    .norm1 = "ln_1",
    .fused_weight = "attn.in_proj_weight",
    .fused_bias = "attn.in_proj_bias",
    .out = "attn.out_proj",
    .norm2 = "ln_2",
    .fc1 = "mlp.c_fc",
    .fc2 = "mlp.c_proj",
};

static const cir__layer_names timm_names = {
    .layer = "blocks.%zu.",
    .norm1 = "norm1",
    .fused_weight = "attn.qkv.weight",
    .fused_bias = "attn.qkv.bias",
    .out = "attn.proj",
    .norm2 = "norm2",
    .fc1 = "mlp.fc1",
    .fc2 = "mlp.fc2",
};

/* A parameter [width, dim] that rows are multiplied with from the right. */
static cir__affine_view find_parameter(cir__finder *self, const char *prefix, const char *name, size_t width,
                                       size_t dim)
{
    const size_t shape[] = {width, dim};
    return (cir__affine_view){.weight = cir__finder_find(self, prefix, name, "", shape, 2),
                              .is_transposed = true};
}

static void find_vit(cir__finder *self, const cir__config *config, cir__weights *found)
{
    const char *part = "visual.";
    size_t width = config->image.width;
    const size_t patch[] = {width, 3, config->patch_px, config->patch_px};
    const size_t positions[] = {config->image.max_tokens, width};
    found->class_token = cir__finder_vector(self, part, "class_embedding", "", width);
    found->patch.weight = cir__finder_find(self, part, "conv1", ".weight", patch, 4);
    found->image_positions = cir__finder_find(self, part, "positional_embedding", "", positions, 2);
    found->pre_norm = cir__finder_norm(self, part, "ln_pre", width);
    cir__finder_layers(self, part, &open_clip_names, &config->image, &found->image);
    found->image.final_norm = cir__finder_norm(self, part, "ln_post", width);
    found->image.projection = find_parameter(self, part, "proj", width, config->dim);
}

static void find_timm(cir__finder *self, const cir__config *config, cir__weights *found)
{
    const char *part = "visual.trunk.";
    size_t width = config->image.width;
    const size_t patch[] = {width, 3, config->patch_px, config->patch_px};
    const size_t positions[] = {1, config->image.max_tokens, width};
    const size_t probe[] = {1, 1, width};
    found->patch.weight = cir__finder_find(self, part, "patch_embed.proj", ".weight", patch, 4);
    found->patch.bias = cir__finder_vector(self, part, "patch_embed.proj", ".bias", width);
    found->image_positions = cir__finder_find(self, part, "pos_embed", "", positions, 3);
    cir__finder_layers(self, part, &timm_names, &config->image, &found->image);
    found->image.final_norm = cir__finder_norm(self, part, "norm", width);
    part = "visual.trunk.attn_pool.";
    cir__head_view *head = &found->head;
    head->probe = cir__finder_find(self, part, "latent", "", probe, 3);
    head->query.whole = cir__finder_affine(self, part, "q", width, width);
    head->key.whole = cir__finder_affine(self, part, "kv", 2 * width, width);
    head->value = (cir__rows_view){head->key.whole, width};
    head->out = cir__finder_affine(self, part, "proj", width, width);
    head->norm = cir__finder_norm(self, part, "norm", width);
    head->fc1 = cir__finder_affine(self, part, "mlp.fc1", config->image.mlp_width, width);
    head->fc2 = cir__finder_affine(self, part, "mlp.fc2", width, config->image.mlp_width);
}

void cir__weights_find_open_clip(cir__finder *self, const cir__config *config, cir__weights *found)
{
    const char *part = config->layout == CIR__IN_OPEN_CLIP_CUSTOM ? "text." : "";
    size_t width = config->text.width;
    const size_t positions[] = {config->text.max_tokens, width};
    if (config->architecture == CIR__SIGLIP)
        find_timm(self, config, found);
    else
        find_vit(self, config, found);
    found->tokens = cir__finder_matrix(self, part, "token_embedding", config->n_vocabulary, width);
    found->text_positions = cir__finder_find(self, part, "positional_embedding", "", positions, 2);
    cir__finder_layers(self, part, &open_clip_names, &config->text, &found->text);
    found->text.final_norm = cir__finder_norm(self, part, "ln_final", width);
    if (config->has_text_bias)
        found->text.projection = cir__finder_affine(self, part, "text_projection", config->dim, width);
    else
        found->text.projection = find_parameter(self, part, "text_projection", width, config->dim);
}
