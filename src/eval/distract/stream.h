/* A pool of features in a file, which may be far larger than memory: mapped, read once from front to back in
 * blocks, and given up again. Growing pools are nested: the first sizes[k] rows in a random order that takes
 * no memory (order.h), so that reading stays in the file's order while every pool is a fair sample of it. */
#ifndef CIR_EVAL_STREAM_H
#define CIR_EVAL_STREAM_H

#include "cir/experiment.h"
#include "eval/distract/order.h"
#include "format/npy.h"

/* Rows of a block. Constant, so that the arithmetic of products depends on neither threads nor memory. */
#define CIR__BLOCK_ROWS 512

typedef struct cir__stream {
    const char *path; /* lent */
    cir__npy_file file;
    size_t n_rows, dim;
    cir__order order;
    const size_t *sizes; /* [n_sizes] ascending, none above n_rows; lent */
    size_t n_sizes;      /* at most CIR_N_POOLS */
} cir__stream;

/* Opens a pool of features of that dimension; sizes are to be set before it is run. End with
 * cir__stream_close. Errors: those of cir__npy_open, CIR_SHAPE, CIR_FORMAT (no rows). */
CIR_MUST_CHECK cir_status cir__stream_open(const char *path, size_t dim, uint64_t seed,
                                           cir__stream *stream_out, cir_error *err);
void cir__stream_close(cir__stream *stream); /* a zeroed stream is allowed */

/* Some of the pool's rows, lent: those of the smallest pool first, in the file's order among themselves. */
typedef struct cir__block {
    size_t n;                 /* ≤ CIR__BLOCK_ROWS */
    const float *rows;        /* [n, dim] unit */
    const size_t *ids;        /* [n] their numbers in the file */
    size_t ends[CIR_N_POOLS]; /* the first ends[k] belong to the pool of sizes[k] */
} cir__block;

/* i_worker < n_workers names scratch that is the callback's alone. */
typedef void cir__stream_take(void *context, const cir__block *block, size_t i_worker);

/* Hands every block to take, from up to n_workers threads of the pool at once, in any order. watch, which may
 * be NULL, is told of rows read, from any thread but one at a time; false ends it (CIR_INTERRUPTED). Errors:
 * CIR_FORMAT (a row without a direction: the first one is named), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__stream_run(const cir__stream *stream, cir_pool *pool, size_t n_workers,
                                          cir__stream_take *take, void *context, cir_encode_watch_fn *watch,
                                          void *watch_context, cir_error *err);

/* What a worker of cir__stream_run takes itself. */
size_t cir__stream_worker_bytes(const cir__stream *stream);

/* One row, as a unit: out [dim]. It has a direction if a block had it. */
void cir__stream_get_row(const cir__stream *stream, size_t row, float *out);

#endif
