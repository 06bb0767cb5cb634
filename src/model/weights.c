#include "model/weights.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

#define NAME_SIZE 128
#define SHAPE_TEXT_SIZE 160

/* What every search needs; status stays at the first failure, and what follows does nothing. */
typedef struct finder {
    const cir__safetensors *table;
    const char *file;
    cir_error *err;
    cir_status status;
    size_t n_parameters;
} finder;

static void format_shape(char text[SHAPE_TEXT_SIZE], const size_t *shape, size_t n_dims)
{
    int size = snprintf(text, SHAPE_TEXT_SIZE, "[");
    for (size_t i = 0; i < n_dims && size < SHAPE_TEXT_SIZE; i++)
        size += snprintf(text + size, SHAPE_TEXT_SIZE - (size_t)size, i == 0 ? "%zu" : ", %zu", shape[i]);
    if (size < SHAPE_TEXT_SIZE)
        (void)snprintf(text + size, SHAPE_TEXT_SIZE - (size_t)size, "]");
}

static const cir__tensor_view *find(finder *self, const char *prefix, const char *name, const char *suffix,
                                    const size_t *shape, size_t n_dims)
{
    if (self->status != CIR_OK)
        return NULL;
    char full[NAME_SIZE];
    int size = snprintf(full, sizeof full, "%s%s%s", prefix, name, suffix);
    assert(size > 0 && size < NAME_SIZE);
    (void)size;
    const cir__tensor_view *tensor = cir__safetensors_find(self->table, full);
    if (tensor == NULL) {
        self->status =
            cir__fail(self->err, CIR_FORMAT,
                      "%s: tensor \"%s\" is missing; the file does not hold the model of its config.json",
                      self->file, full);
        return NULL;
    }
    bool fits = tensor->n_dims == n_dims;
    for (size_t i = 0; i < n_dims && fits; i++)
        fits = tensor->shape[i] == shape[i];
    if (!fits) {
        char found[SHAPE_TEXT_SIZE];
        char wanted[SHAPE_TEXT_SIZE];
        format_shape(found, tensor->shape, tensor->n_dims);
        format_shape(wanted, shape, n_dims);
        self->status =
            cir__fail(self->err, CIR_SHAPE, "%s: tensor \"%s\" has shape %s, config.json asks for %s",
                      self->file, full, found, wanted);
        return NULL;
    }
    if (tensor->dtype != CIR__TENSOR_F32 && tensor->dtype != CIR__TENSOR_F16 &&
        tensor->dtype != CIR__TENSOR_BF16) {
        self->status = cir__fail(self->err, CIR_UNSUPPORTED,
                                 "%s: tensor \"%s\" is of kind %s; F32, F16 and BF16 are handled", self->file,
                                 full, cir__tensor_dtype_name(tensor->dtype));
        return NULL;
    }
    self->n_parameters += tensor->n_items;
    return tensor;
}

static const cir__tensor_view *find_vector(finder *self, const char *prefix, const char *name,
                                           const char *suffix, size_t n)
{
    return find(self, prefix, name, suffix, &n, 1);
}

static const cir__tensor_view *find_matrix(finder *self, const char *prefix, const char *name, size_t n_rows,
                                           size_t n_columns)
{
    const size_t shape[] = {n_rows, n_columns};
    return find(self, prefix, name, ".weight", shape, 2);
}

static cir__affine_view find_norm(finder *self, const char *prefix, const char *name, size_t n)
{
    return (cir__affine_view){find_vector(self, prefix, name, ".weight", n),
                              find_vector(self, prefix, name, ".bias", n)};
}

static cir__affine_view find_affine(finder *self, const char *prefix, const char *name, size_t n_out,
                                    size_t n_in)
{
    return (cir__affine_view){find_matrix(self, prefix, name, n_out, n_in),
                              find_vector(self, prefix, name, ".bias", n_out)};
}

