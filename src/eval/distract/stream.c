#include "eval/distract/stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "linalg/rows.h"
#include "method/row.h"

cir_status cir__stream_open(const char *path, size_t dim, uint64_t seed, cir__stream *stream_out,
                            cir_error *err)
{
    *stream_out = (cir__stream){.path = path, .dim = dim};
    const cir_status status = cir__npy_open(path, &stream_out->file, err);
    const cir__npy_view *const view = &stream_out->file.view;
    if (status != CIR_OK)
        return status;
    if (view->n_dims != 2 || view->row_items != dim)
        return cir__fail(err, CIR_SHAPE,
                         "%s: features have dimension %zu, those of the data set %zu; encode the pool with "
                         "the same model",
                         path, view->n_dims == 2 ? view->row_items : 1, dim);
    if (view->dtype == CIR__NPY_F64)
        return cir__fail(err, CIR_UNSUPPORTED, "%s: holds float64; write it as float16 or float32", path);
    if (view->n_rows == 0)
        return cir__fail(err, CIR_FORMAT, "%s: holds no rows; name a pool with some", path);
    stream_out->n_rows = view->n_rows;
    cir__order_init(&stream_out->order, view->n_rows, seed);
    return CIR_OK;
}

void cir__stream_close(cir__stream *stream)
{
    cir__npy_close(&stream->file);
    memset(stream, 0, sizeof *stream);
}

static cir_rows all_rows(const cir__stream *stream)
{
    const cir__npy_view *const view = &stream->file.view;
    return (cir_rows){.n_rows = stream->n_rows,
                      .dim = stream->dim,
                      .f16 = view->dtype == CIR__NPY_F16 ? view->data : NULL,
                      .f32 = view->dtype == CIR__NPY_F32 ? view->data : NULL};
}

void cir__stream_get_row(const cir__stream *stream, size_t row, float *out)
{
    const cir_rows rows = all_rows(stream);
    size_t bad_row;
    cir__row_copy(&rows, row, out);
    cir__rows_normalise(out, 1, stream->dim, &bad_row);
}

/* One run. */
typedef struct running {
    const cir__stream *stream;
    const cir__mapped *mapped;
    cir__stream_take *take;
    void *context;
    cir_encode_watch_fn *watch;
    void *watch_context;
    size_t n_blocks;
    atomic_size_t next_block;
    atomic_bool ends; /* something failed, or nobody wants more */
    pthread_mutex_t lock;
    size_t n_done;
    size_t bad_row; /* the first; SIZE_MAX: none */
    bool is_short_of_memory, is_interrupted;
} running;

/* Which pool a row is in first; n_sizes: in none. */
static size_t level_of(const cir__stream *stream, size_t row)
{
    const uint64_t place = cir__order_place(&stream->order, row);
    size_t level = 0;
    while (level < stream->n_sizes && place >= stream->sizes[level])
        level++;
    return level;
}

/* Reads the rows of a block: out [.., dim], ids. */
static void block_fill(const cir__stream *stream, size_t first, size_t n, float *out, size_t *ids,
                       cir__block *block)
{
    const cir_rows all = all_rows(stream);
    size_t levels[CIR__BLOCK_ROWS], next[CIR_N_POOLS + 1] = {0};

    for (size_t r = 0; r < n; r++)
        next[levels[r] = level_of(stream, first + r)]++;
    for (size_t k = 0, begin = 0; k < stream->n_sizes; k++) { /* counts to where each pool's rows begin */
        const size_t count = next[k];
        next[k] = begin;
        block->ends[k] = begin += count;
    }
    block->n = block->ends[stream->n_sizes - 1];
    for (size_t r = 0; r < n; r++) {
        if (levels[r] == stream->n_sizes)
            continue;
        const size_t place = next[levels[r]]++;
        cir__row_copy(&all, first + r, out + place * stream->dim);
        ids[place] = first + r;
    }
    block->rows = out;
    block->ids = ids;
}

