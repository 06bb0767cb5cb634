/* How fast the pass over compact codes is, beside how fast this machine reads at all; and how fast codes are
 * made.
 *
 * Synthetic codes in huge pages are (1) only read, (2) looked up for the two sides of a query, with
 * estimates, (3) for more sides at once, as of many queries. The arithmetic alone is measured on one block,
 * which stays in the nearest cache. Things measured take turns, so that a machine whose bandwidth drifts
 * treats them alike. Prints a table; --json also appends one line of JSON to a file.
 *
 *   bench_codes [--n ROWS] [--dim D] [--repeats R] [--threads T] [--json FILE] */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "base/thread_pool.h"
#include "bench_measure.h"
#include "index/codes/coder.h"
#include "kernels/kernels.h"
#include "shared/clock.h"

#define TASK_BLOCKS 128
#define MAX_SIDES 32
#define N_CODED 65536 /* rows that are coded to see how fast */

typedef struct setting {
    size_t n_rows, dim, n_repeats, n_threads;
    const char *json_path; /* or NULL */
} setting;

/* Everything that tasks see; n_sides and is_one change from pass to pass. */
typedef struct job {
    uint8_t *blocks;
    size_t n_blocks, block_bytes, n_groups, n_sides;
    bool is_one;     /* all passes go over the first block */
    uint8_t *tables; /* [n_groups, MAX_SIDES, 16] */
    float *sums;     /* [n_tasks]: so that nothing is left out */
    const cir__coder *coder;
    const uint16_t *rows; /* [N_CODED, dim] */
} job;

static void fill_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    const job *const j = context;
    uint64_t state = cir__random_state(i_task);
    for (size_t b = i_task * TASK_BLOCKS; b < (i_task + 1) * TASK_BLOCKS && b < j->n_blocks; b++) {
        uint8_t *const block = j->blocks + b * j->block_bytes;
        for (size_t i = 0; i < j->block_bytes; i += 8) {
            const uint64_t bits = cir__random_bits(&state);
            memcpy(block + i, &bits, sizeof bits);
        }
        for (size_t i = 0; i < 2 * CIR__CODE_ROWS; i++) /* factors and std_errors about 0.03 */
            memcpy(block + j->n_groups / 2 * CIR__CODE_ROWS + 2 * i, &(uint16_t){(uint16_t)(0x2780 + i)}, 2);
    }
}

static void pass_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    const job *const j = context;
    const cir__kernels *const kernels = cir__kernels_get();
    uint16_t sums[MAX_SIDES * CIR__CODE_ROWS];
    float values[CIR__CODE_ROWS], errors[CIR__CODE_ROWS], sum = 0;
    for (size_t b = i_task * TASK_BLOCKS; b < (i_task + 1) * TASK_BLOCKS && b < j->n_blocks; b++) {
        const uint8_t *const lines = j->blocks + (j->is_one ? 0 : b * j->block_bytes);
        const uint16_t *const factors = (const void *)(lines + j->n_groups / 2 * CIR__CODE_ROWS);
        kernels->code_sums(lines, j->n_groups, j->tables, j->n_sides, sums);
        for (size_t s = 0; s < j->n_sides; s++) {
            kernels->code_estimates(sums + s * CIR__CODE_ROWS, factors, factors + CIR__CODE_ROWS, 1, 0.01f,
                                    -70, 3, 0.01f, values, errors);
            sum += values[b % CIR__CODE_ROWS] + errors[b % CIR__CODE_ROWS];
        }
    }
    j->sums[i_task] = sum;
}

static void code_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    const job *const j = context;
    cir__coder_write(j->coder, j->rows + i_task * CIR__CODE_ROWS * cir__coder_dim(j->coder), CIR__CODE_ROWS,
                     0, j->blocks + i_task % j->n_blocks * j->block_bytes);
}

