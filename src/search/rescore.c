#include "search/rescore.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/reads.h"
#include "base/thread_pool.h"
#include "search/fusion.h"
#include "search/scan.h"

/* A batch's bytes of features, and the fewest and most rows of one. */
#define BATCH_BYTES ((size_t)4 << 20)
#define MIN_BATCH_ROWS 64
#define MAX_BATCH_ROWS 4096

/* Rows of a task. */
#define TASK_ROWS 64

cir_status cir__rescorer_init(cir__rescorer *rescorer, const cir_rows *rows, cir_error *err)
{
    const size_t row_bytes = rows->dim * sizeof *rows->f16, n = BATCH_BYTES / row_bytes;
    const size_t n_rows = n < MIN_BATCH_ROWS ? MIN_BATCH_ROWS : n > MAX_BATCH_ROWS ? MAX_BATCH_ROWS : n;

    *rescorer = (cir__rescorer){.rows = rows, .kernels = cir__kernels_get(), .batch_rows = n_rows};
    rescorer->features = cir__new_unset(n_rows, row_bytes);
    rescorer->offsets = cir__new_unset(n_rows, sizeof *rescorer->offsets);
    rescorer->scores = cir__new_unset(n_rows, 3 * sizeof *rescorer->scores);
    return rescorer->features != NULL && rescorer->offsets != NULL && rescorer->scores != NULL
               ? CIR_OK
               : cir__fail_memory(err, "search");
}

void cir__rescorer_done(cir__rescorer *rescorer)
{
    free(rescorer->features);
    free(rescorer->offsets);
    free(rescorer->scores);
    memset(rescorer, 0, sizeof *rescorer);
}

/* ---- which are next ---- */

/* An order without equals, so that a round is the same rows whatever order they came in. */
static bool is_before(const cir__candidate *x, const cir__candidate *y)
{
    return x->high > y->high || (x->high == y->high && x->row < y->row);
}

static void swap(cir__candidate *items, size_t i, size_t j)
{
    const cir__candidate item = items[i];
    items[i] = items[j];
    items[j] = item;
}

/* Puts the median of the first, the middle and the last into the first place. */
static void pivot_choose(cir__candidate *items, size_t n)
{
    const size_t middle = n / 2, last = n - 1;
    if (is_before(&items[middle], &items[0]))
        swap(items, middle, 0);
    if (is_before(&items[last], &items[0]))
        swap(items, last, 0);
    if (is_before(&items[last], &items[middle]))
        swap(items, last, middle);
    swap(items, 0, middle);
}

/* Brings the m first of n to the front, in no order (Hoare's selection). */
static void select_first(cir__candidate *items, size_t n, size_t m)
{
    while (m > 0 && m < n) {
        pivot_choose(items, n);
        size_t n_before = 0;
        for (size_t i = 1; i < n; i++)
            if (is_before(&items[i], &items[0]))
                swap(items, i, ++n_before);
        swap(items, 0, n_before); /* the pivot is where it belongs */
        if (n_before >= m) {
            n = n_before;
        } else {
            items += n_before + 1;
            n -= n_before + 1;
            m -= n_before + 1;
        }
    }
}

static int compare_rows(const void *x, const void *y)
{
    const uint32_t a = ((const cir__candidate *)x)->row, b = ((const cir__candidate *)y)->row;
    return (a > b) - (a < b);
}

/* ---- their scores ---- */

typedef struct batch {
    const cir__rescorer *rescorer;
    const cir_query *query;
    const cir__candidate *items;
    size_t n;
    bool is_read;        /* features are there, else they are to be fetched */
    atomic_bool *misses; /* some were not to be had at once */
} batch;

/* Rows lie anywhere in memory: so many are asked for before they are needed. */
#define AHEAD 4

static void row_prefetch(const cir_rows *rows, size_t row)
{
    const char *const features = (const char *)(rows->f16 + row * rows->dim);
    for (size_t i = 0; i < rows->dim * sizeof *rows->f16; i += 64)
        __builtin_prefetch(features + i);
}

static uint64_t offset_of(const cir_rows *rows, size_t row)
{
    return rows->codes->vectors_offset + (uint64_t)row * rows->dim * sizeof *rows->f16;
}

/* Copies the features of n items from first on, out of memory alone: false where the file has some that the
 * system would have to read. */
