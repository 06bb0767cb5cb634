/* Models of test/data, and what transformers made of them. */
#ifndef CIR_MODEL_MODELS_TESTING_H
#define CIR_MODEL_MODELS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "model/model_internal.h"
#include "model/synthetic_model.h"

void path_of(char path[CIR__MADE_PATH_SIZE], const char *shape, const char *name);

void copy(const char *folder, const char *shape, const char *name, const char *to);

/* A folder with the tiny model of test/data/model/quick. */
void make_folder(char folder[CIR__MADE_PATH_SIZE]);

cir_model *open_model(const char *folder);

/* Its tiny model, opened; the folder is already gone, as mapped files need it no more. */
cir_model *open_tiny(void);

double largest_difference(const float *a, const float *b, size_t n);

/* A folder with one of the tiny SigLIP models, with files of CLIP's tokenizer that must not be read. */
void make_siglip_folder(char folder[CIR__MADE_PATH_SIZE], const char *shape);

#define N_TEXTS 300
#define N_PICTURES 130

/* Opening must fail so, and say so. */
void check_refused(const char *folder, cir_status status, const char *says);

void remove_file(const char *folder, const char *name);

#endif
