/* safetensors: named tensors behind a JSON header, as views into the file's bytes.
 *
 *   8 bytes   N, little-endian
 *   N bytes   {"name": {"dtype": "F16", "shape": [768, 512], "data_offsets": [begin, end]}, …,
 * "__metadata__": …} the rest  the tensors, one behind another: no byte belongs to two of them, none to
 * nobody
 *
 * Nothing of a header is believed that the file's size does not bear out. What it must not know: which
 * tensors a model needs. */
#ifndef CIR_FORMAT_SAFETENSORS_H
#define CIR_FORMAT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "cir/status.h"

#define CIR__TENSOR_MAX_DIMS 8

/* Every kind of item that the format knows, its name there and its bytes. */
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

/* One tensor; lends the name from the table and the data from the parsed bytes. */
typedef struct cir__tensor_view {
    const char *name;
    cir__tensor_dtype dtype;
    size_t n_dims; /* 0 (a single number) … CIR__TENSOR_MAX_DIMS */
    size_t shape[CIR__TENSOR_MAX_DIMS];
    size_t n_items;
    const uint8_t *data; /* NOT always aligned to its items */
} cir__tensor_view;

typedef struct cir__safetensors cir__safetensors;

/* Reads the header; the bytes are lent and must outlive the table. Free with cir__safetensors_free. Errors,
 * which name file and tensor: CIR_FORMAT, CIR_UNSUPPORTED (an unknown dtype, too many dimensions), CIR_LIMIT
 * (a header of more than 16 MiB), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__safetensors_parse(cir__bytes_view bytes, cir__safetensors **table_out,
                                                 cir_error *err);
void cir__safetensors_free(cir__safetensors *table); /* NULL is allowed */

/* The tensor of that name, or NULL. */
const cir__tensor_view *cir__safetensors_find(const cir__safetensors *table, const char *name);

/* All of them, in the order of their names. */
const cir__tensor_view *cir__safetensors_get_all(const cir__safetensors *table, size_t *n_out);

/* Bytes in front of the tensors: the length field and the header. */
size_t cir__safetensors_header_bytes(const cir__safetensors *table);

/* Items [first, first + n) of an F32, F16 or BF16 tensor as floats. */
void cir__tensor_copy(const cir__tensor_view *tensor, size_t first, size_t n, float *out);

#endif
