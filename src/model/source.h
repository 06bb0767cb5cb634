/* Where a model's files come from: a directory, mapped, or the library itself. */
#ifndef CIR_MODEL_SOURCE_H
#define CIR_MODEL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "cir/status.h"

enum {
    CIR__FILE_CONFIG,
    CIR__FILE_WEIGHTS,
    CIR__FILE_TOKENIZER,     /* may be absent where the next two are there */
    CIR__FILE_VOCABULARY,    /* may be absent */
    CIR__FILE_MERGES,        /* may be absent */
    CIR__FILE_PREPROCESSING, /* may be absent */
    CIR__FILE_SPIECE,        /* SigLIP's; may be absent, as the next */
    CIR__FILE_TOKENIZER_CONFIG,
    CIR__N_FILES
};

/* The file's name in transformers' layout: "config.json", … Static storage. */
const char *cir__source_file_name(size_t i_file);

/* One of several files that weights are in. */
typedef struct cir__source_shard {
    cir__bytes_view file;
    cir__mapping mapping;
    char *path;
} cir__source_shard;

/* A model's files. Zeroed means none. */
typedef struct cir__source {
    char *name;        /* the directory's last component, or "demo" */
    char *path;        /* the directory as an absolute path, or "demo" */
    size_t i_layout;   /* which names its configuration and weights have */
    bool is_open_clip; /* configuration and weights are open_clip's */
    bool is_sharded;   /* the weights' file is an index, which names the files that they are in */
    bool is_torch;     /* these are PyTorch's checkpoints, not safetensors */
    cir__bytes_view files[CIR__N_FILES]; /* name is NULL for an absent file */
    cir__mapping mappings[CIR__N_FILES]; /* of a directory */
    char *paths[CIR__N_FILES];           /* of a directory; what the views are named by */
    cir__source_shard *shards;           /* [n_shards], once they are opened */
    size_t n_shards;
} cir__source;

/* path: a directory, or CIR_MODEL_DEMO. End with cir__source_close. Errors: CIR_NOT_FOUND (no such directory,
 * or without configuration or weights), CIR_UNSUPPORTED (the files of another layout), CIR_FORMAT (no
 * directory), CIR_PERMISSION, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__source_open(const char *path, cir__source *source_out, cir_error *err);
/* Opens the files beside the index: names [n], each without a folder and there once. At most once for a
 * source. Errors: CIR_NOT_FOUND, CIR_FORMAT (something else than weights), CIR_PERMISSION, CIR_IO,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__source_open_shards(cir__source *source, const char *const *names, size_t n,
                                                  cir_error *err);
/* Whether all that was read of its files was there: after reading. Errors: CIR_DAMAGED. */
CIR_MUST_CHECK cir_status cir__source_check_read(const cir__source *source, cir_error *err);
void cir__source_close(cir__source *source); /* a zeroed struct is allowed */

/* The file, or NULL where it is absent. */
const cir__bytes_view *cir__source_find(const cir__source *source, size_t i_file);

/* Says so where a file is something else than what it should be, such as a Git LFS pointer; an absent one
 * passes. Errors: CIR_FORMAT. */
CIR_MUST_CHECK cir_status cir__source_check(const cir__source *source, size_t i_file, cir_error *err);

#endif
