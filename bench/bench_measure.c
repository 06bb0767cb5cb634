#include "bench_measure.h"

#include <dnnl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread_pool.h"
#include "kernels/tables.h"
#include "model/product.h"
#include "shared/clock.h"

#define READ_BYTES ((size_t)1 << 20) /* a task of the reading: as the scan's blocks */
#define LANES 32

void cir__stop(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void cir__must(cir_status status, const cir_error *err)
{
    if (status != CIR_OK)
        cir__stop("%s", err->message);
}

void *cir__take(size_t n, size_t item_bytes)
{
    void *memory = cir__new(n, item_bytes);
    if (memory == NULL)
        cir__stop("out of memory");
    return memory;
}

static int compare(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

double cir__median(double *times, size_t n)
{
    qsort(times, n, sizeof *times, compare);
    return times[n / 2];
}

double cir__quantile(const double *values, size_t n, double share)
{
    double *sorted = cir__take(n, sizeof *sorted);
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    const size_t rank = (size_t)(share * (double)n);
    const double value = sorted[rank < n ? rank : n - 1];
    free(sorted);
    return value;
}

uint64_t cir__random_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

uint64_t cir__random_state(uint64_t seed)
{
    return (seed + 1) * 0x9e3779b97f4a7c15u;
}

void cir__random_fill(uint64_t *state, size_t n, float scale, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = ((float)(cir__random_bits(state) >> 40) * 0x1p-23f - 1) * scale;
}

typedef struct read_job {
    const uint64_t *words;
    size_t n_words;
    uint64_t *sums; /* [n_tasks] */
} read_job;

/* A sum that cannot be left out, in so many lanes that nothing but memory limits it. */
static void read_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    const read_job *const job = context;
    const size_t first = i_task * (READ_BYTES / 8);
    const size_t end = job->n_words - first < READ_BYTES / 8 ? job->n_words : first + READ_BYTES / 8;
    uint64_t sums[LANES] = {0};
    for (size_t i = first; i + LANES <= end; i += LANES) {
        for (size_t l = 0; l < LANES; l += 8) /* a cache line; it helps the scan, so it must help here */
            __builtin_prefetch(job->words + i + l + CIR__PREFETCH_BYTES / 8);
        for (size_t l = 0; l < LANES; l++)
            sums[l] += job->words[i + l];
    }
    for (size_t l = 1; l < LANES; l++)
        sums[0] += sums[l];
    job->sums[i_task] = sums[0];
}

double cir__read_ms(const void *bytes, size_t n_bytes, cir_pool *pool)
{
    const size_t n_tasks = n_bytes / READ_BYTES + (n_bytes % READ_BYTES != 0);
    read_job job = {bytes, n_bytes / 8, cir__new(n_tasks, sizeof(uint64_t))};
    if (job.sums == NULL)
        abort();
    const double begin = cir__clock_ms();
    cir__pool_run(pool, n_tasks, read_task, &job);
    const double ms = cir__clock_ms() - begin;
    free(job.sums);
    return ms;
}

enum { SIDE = 512, DEPTH = 768, N_PRODUCTS = 16, N_TRIES = 5 };

static void product_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_task;
    float *const a = (float *)context + i_thread * (2 * SIDE * DEPTH + SIDE * SIDE), *const b =
                                                                                         a + SIDE * DEPTH;
    const int entered = cir__product_enter();
    if (dnnl_sgemm('N', 'T', SIDE, SIDE, DEPTH, 1, a, DEPTH, b, DEPTH, 0, b + SIDE * DEPTH, SIDE) !=
        dnnl_success)
        abort();
    cir__product_leave(entered);
}

double cir__product_flops(cir_pool *pool)
{
    const size_t n_threads = cir_pool_get_n_threads(pool), n_floats = 2 * SIDE * DEPTH + SIDE * SIDE;
    const size_t n_tasks = n_threads * N_PRODUCTS;
    float *matrices = cir__new(n_threads, n_floats * sizeof *matrices);
    double times[N_TRIES];
    uint64_t state = cir__random_state(1);
    if (matrices == NULL)
        abort();
    cir__random_fill(&state, n_threads * n_floats, 0.05f, matrices);
    for (size_t i = 0; i < N_TRIES; i++) {
        const double begin = cir__clock_ms();
        cir__pool_run(pool, n_tasks, product_task, matrices);
        times[i] = cir__clock_ms() - begin;
    }
    free(matrices);
    return 2.0 * SIDE * SIDE * DEPTH * (double)n_tasks / (cir__median(times, N_TRIES) * 1e-3);
}
