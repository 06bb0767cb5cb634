/* Named tensors in somebody else's bytes, whatever file they stand in.
 *
 * What it must not know: file formats, and which tensors a model needs. */
#ifndef CIR_FORMAT_TENSORS_H
#define CIR_FORMAT_TENSORS_H

#include <stddef.h>
#include <stdint.h>

#define CIR__TENSOR_MAX_DIMS 8

/* Every kind of item that a file may have, its name in safetensors and its bytes. */
#define CIR__TENSOR_DTYPE_LIST(X)                                                                            \
    X(CIR__TENSOR_F32, "F32", 4)                                                                             \
    X(CIR__TENSOR_F16, "F16", 2)                                                                             \
    X(CIR__TENSOR_BF16, "BF16", 2)                                                                           \
    X(CIR__TENSOR_F64, "F64", 8)                                                                             \
    X(CIR__TENSOR_I64, "I64", 8)                                                                             \
    X(CIR__TENSOR_U64, "U64", 8)                                                                             \
    X(CIR__TENSOR_I32, "I32", 4)                                                                             \
    X(CIR__TENSOR_U32, "U32", 4)                                                                             \
    X(CIR__TENSOR_I16, "I16", 2)                                                                             \
    X(CIR__TENSOR_U16, "U16", 2)                                                                             \
    X(CIR__TENSOR_I8, "I8", 1)                                                                               \
    X(CIR__TENSOR_U8, "U8", 1)                                                                               \
    X(CIR__TENSOR_BOOL, "BOOL", 1)                                                                           \
    X(CIR__TENSOR_F8_E4M3, "F8_E4M3", 1)                                                                     \
    X(CIR__TENSOR_F8_E5M2, "F8_E5M2", 1)

typedef enum cir__tensor_dtype {
#define CIR__TENSOR_ENUM(symbol, name, bytes) symbol,
    CIR__TENSOR_DTYPE_LIST(CIR__TENSOR_ENUM)
#undef CIR__TENSOR_ENUM
        CIR__N_TENSOR_DTYPES
} cir__tensor_dtype;

/* The name in the format, static storage; bytes of one item. */
const char *cir__tensor_dtype_name(cir__tensor_dtype dtype);
size_t cir__tensor_item_bytes(cir__tensor_dtype dtype);

/* One tensor; lends its name from what was parsed and its data from the file. */
typedef struct cir__tensor_view {
    const char *name;
    cir__tensor_dtype dtype;
    size_t n_dims; /* 0 (a single number) … CIR__TENSOR_MAX_DIMS */
    size_t shape[CIR__TENSOR_MAX_DIMS];
    size_t n_items;
    const uint8_t *data; /* NOT always aligned to its items */
} cir__tensor_view;

/* Several, in the order of their names. */
typedef struct cir__tensors {
    cir__tensor_view *items;
    size_t n;
} cir__tensors;

void cir__tensors_sort(cir__tensors *tensors);

/* The tensor of that name, or NULL. */
const cir__tensor_view *cir__tensors_find(const cir__tensors *tensors, const char *name);

/* Items [first, first + n) of an F32, F16 or BF16 tensor as floats. */
void cir__tensor_copy(const cir__tensor_view *tensor, size_t first, size_t n, float *out);

#endif
