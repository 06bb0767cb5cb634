/* A transformer's weights as floats, packed for oneDNN; made when a tower is first used, immutable
 * afterwards.
 *
 *   x = embed(…)
 *   per layer:  x += out(attention(qkv(norm1(x))));  x += fc2(act(fc1(norm2(x))))
 *   feature = projection(final_norm(x of one token)), made unit; or, with a head (SigLIP's image tower),
 *     y = out(attention of a probe to final_norm(x of all tokens))
 *     feature = y + fc2(act(fc1(norm(y)))), made unit
 *
 * The probe's query is the same for every picture, so that it is multiplied with the keys' matrix once, and a
 * token's key is never computed: see cir__head.
 *
 * What it must not know: where sequences come from. */
#ifndef CIR_MODEL_TOWER_H
#define CIR_MODEL_TOWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/user_cache.h"
#include "model/config.h"
#include "model/product.h"
#include "model/rowwise.h"
#include "model/weights.h"

/* The products of a tower. The first one is the image tower's patches → rows alone. */
enum {
    CIR__TOWER_PATCH,
    CIR__TOWER_QKV,
    CIR__TOWER_OUT,
    CIR__TOWER_FC1,
    CIR__TOWER_FC2,
    CIR__TOWER_PROJECT,
    CIR__N_TOWER_PRODUCTS
};

/* A packed matrix and its bias, which is never NULL. */
typedef struct cir__packed {
    const float *weight;
    const float *bias;   /* [n_out] */
    const float *scales; /* [n_out], in int8; else NULL */
    const int32_t *sums; /* [n_out], in int8; else NULL */
} cir__packed;

typedef struct cir__norm {
    const float *weight; /* [width] */
    const float *bias;   /* [width] */
} cir__norm;

typedef struct cir__layer {
    cir__norm norm1;
    cir__packed qkv; /* width → 3·width: queries, keys, values */
    cir__packed out; /* width → width, added to x */
    cir__norm norm2;
    cir__packed fc1; /* width → mlp_width, with the activation */
    cir__packed fc2; /* mlp_width → width, added to x */
} cir__layer;

/* A head's numbers. Head h of the probe's query q looks at token t with q_h · (K_h·t) = (K_hᵀ·q_h) · t, and
 * takes Σ p_t · (V_h·t) = V_h · Σ p_t·t of them. The keys' bias adds the same to every token and falls
 * out. */
typedef struct cir__head {
    const float *seekers;    /* [n_heads, width]: K_hᵀ·q_h / √head_width; NULL: the tower has no head */
    const float *value;      /* [width, width], as the file has it */
    const float *value_bias; /* [width] */
    cir__layer half;         /* its out, norm2, fc1 and fc2 */
} cir__head;

typedef struct cir__tower {
    cir__tower_config config;
    size_t dim;           /* of the features */
    size_t n_patch;       /* numbers of a patch; 0: no patches */
    bool attends_in_bf16; /* what QKV gives is bfloat16: sequences are of one length, and of many tokens */
    const cir__rowwise *rowwise;
    struct dnnl_engine *engine;
    cir__product products[CIR__N_TOWER_PRODUCTS];
    cir__layer *layers;
    cir__packed patch;
    cir__norm final_norm;
    cir__packed projection; /* weight NULL where there is a head */
    cir__head head;
    const float *memory;     /* all of the above's numbers, owned, or: */
    cir__user_cached cached; /* where they lie, packed by another process */
} cir__tower;

/* Converts and packs, or maps what was packed before; all processors of this process take part. patch: its
 * weight [width, n_patch], or NULL, and its bias, or NULL. head: NULL, or without a probe, where there is
 * none. Free with cir__tower_free. Errors: CIR_NO_MEMORY, CIR_UNSUPPORTED (oneDNN refuses). */
CIR_MUST_CHECK cir_status cir__tower_new(const cir__tower_config *config, size_t dim,
                                         const cir__tower_view *view, const cir__affine_view *patch,
                                         const cir__head_view *head, cir__tower **tower_out, cir_error *err);
void cir__tower_free(cir__tower *tower); /* NULL is allowed */

/* Whether its numbers were there to be read. Errors: CIR_DAMAGED (the file that they are mapped from is
 * cut). */
CIR_MUST_CHECK cir_status cir__tower_check_read(const cir__tower *tower, cir_error *err);

#endif
