/* A model's tensors, found by the names of transformers' CLIPModel, each with its shape and kind checked.
 * Views only: nothing is copied or converted here. Tensors of other names are let be. */
#ifndef CIR_MODEL_WEIGHTS_H
#define CIR_MODEL_WEIGHTS_H

#include <stddef.h>

#include "format/safetensors.h"
#include "model/config.h"

/* weight [n_out, n_in] and bias [n_out]; or a layer norm's weight and bias [n]. bias is NULL where there is
 * none. */
typedef struct cir__affine_view {
    const cir__tensor_view *weight;
    const cir__tensor_view *bias;
} cir__affine_view;

typedef struct cir__layer_view {
    cir__affine_view norm1, query, key, value, out, norm2, fc1, fc2;
} cir__layer_view;

typedef struct cir__tower_view {
    cir__layer_view *layers;     /* [n_layers], owned */
    cir__affine_view final_norm; /* of the pooled token */
    cir__affine_view projection; /* weight [dim, width] */
} cir__tower_view;

typedef struct cir__weights {
    cir__tower_view image;
    const cir__tensor_view *class_token;     /* [width] */
    const cir__tensor_view *patch;           /* [width, 3, patch_px, patch_px] */
    const cir__tensor_view *image_positions; /* [max_tokens, width] */
    cir__affine_view pre_norm;
    cir__tower_view text;
    const cir__tensor_view *tokens;         /* [n_vocabulary, width] */
    const cir__tensor_view *text_positions; /* [max_tokens, width] */
    size_t n_parameters;
} cir__weights;

/* file: for messages. The views lend from table. End with cir__weights_done. Errors, which name tensor, file
 * and both shapes: CIR_FORMAT (a tensor is missing), CIR_SHAPE, CIR_UNSUPPORTED (not F32, F16 or BF16),
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__weights_find(const cir__safetensors *table, const cir__config *config,
                                            const char *file, cir__weights *weights_out, cir_error *err);
void cir__weights_done(cir__weights *weights); /* a zeroed struct is allowed */

#endif
