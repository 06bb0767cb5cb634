/* Tensors looked up by name, each with its shape and kind checked; shared by the layouts that models come
 * in. */
#ifndef CIR_MODEL_FINDER_H
#define CIR_MODEL_FINDER_H

#include "model/config.h"
#include "model/views.h"

#define CIR__FINDER_NAME_SIZE 128

/* What every search needs; status stays at the first failure, and what follows does nothing and answers
 * NULL. */
typedef struct cir__finder {
    const cir__tensors *table;
    const char *file;
    cir_error *err;
    cir_status status;
    size_t n_parameters; /* of all tensors found so far */
} cir__finder;

/* The tensor named prefix + name + suffix. */
const cir__tensor_view *cir__finder_find(cir__finder *self, const char *prefix, const char *name,
                                         const char *suffix, const size_t *shape, size_t n_dims);
const cir__tensor_view *cir__finder_vector(cir__finder *self, const char *prefix, const char *name,
                                           const char *suffix, size_t n);
/* name + ".weight" */
const cir__tensor_view *cir__finder_matrix(cir__finder *self, const char *prefix, const char *name,
                                           size_t n_rows, size_t n_columns);
/* Both ".weight" and ".bias". */
cir__affine_view cir__finder_norm(cir__finder *self, const char *prefix, const char *name, size_t n);
cir__affine_view cir__finder_affine(cir__finder *self, const char *prefix, const char *name, size_t n_out,
                                    size_t n_in);

/* A tower's layers under a layout's names. */
typedef struct cir__layer_names {
    const char *layer; /* with %zu for the number: "resblocks.%zu." */
    const char *norm1, *out, *norm2, *fc1, *fc2;
    const char *query, *key, *value;       /* three affine maps, or NULL */
    const char *fused_weight, *fused_bias; /* one for all, whole names */
} cir__layer_names;

/* tower->layers is made here. */
void cir__finder_layers(cir__finder *self, const char *prefix, const cir__layer_names *names,
                        const cir__tower_config *config, cir__tower_view *tower);

#endif