static void find_layers(finder *self, const char *prefix, const cir__tower_config *config,
                        cir__tower_view *tower)
{
    tower->layers = cir__new(config->n_layers, sizeof *tower->layers);
    if (tower->layers == NULL && self->status == CIR_OK)
        self->status = cir__fail_memory(self->err, self->file);
    size_t width = config->width;
    for (size_t i = 0; i < config->n_layers && self->status == CIR_OK; i++) {
        char part[NAME_SIZE];
        int size = snprintf(part, sizeof part, "%s.encoder.layers.%zu.", prefix, i);
        assert(size > 0 && size < NAME_SIZE);
        (void)size;
        tower->layers[i] = (cir__layer_view){
            .norm1 = find_norm(self, part, "layer_norm1", width),
            .query = find_affine(self, part, "self_attn.q_proj", width, width),
            .key = find_affine(self, part, "self_attn.k_proj", width, width),
            .value = find_affine(self, part, "self_attn.v_proj", width, width),
            .out = find_affine(self, part, "self_attn.out_proj", width, width),
            .norm2 = find_norm(self, part, "layer_norm2", width),
            .fc1 = find_affine(self, part, "mlp.fc1", config->mlp_width, width),
            .fc2 = find_affine(self, part, "mlp.fc2", width, config->mlp_width),
        };
    }
}

static void find_head(finder *self, const cir__tower_config *config, cir__head_view *head)
{
    const char *part = "vision_model.head.";
    size_t width = config->width;
    const size_t probe[] = {1, 1, width};
    const size_t fused[] = {3 * width, width};
    head->probe = find(self, part, "probe", "", probe, 3);
    cir__affine_view whole = {find(self, part, "attention.in_proj_weight", "", fused, 2),
                              find_vector(self, part, "attention.in_proj_bias", "", 3 * width)};
    head->query = (cir__rows_view){whole, 0};
    head->key = (cir__rows_view){whole, width};
    head->value = (cir__rows_view){whole, 2 * width};
    head->out = find_affine(self, part, "attention.out_proj", width, width);
    head->norm = find_norm(self, part, "layernorm", width);
    head->fc1 = find_affine(self, part, "mlp.fc1", config->mlp_width, width);
    head->fc2 = find_affine(self, part, "mlp.fc2", width, config->mlp_width);
}

static void find_image_side(finder *self, const cir__config *config, cir__weights *found)
{
    size_t width = config->image.width;
    const size_t patch[] = {width, 3, config->patch_px, config->patch_px};
    const char *part = "vision_model.";
    if (config->architecture == CIR__CLIP)
        found->class_token = find_vector(self, part, "embeddings.class_embedding", "", width);
    found->patch.weight = find(self, part, "embeddings.patch_embedding", ".weight", patch, 4);
    found->image_positions =
        find_matrix(self, part, "embeddings.position_embedding", config->image.max_tokens, width);
    find_layers(self, "vision_model", &config->image, &found->image);
    found->image.final_norm = find_norm(self, part, "post_layernorm", width);
    if (config->architecture == CIR__SIGLIP) {
        found->patch.bias = find_vector(self, part, "embeddings.patch_embedding", ".bias", width);
        find_head(self, &config->image, &found->head);
    } else {
        found->pre_norm = find_norm(self, part, "pre_layrnorm", width); /* the name is misspelt everywhere */
        found->image.projection.weight = find_matrix(self, "", "visual_projection", config->dim, width);
    }
}

static void find_text_side(finder *self, const cir__config *config, cir__weights *found)
{
    size_t width = config->text.width;
    const char *part = "text_model.";
    found->tokens = find_matrix(self, part, "embeddings.token_embedding", config->n_vocabulary, width);
    found->text_positions =
        find_matrix(self, part, "embeddings.position_embedding", config->text.max_tokens, width);
    find_layers(self, "text_model", &config->text, &found->text);
    found->text.final_norm = find_norm(self, part, "final_layer_norm", width);
    if (config->architecture == CIR__SIGLIP)
        found->text.projection = find_affine(self, part, "head", config->dim, width);
    else
        found->text.projection.weight = find_matrix(self, "", "text_projection", config->dim, width);
}

cir_status cir__weights_find(const cir__safetensors *table, const cir__config *config, const char *file,
                             cir__weights *weights_out, cir_error *err)
{
    finder self = {.table = table, .file = file, .err = err};
    cir__weights found = {0};
    find_image_side(&self, config, &found);
    find_text_side(&self, config, &found);
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
