/* The index of weights that are saved in several files (model.safetensors.index.json): which tensor is in
 * which.
 *
 *   {"metadata": {"total_size": …}, "weight_map": {"TENSOR": "model-00001-of-00002.safetensors", …}}
 *
 * Index and files have to agree on every tensor. What it must not know: how the files are read. */
#ifndef CIR_FORMAT_SHARD_INDEX_H
#define CIR_FORMAT_SHARD_INDEX_H

#include <stddef.h>

#include <jansson.h>

#include "base/file.h"
#include "cir/status.h"
#include "format/tensors.h"

#define CIR__SHARD_INDEX_MAX_FILES 1024

/* End with cir__shard_index_done; a zeroed one is allowed. */
typedef struct cir__shard_index {
    const char *name;   /* of the index, for messages; lent */
    const char **files; /* [n_files] names without a folder, sorted, each once; lent by json */
    size_t n_files;
    json_t *json;
} cir__shard_index;

/* suffix: that every file has, ".safetensors". The name of bytes is kept. Errors, which name the tensor:
 * CIR_FORMAT (no weight_map, an empty one, a name that leads out of the folder or has another suffix),
 * CIR_LIMIT (16 MiB of JSON, CIR__SHARD_INDEX_MAX_FILES files), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__shard_index_parse(cir__bytes_view bytes, const char *suffix,
                                                 cir__shard_index *index_out, cir_error *err);
void cir__shard_index_done(cir__shard_index *index);

/* The tensors of all files as one list. shards: [n_files], in the order of files. Free joined_out->items with
 * free(); what they lend, they lend from shards. Errors, which name tensor and files: CIR_FORMAT (a tensor
 * that the index names is not in its file, one that it does not name is, or is in another file),
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__shard_index_join(const cir__shard_index *index,
                                                const cir__tensors *const *shards, cir__tensors *joined_out,
                                                cir_error *err);

#endif