/* Gives the pages of rows that were read back, which otherwise would count as this process' memory. */
static void block_release(const cir__stream *stream, size_t first, size_t n)
{
    const cir__npy_view *const view = &stream->file.view;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), item = cir__npy_item_bytes(view->dtype);
    const uintptr_t begin = (uintptr_t)view->data + first * stream->dim * item,
                    end = begin + n * stream->dim * item, from = begin / page * page, to = end / page * page;
    /* What was copied lies on the heap, where giving pages back would erase it. */
    if (to > from && !stream->file.mapping.is_copy)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

static void note_bad(running *job, const cir__block *block, size_t bad)
{
    size_t row = block->ids[bad];
    for (size_t i = bad; i < block->n; i++) /* the block is not in the file's order */
        if (block->ids[i] < row &&
            cir__rows_normalise((float *)block->rows + i * job->stream->dim, 1, job->stream->dim, NULL) > 0)
            row = block->ids[i];
    pthread_mutex_lock(&job->lock);
    job->bad_row = row < job->bad_row ? row : job->bad_row;
    pthread_mutex_unlock(&job->lock);
    job->ends = true;
}

static void note_done(running *job, size_t n)
{
    pthread_mutex_lock(&job->lock);
    job->n_done += n;
    if (job->watch != NULL && !job->is_interrupted &&
        !job->watch(job->watch_context, job->n_done, job->stream->n_rows)) {
        job->is_interrupted = true;
        job->ends = true;
    }
    pthread_mutex_unlock(&job->lock);
}

/* A worker takes one block after another: blocks before one that is being read are read or have been. */
static void work(void *context, size_t i_task, size_t i_thread)
{
    running *const job = context;
    const cir__stream *const stream = job->stream;
    float *const rows = cir__new_unset(CIR__BLOCK_ROWS, stream->dim * sizeof *rows);
    size_t *const ids = cir__new_unset(CIR__BLOCK_ROWS, sizeof *ids);
    cir__block block;

    (void)i_thread;
    if (rows == NULL || ids == NULL) {
        pthread_mutex_lock(&job->lock);
        job->is_short_of_memory = true;
        pthread_mutex_unlock(&job->lock);
        job->ends = true;
    }
    for (size_t i; !job->ends && (i = atomic_fetch_add(&job->next_block, 1)) < job->n_blocks;) {
        const size_t first = i * CIR__BLOCK_ROWS, left = stream->n_rows - first;
        const size_t n = left < CIR__BLOCK_ROWS ? left : CIR__BLOCK_ROWS;
        size_t bad;
        if (!cir__mapped_is_whole(job->mapped)) {
            job->ends = true;
            break;
        }
        block_fill(stream, first, n, rows, ids, &block);
        if (cir__rows_normalise(rows, block.n, stream->dim, &bad) > 0) {
            note_bad(job, &block, bad);
            break;
        }
        if (block.n > 0)
            job->take(job->context, &block, i_task);
        block_release(stream, first, n);
        note_done(job, n);
    }
    free(rows);
    free(ids);
}

size_t cir__stream_worker_bytes(const cir__stream *stream)
{
    return CIR__BLOCK_ROWS * (stream->dim * sizeof(float) + sizeof(size_t));
}

cir_status cir__stream_run(const cir__stream *stream, cir_pool *pool, size_t n_workers,
                           cir__stream_take *take, void *context, cir_encode_watch_fn *watch,
                           void *watch_context, cir_error *err)
{
    running job = {.stream = stream,
                   .mapped = cir__mapped_find(stream->file.mapping.data),
                   .take = take,
                   .context = context,
                   .watch = watch,
                   .watch_context = watch_context,
                   .n_blocks = (stream->n_rows + CIR__BLOCK_ROWS - 1) / CIR__BLOCK_ROWS,
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .bad_row = SIZE_MAX};

    cir__pool_run(pool, n_workers, work, &job);
    const cir_status lost = cir__mapped_check(stream->file.mapping.data, err);
    if (lost != CIR_OK)
        return lost;
    if (job.bad_row != SIZE_MAX)
        return cir__fail(err, CIR_FORMAT,
                         "%s: row %zu has no direction (zero, or not a number); encode that item again",
                         stream->path, job.bad_row);
    if (job.is_short_of_memory)
        return cir__fail_memory(err, stream->path);
    return job.is_interrupted
               ? cir__fail(err, CIR_INTERRUPTED, "%s: stopped on request; start again", stream->path)
               : CIR_OK;
}
