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

#include "base/file.h"
#include "cir/status.h"
#include "format/tensors.h"

typedef struct cir__safetensors cir__safetensors;

/* Reads the header; the bytes are lent and must outlive the table. Free with cir__safetensors_free. Errors,
 * which name file and tensor: CIR_FORMAT, CIR_UNSUPPORTED (an unknown dtype, too many dimensions), CIR_LIMIT
 * (a header of more than 16 MiB), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__safetensors_parse(cir__bytes_view bytes, cir__safetensors **table_out,
                                                 cir_error *err);
void cir__safetensors_free(cir__safetensors *table); /* NULL is allowed */

/* Lent by the table. */
const cir__tensors *cir__safetensors_get_all(const cir__safetensors *table);

/* Bytes in front of the tensors: the length field and the header. */
size_t cir__safetensors_header_bytes(const cir__safetensors *table);

#endif
