/* A data set of drawn pictures, and a stand-in for the model that encodes them. */
#ifndef CIR_EVAL_DRAWN_TESTING_H
#define CIR_EVAL_DRAWN_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "eval/read/feature_cache.h"

#define DIM 16
#define N_INSTANCES 3
#define N_TEXTS 2

struct cir_model {
    cir_model_info info;
};

extern const cir_model model;

#define TENSOR_ITEMS (3 * 8 * 8)

extern size_t n_files, n_texts;

extern char folder[64];

const char *path_of(const char *name);

/* Its name as its words. */
void write_picture(const char *name, const char *words);

/* Lists under a folder name that is not the folder's own any more, and a file for each picture. */
int write_set(void **state);

int remove_set(void **state);

typedef struct watching {
    size_t n_calls, n_done, n_total, stop_at;
} watching;

bool watch_it(void *context, size_t n_done, size_t n_total);

#endif