static bool fetch(const batch *of, size_t first, size_t n, uint16_t *features)
{
    const cir_rows *const rows = of->rescorer->rows;
    const size_t row_bytes = rows->dim * sizeof *features;
    const int fd = rows->codes->vectors_fd;

    for (size_t i = 0; i < n; i++) {
        const size_t row = of->items[first + i].row;
        uint16_t *const out = features + i * rows->dim;
        if (fd >= 0) {
            const struct iovec piece = {.iov_base = out, .iov_len = row_bytes};
            if (atomic_load_explicit(of->misses, memory_order_relaxed) ||
                preadv2(fd, &piece, 1, (off_t)offset_of(rows, row), RWF_NOWAIT) != (ssize_t)row_bytes)
                return false;
        } else {
            if (i + AHEAD < n)
                row_prefetch(rows, of->items[first + i + AHEAD].row);
            memcpy(out, rows->f16 + row * rows->dim, row_bytes);
        }
    }
    return true;
}

static void score_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    const batch *const of = context;
    const cir__rescorer *const by = of->rescorer;
    const size_t dim = by->rows->dim, first = i_task * TASK_ROWS;
    const size_t n = of->n - first < TASK_ROWS ? of->n - first : TASK_ROWS;
    float *const v = by->scores + first, *const t = v + by->batch_rows, *const score = t + by->batch_rows;
    uint16_t *const features = by->features + first * dim;

    if (!of->is_read && !fetch(of, first, n, features)) {
        atomic_store_explicit(of->misses, true, memory_order_relaxed);
        return;
    }
    const cir_rows rows = {.n_rows = n, .dim = dim, .f16 = features};
    const cir__scan scan = {.rows = &rows, .query = of->query, .kernels = by->kernels};
    cir__scan_dot(&scan, 0, n, v, t);
    cir__fusion_apply(&of->query->fusion, n, v, t, score);
}

/* Items change places. */
static cir_status batch_score(cir__rescorer *rescorer, const cir_query *query, cir__candidate *items,
                              size_t n, cir_pool *pool, cir__top *top, cir_error *err)
{
    const cir_rows *const rows = rescorer->rows;
    const size_t row_bytes = rows->dim * sizeof *rescorer->features, n_tasks = (n - 1) / TASK_ROWS + 1;
    atomic_bool misses = false;
    batch of = {.rescorer = rescorer, .query = query, .items = items, .n = n, .misses = &misses};
    const float *const v = rescorer->scores, *const t = v + rescorer->batch_rows,
                       *const score = t + rescorer->batch_rows;

    cir__pool_run(pool, n_tasks, score_task, &of);
    if (atomic_load(&misses)) {
        qsort(items, n, sizeof *items, compare_rows);
        for (size_t i = 0; i < n; i++)
            rescorer->offsets[i] = offset_of(rows, items[i].row);
        const cir_status status = cir__reads_run(rows->codes->vectors_fd, rescorer->offsets, n, row_bytes,
                                                 rescorer->features, rows->codes->vectors_path, err);
        if (status != CIR_OK)
            return status;
        of.is_read = true;
        cir__pool_run(pool, n_tasks, score_task, &of);
    }
    for (size_t i = 0; i < n; i++)
        cir__top_push(top, items[i].row, 1, &score[i], &v[i], &t[i]);
    return CIR_OK;
}

float cir__rescore_kth(const cir__top *top)
{
    return top->n == top->k ? top->hits[0].score : -INFINITY;
}

cir_status cir__rescore(cir__rescorer *rescorer, const cir_query *query, cir__candidates *candidates,
                        size_t n, cir_pool *pool, cir__top *top, size_t *n_scored, cir_error *err)
{
    cir__candidate *const items = candidates->items;
    const size_t n_now = n < candidates->n ? n : candidates->n;
    cir_status status = CIR_OK;

    if (n_now == 0)
        return CIR_OK;
    select_first(items, candidates->n, n_now);
    for (size_t i = 0; i < n_now && status == CIR_OK; i += rescorer->batch_rows) {
        const size_t left = n_now - i, n_batch = left < rescorer->batch_rows ? left : rescorer->batch_rows;
        status = batch_score(rescorer, query, items + i, n_batch, pool, top, err);
    }
    *n_scored += n_now;
    /* A bound equal to the k-th score is kept: ties go to the smaller row. */
    const float threshold = cir__rescore_kth(top);
    size_t n_left = 0;
    for (size_t i = n_now; i < candidates->n; i++)
        if (items[i].high >= threshold)
            items[n_left++] = items[i];
    candidates->n = n_left;
    return status;
}