/* Milliseconds of a pass for n_sides. */
static double pass_ms(job *j, size_t n_sides, bool is_one, cir_pool *pool)
{
    j->n_sides = n_sides;
    j->is_one = is_one;
    const double begin = cir__clock_ms();
    cir__pool_run(pool, (j->n_blocks + TASK_BLOCKS - 1) / TASK_BLOCKS, pass_task, j);
    return cir__clock_ms() - begin;
}

enum { READ, TWO, TWO_CACHED, EIGHT, MANY, MANY_CACHED, CODING, N_FIGURES };

static const struct {
    const char *key, *name;
    size_t n_sides; /* 0: another kind of thing */
    bool is_cached;
} figures[N_FIGURES] = {
    [READ] = {"read", "read every byte", 0, false},
    [TWO] = {"two", "2 sides", 2, false},
    [TWO_CACHED] = {"two_cached", "2 sides, the same block again and again", 2, true},
    [EIGHT] = {"eight", "8 sides", 8, false},
    [MANY] = {"many", "32 sides", MAX_SIDES, false},
    [MANY_CACHED] = {"many_cached", "32 sides, the same block", MAX_SIDES, true},
    [CODING] = {"coding", "coding 65536 rows of halves", 0, false},
};

static int report(const setting *s, const job *j, double times[N_FIGURES][64])
{
    const double gigabytes = (double)(j->n_blocks * j->block_bytes) * 1e-9;
    double ms[N_FIGURES];
    for (size_t f = 0; f < N_FIGURES; f++)
        ms[f] = cir__median(times[f], s->n_repeats);
    printf("%zu rows x %zu, codes of %.2f GB, %s, threads: %zu\n", s->n_rows, s->dim, gigabytes,
           cir__kernels_get()->name, s->n_threads);
    printf("  %-42s %9s %8s %9s %14s\n", "", "ms", "GB/s", "of read", "Mrow-queries/s");
    for (size_t f = 0; f < CODING; f++) {
        printf("  %-42s %9.2f %8.1f %8.0f%%", figures[f].name, ms[f], gigabytes / ms[f] * 1e3,
               100 * ms[READ] / ms[f]);
        if (figures[f].n_sides != 0)
            printf(" %14.0f", (double)(s->n_rows * figures[f].n_sides / 2) / ms[f] * 1e-3);
        printf("\n");
    }
    const double coded = (double)(N_CODED * s->dim * sizeof(uint16_t)) * 1e-6 / ms[CODING];
    printf("  %-42s %9.2f %8.2f\n", figures[CODING].name, ms[CODING], coded);
    if (s->json_path == NULL)
        return 0;
    FILE *const file = fopen(s->json_path, "a");
    if (file == NULL)
        return 1;
    fprintf(file,
            "{\"bench\": \"codes\", \"n\": %zu, \"dim\": %zu, \"threads\": %zu, \"kernels\": \"%s\", \"gb\": "
            "%.3f",
            s->n_rows, s->dim, s->n_threads, cir__kernels_get()->name, gigabytes);
    for (size_t f = 0; f < N_FIGURES; f++)
        fprintf(file, ", \"%s_ms\": %.3f", figures[f].key, ms[f]);
    fprintf(file, "}\n");
    return fclose(file) != 0;
}

