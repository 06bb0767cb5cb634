/* Products of rows with a matrix of weights, over oneDNN:
 *
 *   out = rows · weightᵀ + bias,   then an activation or the addition to what out held
 *
 * in f32, or in bf16: rows and weights are bfloat16; sums, bias and activation are f32 all the same, and so
 * is out, unless it is asked for in bfloat16. Or in int8: rows are unsigned bytes, weights signed ones with a
 * scale for each output, and out is the bare sum of their products, as 32-bit whole numbers: bias, scales and
 * what follows are the caller's (rowwise.h).
 *
 * Rows are taken in blocks of a few fixed sizes, so that every kernel is made once, and each output depends
 * on its own row alone: measured bit-identical for all block sizes. All parallelism is the caller's: within
 * cir__product_enter … leave, oneDNN's OpenMP runtime is told to use the calling thread alone, so no parallel
 * region ever exists and libgomp starts no threads.
 *
 * What it must not know: transformers, pictures, texts. */
#ifndef CIR_MODEL_PRODUCT_H
#define CIR_MODEL_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"

struct dnnl_engine;

/* Rows of a block, largest first. Buffers must hold whole blocks: pad to CIR__PRODUCT_ROWS_MULTIPLE. */
#define CIR__N_PRODUCT_BLOCKS 4
#define CIR__PRODUCT_ROWS_MULTIPLE 8
extern const size_t cir__product_block_rows[CIR__N_PRODUCT_BLOCKS];

typedef enum cir__product_end {
    CIR__PRODUCT_PLAIN,
    CIR__PRODUCT_QUICK_GELU, /* v·σ(1.702·v) */
    CIR__PRODUCT_GELU,       /* v·Φ(v) */
    CIR__PRODUCT_GELU_TANH,  /* the same by tanh(√(2/π)·(v + 0.044715·v³)) */
    CIR__PRODUCT_ADD         /* added to what out held */
} cir__product_end;

/* What is multiplied. */
typedef enum cir__product_kind {
    CIR__PRODUCT_F32,
    CIR__PRODUCT_BF16,
    CIR__PRODUCT_BF16_TO_BF16, /* out is bfloat16 as well */
    CIR__PRODUCT_INT8
} cir__product_kind;

/* Whether this processor multiplies bf16 itself, and whether it adds products of bytes without overflow. */
bool cir__product_has_bf16(void);
bool cir__product_has_int8(void);

CIR_MUST_CHECK cir_status cir__engine_new(struct dnnl_engine **engine_out, cir_error *err);
void cir__engine_free(struct dnnl_engine *engine); /* NULL is allowed */

/* The kernels of one shape and ending; immutable, shared by all matrices of that shape. Zeroed means none. */
typedef struct cir__product {
    size_t n_in;
    size_t n_out;
    cir__product_kind kind;
    struct dnnl_primitive_desc *descriptors[CIR__N_PRODUCT_BLOCKS];
    struct dnnl_primitive *primitives[CIR__N_PRODUCT_BLOCKS];
} cir__product;

/* Makes the kernels; end with cir__product_done. end: in int8 it must be CIR__PRODUCT_PLAIN. Errors:
 * CIR_NO_MEMORY, CIR_UNSUPPORTED (oneDNN refuses). */
CIR_MUST_CHECK cir_status cir__product_init(cir__product *product, struct dnnl_engine *engine, size_t n_in,
                                            size_t n_out, cir__product_end end, cir__product_kind kind,
                                            cir_error *err);
void cir__product_done(cir__product *product); /* a zeroed struct is allowed */

/* Floats that a packed matrix takes (0 padding included), whatever its items are. */
size_t cir__product_packed_items(const cir__product *product);

/* Packs weight [n_out, n_in] into packed_out, which is aligned to CIR__ALIGNMENT. In int8 weight is
 * overwritten, and scales_out, sums_out [n_out] get each output's scale and the sum of its bytes; else they
 * may be NULL. Errors: CIR_NO_MEMORY, CIR_UNSUPPORTED. */
CIR_MUST_CHECK cir_status cir__product_pack(const cir__product *product, struct dnnl_engine *engine,
                                            float *weight, float *packed_out, float *scales_out,
                                            int32_t *sums_out, cir_error *err);

/* What one thread needs to run several products during a call. */
typedef struct cir__lane cir__lane;

/* A lane for n_products products. Free with cir__lane_free. Errors: CIR_NO_MEMORY, CIR_UNSUPPORTED. */
CIR_MUST_CHECK cir_status cir__lane_new(struct dnnl_engine *engine, const cir__product *const *products,
                                        size_t n_products, cir__lane **lane_out, cir_error *err);
void cir__lane_free(cir__lane *lane); /* NULL is allowed */

/* Runs product i_product of the lane on one block: rows [block_rows, n_in], out [block_rows, n_out], of the
 * items that the product's kind says, bias [n_out] (in int8 NULL), all aligned to CIR__ALIGNMENT or not,
 * packed as cir__product_pack left it. rows and out must not overlap. Takes no memory of its own. False where
 * oneDNN fails. */
CIR_MUST_CHECK bool cir__lane_run(cir__lane *lane, size_t i_product, size_t i_block, const void *rows,
                                  const float *packed, const float *bias, void *out);

/* out = scale · a · bᵀ  (transposes_b)  or  scale · a · b, one matrix each, of rows n_columns apart:
 * a [n_rows, n_inner] every a_stride items, b [n_out, n_inner] or [n_inner, n_out], out [n_rows, n_out]. */
CIR_MUST_CHECK bool cir__multiply(bool transposes_b, size_t n_rows, size_t n_out, size_t n_inner, float scale,
                                  const float *a, size_t a_stride, const float *b, size_t b_stride,
                                  float *out, size_t out_stride);

/* Around all of the above except init, pack and done, which do it themselves: returns what leave wants
 * back. */
int cir__product_enter(void);
void cir__product_leave(int entered);

#endif
