/* PyTorch's checkpoints (torch.save, from version 1.6 on): a dictionary of tensors, as views into the file.
 *
 *   NAME/data.pkl     a pickle: the dictionary; each tensor's storage, place in it, shape and strides
 *   NAME/data/0 …     the storages, stored as they are
 *   NAME/byteorder    "little", where it is there
 *
 * Read, never executed: pickle.h. What it must not know: which tensors a model needs. */
#ifndef CIR_FORMAT_TORCH_FILE_H
#define CIR_FORMAT_TORCH_FILE_H

#include "base/file.h"
#include "cir/status.h"
#include "format/tensors.h"

typedef struct cir__torch_file cir__torch_file;

/* The bytes are lent. Tensors may share storages, but each has to lie in one without gaps, row by row. Free with
 * cir__torch_file_free. Errors, which name file, tensor and place: CIR_FORMAT, CIR_UNSUPPORTED (other opcodes,
 * functions, storages or strides; no dictionary of tensors alone), CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__torch_file_parse(cir__bytes_view bytes, cir__torch_file **file_out,
                                                cir_error *err);
void cir__torch_file_free(cir__torch_file *file); /* NULL is allowed */

/* Lent by the file. */
const cir__tensors *cir__torch_file_get_all(const cir__torch_file *file);

/* The pickle: all names, shapes and places. */
cir__bytes_view cir__torch_file_pickle(const cir__torch_file *file);

/* Whether the pickle is what was stored, by its checksum; the storages are not read. Errors: CIR_FORMAT. */
CIR_MUST_CHECK cir_status cir__torch_file_check(const cir__torch_file *file, cir_error *err);

#endif
