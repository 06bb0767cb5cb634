/* What a layer does to a block of rows by themselves, in the tower's precision; attention lies between.
 *
 *   begin:   qkv = qkv(norm1(x))
 *   finish:  x += out(mixed);  x += fc2(act(fc1(norm2(x))))
 *
 * In bf16 norms, attention and fc1 leave what is multiplied next in bfloat16. In int8 each of a product's
 * rows is narrowed to bytes by itself, and what the product gives is made floats again row by row: a row's
 * numbers depend on it alone. x is f32 always.
 *
 * What it must not know: sequences, threads. */
#ifndef CIR_MODEL_LAYER_H
#define CIR_MODEL_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#include "model/carver.h"
#include "model/rowwise.h"
#include "model/tower.h"

/* What one thread writes while it works on a block. */
typedef struct cir__bench {
    cir__lane *lane;
    float *norm;      /* [block, width], of the items that products take */
    float *wide;      /* [block, the widest of mlp_width, dim, n_patch] */
    float *row;       /* [the widest of these and 3·width] */
    int32_t *sums;    /* [block, the wider of 3·width and mlp_width]; in int8 alone */
    cir__step *steps; /* [block] */
} cir__bench;

/* Gives all but the lane its place. */
void cir__bench_carve(cir__bench *bench, const cir__tower *tower, cir__carver *room);

/* i_block: the block's size, an index into cir__product_block_rows. x: [block, width]; qkv_out: [block,
 * 3·width], bfloat16 where the tower attends in it, else floats. False where oneDNN fails. */
CIR_MUST_CHECK bool cir__layer_begin(const cir__tower *tower, const cir__layer *layer, size_t i_block,
                                     const float *x, void *qkv_out, cir__bench *bench);

/* mixed: [block, width], bfloat16 or floats; x: [block, width], changed. False where oneDNN fails. */
CIR_MUST_CHECK bool cir__layer_finish(const cir__tower *tower, const cir__layer *layer, size_t i_block,
                                      const void *mixed, bool is_mixed_bf16, float *x, cir__bench *bench);

#endif
