/* For tests and benchmarks: model directories with weights drawn by a counter-based generator, the same that
 * test/data/model/make.py has, so that hundreds of megabytes need not be stored. Not part of the library. */
#ifndef CIR_MODEL_SYNTHETIC_MODEL_H
#define CIR_MODEL_SYNTHETIC_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#define CIR__MADE_PATH_SIZE 512

/* n numbers named name: from [-reach, reach), exact in float16 where reach is a power of two. */
void cir__synthetic_draw(const char *name, size_t n, float reach, float *out);

/* A new folder in /tmp; false where it cannot be made. */
bool cir__made_folder_new(char folder_out[CIR__MADE_PATH_SIZE]);

/* Removes it and the files in it. */
void cir__made_folder_remove(const char *folder);

/* Copies a file into the folder, under the name to. */
bool cir__made_copy(const char *folder, const char *from, const char *to);

/* Writes text as a file of the folder. */
bool cir__made_write(const char *folder, const char *name, const char *text);

/* Writes model.safetensors (float16) with all the tensors of the folder's config.json (CLIP in transformers'
 * layout), or open_clip_model.safetensors with those of its open_clip_config.json (SigLIP). */
bool cir__made_weights_write(const char *folder, bool is_open_clip);

#endif
