#include "model/finder.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define SHAPE_TEXT_SIZE 160

static void format_shape(char text[SHAPE_TEXT_SIZE], const size_t *shape, size_t n_dims)
{
    int size = snprintf(text, SHAPE_TEXT_SIZE, "[");
    for (size_t i = 0; i < n_dims && size < SHAPE_TEXT_SIZE; i++)
        size += snprintf(text + size, SHAPE_TEXT_SIZE - (size_t)size, i == 0 ? "%zu" : ", %zu", shape[i]);
    if (size < SHAPE_TEXT_SIZE)
        (void)snprintf(text + size, SHAPE_TEXT_SIZE - (size_t)size, "]");
}

const cir__tensor_view *cir__finder_find(cir__finder *self, const char *prefix, const char *name,
                                         const char *suffix, const size_t *shape, size_t n_dims)
{
    if (self->status != CIR_OK)
        return NULL;
    char full[CIR__FINDER_NAME_SIZE];
    int size = snprintf(full, sizeof full, "%s%s%s", prefix, name, suffix);
    assert(size > 0 && size < CIR__FINDER_NAME_SIZE);
    (void)size;
    const cir__tensor_view *tensor = cir__tensors_find(self->table, full);
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

const cir__tensor_view *cir__finder_vector(cir__finder *self, const char *prefix, const char *name,
                                           const char *suffix, size_t n)
{
    return cir__finder_find(self, prefix, name, suffix, &n, 1);
}

const cir__tensor_view *cir__finder_matrix(cir__finder *self, const char *prefix, const char *name,
                                           size_t n_rows, size_t n_columns)
{
    const size_t shape[] = {n_rows, n_columns};
    return cir__finder_find(self, prefix, name, ".weight", shape, 2);
}

cir__affine_view cir__finder_norm(cir__finder *self, const char *prefix, const char *name, size_t n)
{
    return (cir__affine_view){.weight = cir__finder_vector(self, prefix, name, ".weight", n),
                              .bias = cir__finder_vector(self, prefix, name, ".bias", n)};
}

cir__affine_view cir__finder_affine(cir__finder *self, const char *prefix, const char *name, size_t n_out,
                                    size_t n_in)
{
    return (cir__affine_view){.weight = cir__finder_matrix(self, prefix, name, n_out, n_in),
                              .bias = cir__finder_vector(self, prefix, name, ".bias", n_out)};
}

/* prefix, layer up to its "%zu", the number, the rest. */
static void format_layer(char out[CIR__FINDER_NAME_SIZE], const char *prefix, const char *layer, size_t i)
{
    const char *number = strstr(layer, "%zu");
    assert(number != NULL);
    int size = snprintf(out, CIR__FINDER_NAME_SIZE, "%s%.*s%zu%s", prefix, (int)(number - layer), layer, i,
                        number + 3);
    assert(size > 0 && size < CIR__FINDER_NAME_SIZE);
    (void)size;
}

void cir__finder_layers(cir__finder *self, const char *prefix, const cir__layer_names *names,
                        const cir__tower_config *config, cir__tower_view *tower)
{
    tower->layers = cir__new(config->n_layers, sizeof *tower->layers);
    if (tower->layers == NULL && self->status == CIR_OK)
        self->status = cir__fail_memory(self->err, self->file);
    size_t width = config->width;
    const size_t fused[] = {3 * width, width};
    for (size_t i = 0; i < config->n_layers && self->status == CIR_OK; i++) {
        char part[CIR__FINDER_NAME_SIZE];
        format_layer(part, prefix, names->layer, i);
        cir__layer_view *layer = &tower->layers[i];
        layer->norm1 = cir__finder_norm(self, part, names->norm1, width);
        if (names->fused_weight != NULL) {
            layer->query.weight = cir__finder_find(self, part, names->fused_weight, "", fused, 2);
            layer->query.bias = cir__finder_vector(self, part, names->fused_bias, "", 3 * width);
        } else {
            layer->query = cir__finder_affine(self, part, names->query, width, width);
            layer->key = cir__finder_affine(self, part, names->key, width, width);
            layer->value = cir__finder_affine(self, part, names->value, width, width);
        }
        layer->out = cir__finder_affine(self, part, names->out, width, width);
        layer->norm2 = cir__finder_norm(self, part, names->norm2, width);
        layer->fc1 = cir__finder_affine(self, part, names->fc1, config->mlp_width, width);
        layer->fc2 = cir__finder_affine(self, part, names->fc2, width, config->mlp_width);
    }
}
