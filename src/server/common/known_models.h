/* The models that the program knows by name: where a model hub has their files, and what the files must be.
 *
 * A commit or a checksum stands here only where it is known from several public records that agree (lists of
 * checksums, lock files and download scripts of projects that have nothing to do with each other). Where none
 * is known, the hub's own word is all there is: see cli/models/download.h. */
#ifndef CIR_SERVER_KNOWN_MODELS_H
#define CIR_SERVER_KNOWN_MODELS_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/model.h"

#define CIR__KNOWN_MAX_FILES 5

typedef struct cir__known_file {
    const char *name;
    size_t n_bytes;     /* 0: not known */
    const char *sha256; /* 64 digits; NULL: not known */
} cir__known_file;

typedef struct cir__known_model {
    const char *name;       /* also of its folder */
    const char *repository; /* on the hub */
    const char *revision;   /* a commit, 40 digits; NULL: not known, the newest is taken */
    const char *licence;
    size_t dim;
    size_t image_px;
    size_t approximate_bytes; /* of all files */
    size_t relative_work;     /* multiplications for one picture, those of ViT-B/32 being 1 */
    cir__known_file
        files[CIR__KNOWN_MAX_FILES + 1]; /* zeroed at their end; configuration first, weights last */
} cir__known_model;

/* All of them, the smallest first; zeroed at their end. */
extern const cir__known_model cir__known_models[];

/* By its name, or its repository's. NULL: unknown. */
const cir__known_model *cir__known_model_find(const char *name);

/* One whose name is so near that it may be meant; NULL: none. */
const cir__known_model *cir__known_model_guess(const char *name);

/* The last of its files. */
const cir__known_file *cir__known_model_weights(const cir__known_model *known);

/* Whether the weights that are fetched are compared with a checksum that stands here. */
bool cir__known_model_is_pinned(const cir__known_model *known);

/* A word for its relative_work. */
const char *cir__known_model_speed(const cir__known_model *known);

/* cir_model_open, which, where there is no such model, says how to fetch one of that name. */
CIR_MUST_CHECK cir_status cir__known_model_open(const char *path, const cir_model_options *options,
                                                cir_model **model_out, cir_error *err);

/* The same as cir_collection_options.open_model: where it fails, says how to name the place. is_named: bool
 * *, whether path was named by a user and is not the index' own. */
CIR_MUST_CHECK cir_status cir__known_model_open_for_index(void *is_named, const char *path,
                                                          const cir_model_options *options,
                                                          cir_model **model_out, cir_error *err);

#endif
