/* A model's tensors by their names, from one file or from several that an index names. */
#ifndef CIR_MODEL_CHECKPOINT_H
#define CIR_MODEL_CHECKPOINT_H

#include "format/tensors.h"
#include "model/source.h"

/* One file of it. */
typedef struct cir__checkpoint_part {
    cir__bytes_view file;
    cir__bytes_view header; /* all names, shapes and places; lies in the file */
    size_t first;           /* byte from which on the file is numbers, at most */
} cir__checkpoint_part;

typedef struct cir__checkpoint cir__checkpoint;

/* Opens the files that the source's weights name, too, and keeps them there; the source has to outlive the
 * checkpoint. Free with cir__checkpoint_free. Errors, which name file and tensor: those of safetensors.h, torch_file.h
 * and shard_index.h, CIR_NOT_FOUND (a file that the index names), CIR_IO, CIR_PERMISSION. */
CIR_MUST_CHECK cir_status cir__checkpoint_open(cir__source *source, cir__checkpoint **checkpoint_out,
                                               cir_error *err);
void cir__checkpoint_free(cir__checkpoint *checkpoint); /* NULL is allowed */

const cir__tensors *cir__checkpoint_tensors(const cir__checkpoint *checkpoint);

/* In the order of their names. */
const cir__checkpoint_part *cir__checkpoint_parts(const cir__checkpoint *checkpoint, size_t *n_out);

#endif
