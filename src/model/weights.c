#include "model/weights.h"

#include <stdlib.h>

#include "model/finder.h"
#include "model/weights_open_clip.h"

static const cir__layer_names layer_names = {
    .layer = "encoder.layers.%zu.",
    .norm1 = "layer_norm1",
    .query = "self_attn.q_proj",
    .key = "self_attn.k_proj",
    .value = "self_attn.v_proj",
    .out = "self_attn.out_proj",
    .norm2 = "layer_norm2",
    .fc1 = "mlp.fc1",
    .fc2 = "mlp.fc2",
};

static void find_head(cir__finder *self, const cir__tower_config *config, cir__head_view *head)
{
    const char *part = "vision_model.head.";
    size_t width = config->width;
    const size_t probe[] = {1, 1, width};
    const size_t fused[] = {3 * width, width};
    head->probe = cir__finder_find(self, part, "probe", "", probe, 3);
    cir__affine_view whole = {
        .weight = cir__finder_find(self, part, "attention.in_proj_weight", "", fused, 2),
        .bias = cir__finder_vector(self, part, "attention.in_proj_bias", "", 3 * width)};
    head->query = (cir__rows_view){whole, 0};
    head->key = (cir__rows_view){whole, width};
    head->value = (cir__rows_view){whole, 2 * width};
    head->out = cir__finder_affine(self, part, "attention.out_proj", width, width);
    head->norm = cir__finder_norm(self, part, "layernorm", width);
    head->fc1 = cir__finder_affine(self, part, "mlp.fc1", config->mlp_width, width);
    head->fc2 = cir__finder_affine(self, part, "mlp.fc2", width, config->mlp_width);
}

static void find_image_side(cir__finder *self, const cir__config *config, cir__weights *found)
{
    size_t width = config->image.width;
    const size_t patch[] = {width, 3, config->patch_px, config->patch_px};
    const char *part = "vision_model.";
    if (config->architecture == CIR__CLIP)
        found->class_token = cir__finder_vector(self, part, "embeddings.class_embedding", "", width);
    found->patch.weight = cir__finder_find(self, part, "embeddings.patch_embedding", ".weight", patch, 4);
    found->image_positions =
        cir__finder_matrix(self, part, "embeddings.position_embedding", config->image.max_tokens, width);
    cir__finder_layers(self, part, &layer_names, &config->image, &found->image);
    found->image.final_norm = cir__finder_norm(self, part, "post_layernorm", width);
    if (config->architecture == CIR__SIGLIP) {
        found->patch.bias = cir__finder_vector(self, part, "embeddings.patch_embedding", ".bias", width);
        find_head(self, &config->image, &found->head);
    } else {
        found->pre_norm =
            cir__finder_norm(self, part, "pre_layrnorm", width); /* the name is misspelt everywhere */
        found->image.projection.weight =
            cir__finder_matrix(self, "", "visual_projection", config->dim, width);
    }
}

static void find_text_side(cir__finder *self, const cir__config *config, cir__weights *found)
{
    size_t width = config->text.width;
    const char *part = "text_model.";
    found->tokens = cir__finder_matrix(self, part, "embeddings.token_embedding", config->n_vocabulary, width);
    found->text_positions =
        cir__finder_matrix(self, part, "embeddings.position_embedding", config->text.max_tokens, width);
    cir__finder_layers(self, part, &layer_names, &config->text, &found->text);
    found->text.final_norm = cir__finder_norm(self, part, "final_layer_norm", width);
    if (config->architecture == CIR__SIGLIP)
        found->text.projection = cir__finder_affine(self, part, "head", config->dim, width);
    else
        found->text.projection.weight = cir__finder_matrix(self, "", "text_projection", config->dim, width);
}

static void find_transformers(cir__finder *self, const cir__config *config, cir__weights *found)
{
    find_image_side(self, config, found);
    find_text_side(self, config, found);
}

cir_status cir__weights_find(const cir__tensors *table, const cir__config *config, const char *file,
                             cir__weights *weights_out, cir_error *err)
{
    cir__finder self = {.table = table, .file = file, .err = err};
    cir__weights found = {0};
    if (config->layout == CIR__IN_TRANSFORMERS)
        find_transformers(&self, config, &found);
    else
        cir__weights_find_open_clip(&self, config, &found);
    found.n_parameters = self.n_parameters;
    if (self.status != CIR_OK)
        cir__weights_done(&found);
    *weights_out = found;
    return self.status;
}

void cir__weights_done(cir__weights *weights)
{
    free(weights->image.layers);
    free(weights->text.layers);
    *weights = (cir__weights){0};
}