static int run(setting *s)
{
    static double times[N_FIGURES][64];
    const size_t code_dim = (s->dim + 63) / 64 * 64, n_groups = code_dim / 4;
    job j = {.n_blocks = (s->n_rows + CIR__CODE_ROWS - 1) / CIR__CODE_ROWS,
             .block_bytes = code_dim * 8 + 256,
             .n_groups = n_groups};
    const size_t n_tasks = (j.n_blocks + TASK_BLOCKS - 1) / TASK_BLOCKS, n_bytes = j.n_blocks * j.block_bytes;
    cir_error err;
    cir_pool *pool = NULL;
    cir__coder *coder = NULL;
    uint16_t *rows = NULL;
    float *centre = NULL;
    int status = 1;

    j.blocks = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (j.blocks == MAP_FAILED) {
        fprintf(stderr, "bench_codes: %zu bytes cannot be had\n", n_bytes);
        return 1;
    }
    madvise(j.blocks, n_bytes, MADV_HUGEPAGE); /* else page walks are measured too */
    j.tables = cir__new(n_groups, MAX_SIDES * 16);
    j.sums = cir__new(n_tasks, sizeof *j.sums);
    centre = cir__new(s->dim, sizeof *centre);
    rows = cir__new(N_CODED, s->dim * sizeof *rows);
    if (j.tables == NULL || j.sums == NULL || centre == NULL || rows == NULL) {
        fprintf(stderr, "bench_codes: out of memory\n");
        goto done;
    }
    if (cir_pool_new(s->n_threads, &pool, &err) != CIR_OK ||
        cir__coder_new(s->dim, 1, centre, &coder, &err) != CIR_OK) {
        fprintf(stderr, "bench_codes: %s\n", err.message);
        goto done;
    }
    s->n_threads = cir_pool_get_n_threads(pool);
    j.coder = coder;
    j.rows = rows;
    uint64_t state = cir__random_state(1000000007);
    for (size_t i = 0; i < n_groups * MAX_SIDES * 16; i++)
        j.tables[i] = (uint8_t)(cir__random_bits(&state) >> 58);
    for (size_t i = 0; i < N_CODED * s->dim; i++) /* halves of 0.03 … 0.06 of either sign */
        rows[i] =
            (uint16_t)(0x2800 + (cir__random_bits(&state) >> 54) + (cir__random_bits(&state) >> 63 << 15));

    for (size_t r = 0; r < s->n_repeats + 1; r++) { /* the first round warms up and is overwritten */
        const size_t i = r == 0 ? 0 : r - 1;
        const double begin = cir__clock_ms();
        cir__pool_run(pool, N_CODED / CIR__CODE_ROWS, code_task, &j);
        times[CODING][i] = cir__clock_ms() - begin;
        if (r == 0)
            cir__pool_run(pool, n_tasks, fill_task, &j);
        for (size_t f = 0; f < CODING; f++)
            times[f][i] = figures[f].n_sides == 0
                              ? cir__read_ms(j.blocks, n_bytes, pool)
                              : pass_ms(&j, figures[f].n_sides, figures[f].is_cached, pool);
    }
    status = report(s, &j, times);
    if (status != 0)
        fprintf(stderr, "bench_codes: %s: cannot be written\n", s->json_path);
done:
    cir__coder_free(coder);
    cir_pool_free(pool);
    free(rows);
    free(centre);
    free(j.sums);
    free(j.tables);
    munmap(j.blocks, n_bytes);
    return status;
}

int main(int argc, char **argv)
{
    setting s = {.dim = 768, .n_repeats = 9};
    for (int i = 1; i < argc; i++) {
        size_t *const number = strcmp(argv[i], "--n") == 0         ? &s.n_rows
                               : strcmp(argv[i], "--dim") == 0     ? &s.dim
                               : strcmp(argv[i], "--repeats") == 0 ? &s.n_repeats
                               : strcmp(argv[i], "--threads") == 0 ? &s.n_threads
                                                                   : NULL;
        if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            s.json_path = argv[++i];
        } else if (number != NULL && i + 1 < argc && strtoull(argv[i + 1], NULL, 10) > 0) {
            *number = (size_t)strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr,
                    "usage: bench_codes [--n ROWS] [--dim D] [--repeats R] [--threads T] [--json FILE]\n");
            return 2;
        }
    }
    if (s.dim > CIR__CODE_MAX_DIM || s.n_repeats > 64) {
        fprintf(stderr, "bench_codes: at most %d dimensions and 64 repeats\n", CIR__CODE_MAX_DIM);
        return 2;
    }
    if (s.n_rows != 0)
        return run(&s);
    setting small = s, large = s; /* those that the project's figures are of */
    small.n_rows = 1000000;
    large.n_rows = 10000000;
    return run(&small) != 0 || run(&large) != 0;
}
