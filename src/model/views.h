/* A model's tensors by what they are for, whatever their names are. Views only: nothing is copied or
 * converted here. */
#ifndef CIR_MODEL_VIEWS_H
#define CIR_MODEL_VIEWS_H

#include <stdbool.h>
#include <stddef.h>

#include "format/tensors.h"

/* weight [n_out, n_in] and bias [n_out]; or a layer norm's weight and bias [n]. bias is NULL where there is
 * none. */
typedef struct cir__affine_view {
    const cir__tensor_view *weight;
    const cir__tensor_view *bias;
    bool is_transposed; /* weight is [n_in, n_out] */
} cir__affine_view;

/* Layers whose queries, keys and values are one matrix [3·width, width] have it as query; key and value are
 * empty. */
typedef struct cir__layer_view {
    cir__affine_view norm1, query, key, value, out, norm2, fc1, fc2;
} cir__layer_view;

typedef struct cir__tower_view {
    cir__layer_view *layers;     /* [n_layers], owned */
    cir__affine_view final_norm; /* CLIP: of the pooled token; SigLIP's image tower: of all tokens */
    cir__affine_view projection; /* weight [dim, width]; none in SigLIP's image tower */
} cir__tower_view;

/* Rows [first_row, first_row + width) of a matrix and its bias. */
typedef struct cir__rows_view {
    cir__affine_view whole;
    size_t first_row;
} cir__rows_view;

/* SigLIP's way from all tokens to one: a probe attends to them, then half a layer. */
typedef struct cir__head_view {
    const cir__tensor_view *probe; /* [1, 1, width]; NULL: the tower has no head */
    cir__rows_view query, key, value;
    cir__affine_view out, norm, fc1, fc2;
} cir__head_view;

typedef struct cir__weights {
    cir__tower_view image;
    const cir__tensor_view *class_token;     /* [width]; CLIP alone */
    cir__affine_view patch;                  /* weight [width, 3, patch_px, patch_px]; a bias in SigLIP */
    const cir__tensor_view *image_positions; /* [max_tokens, width] */
    cir__affine_view pre_norm;               /* CLIP alone */
    cir__head_view head;                     /* SigLIP alone */
    cir__tower_view text;
    const cir__tensor_view *tokens;         /* [n_vocabulary, width] */
    const cir__tensor_view *text_positions; /* [max_tokens, width] */
    size_t n_parameters;
} cir__weights;

#endif
