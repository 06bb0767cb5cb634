/* A synthetic index for bench_serve and bench_start, and a synthetic encoder for bench_serve. */
#ifndef CIR_BENCH_SERVE_INDEX_H
#define CIR_BENCH_SERVE_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/model.h"

/* Makes folder/model, an encoder with random weights in the demo encoder's shape but for its dimension, and
 * folder/photos.cir with n_rows synthetic features of it (index/synthetic/synthetic_index.h). The first
 * n_photos rows are photos that exist, the others are names. What is there already is left alone. source: the
 * root of the source tree. Says on standard error what it does, and false after what went wrong. */
bool bench__index_make(const char *folder, const char *source, size_t n_rows, size_t dim, size_t n_photos);

/* The second half of it, for a model at hand. */
bool bench__rows_make(const char *folder, const cir_model *model, size_t n_rows);

#endif
