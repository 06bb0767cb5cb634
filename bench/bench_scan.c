/* How fast the exact scan is, and how fast this machine can read at all.
 *
 * Seeded float16 rows in memory are (1) only read, (2) searched with two dot products, the Harris fusion and
 * the best k, (3) searched with one dot product; the three take turns, so that a machine whose bandwidth
 * drifts treats them alike. The rows lie in huge pages; with --mapped in a mapped file, as those of an index.
 * Prints a table; --json also appends one line of JSON to a file.
 *
 *   bench_scan [--n ROWS] [--dim D] [--k K] [--repeats R] [--threads T] [--mapped] [--json FILE] */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/thread_pool.h"
#include "bench_measure.h"
#include "cir/search.h"
#include "kernels/kernels.h"
#include "shared/clock.h"

typedef struct setting {
    size_t n_rows, dim, k, n_repeats, n_threads;
    bool is_mapped;
    const char *json_path; /* or NULL */
} setting;

typedef struct fill_job {
    uint16_t *rows;
    size_t n_rows, dim;
    float *scratch; /* [n_threads, dim] */
} fill_job;

static void fill_task(void *context, size_t i_task, size_t i_thread)
{
    fill_job *job = context;
    float *row = job->scratch + i_thread * job->dim;
    for (size_t r = i_task * 1024; r < (i_task + 1) * 1024 && r < job->n_rows; r++) {
        uint64_t state = cir__random_state(r);
        cir__random_fill(&state, job->dim, 0.06f, row);
        cir__kernels_get()->half_from_float(row, job->dim, job->rows + r * job->dim);
    }
}

/* One thing measured: the median and the best of its times, in ms. */
typedef struct figure {
    const char *key, *name;
    double median_ms, best_ms;
} figure;

static void settle(figure *f, double *times, size_t n)
{
    f->median_ms = cir__median(times, n);
    f->best_ms = times[0];
}

/* figures[0] is the reading, of which the others are given as fractions: median of median. */
static void print(const setting *s, const figure *figures, size_t n_figures)
{
    double gigabytes = (double)(s->n_rows * s->dim * sizeof(uint16_t)) * 1e-9;
    const char *kernels = cir__kernels_get()->name;
    printf("%zu rows x %zu, float16, %.2f GB, best %zu, %s, threads: %zu\n", s->n_rows, s->dim, gigabytes,
           s->k, kernels, s->n_threads);
    printf("  %-42s %9s %9s %8s %9s\n", "", "ms", "best ms", "GB/s", "of read");
    for (size_t i = 0; i < n_figures; i++)
        printf("  %-42s %9.2f %9.2f %8.1f %8.0f%%\n", figures[i].name, figures[i].median_ms,
               figures[i].best_ms, gigabytes / figures[i].median_ms * 1e3,
               100 * figures[0].median_ms / figures[i].median_ms);
}

static bool append_json(const setting *s, const figure *figures, size_t n_figures)
{
    double gigabytes = (double)(s->n_rows * s->dim * sizeof(uint16_t)) * 1e-9;
    FILE *file = fopen(s->json_path, "a");
    if (file == NULL)
        return false;
    fprintf(file,
            "{\"bench\": \"scan\", \"n\": %zu, \"dim\": %zu, \"k\": %zu, \"threads\": %zu, \"kernels\": "
            "\"%s\", \"mapped\": %s",
            s->n_rows, s->dim, s->k, s->n_threads, cir__kernels_get()->name, s->is_mapped ? "true" : "false");
    for (size_t i = 0; i < n_figures; i++)
        fprintf(file, ", \"%s_ms\": %.3f, \"%s_best_ms\": %.3f, \"%s_gb_s\": %.2f, \"%s_fraction\": %.3f",
                figures[i].key, figures[i].median_ms, figures[i].key, figures[i].best_ms, figures[i].key,
                gigabytes / figures[i].median_ms * 1e3, figures[i].key,
                figures[0].median_ms / figures[i].median_ms);
    fprintf(file, "}\n");
    return fclose(file) == 0;
}

/* Memory for the rows, MAP_FAILED where there is none. */
static void *map_rows(const setting *s, size_t n_bytes)
{
    if (!s->is_mapped) {
        void *rows = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (rows != MAP_FAILED)
            madvise(rows, n_bytes, MADV_HUGEPAGE); /* else page walks are measured too */
        return rows;
    }
    char path[] = "/tmp/cir-bench-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        return MAP_FAILED;
    unlink(path);
    void *rows = MAP_FAILED;
    if (ftruncate(fd, (off_t)n_bytes) == 0)
        rows = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return rows;
}

static int run(setting *s)
{
    cir_error err;
    cir_pool *pool = NULL;
    if (cir_pool_new(s->n_threads, &pool, &err) != CIR_OK) {
        fprintf(stderr, "bench_scan: %s\n", err.message);
        return 1;
    }
    s->n_threads = cir_pool_get_n_threads(pool);
    size_t n_items, n_bytes;
    if (!cir__size_mul(s->n_rows, s->dim, &n_items) || !cir__size_mul(n_items, 2, &n_bytes)) {
        fprintf(stderr, "bench_scan: too many rows\n");
        cir_pool_free(pool);
        return 1;
    }
    uint16_t *rows = map_rows(s, n_bytes);
    if (rows == MAP_FAILED) {
        fprintf(stderr, "bench_scan: %zu bytes cannot be had\n", n_bytes);
        cir_pool_free(pool);
        return 1;
    }
    fill_job fill = {rows, s->n_rows, s->dim, cir__new(s->n_threads * s->dim, sizeof(float))};
    float *queries = cir__new(2 * s->dim, sizeof *queries);
    cir_hit *hits = cir__new(s->k, sizeof *hits);
    double *times = cir__new(3 * s->n_repeats, sizeof *times);
    int status = 1;
    if (fill.scratch == NULL || queries == NULL || hits == NULL || times == NULL) {
        fprintf(stderr, "bench_scan: out of memory\n");
        goto done;
    }
    cir__pool_run(pool, s->n_rows / 1024 + 1, fill_task, &fill);
    uint64_t state = cir__random_state(1000000007);
    cir__random_fill(&state, 2 * s->dim, 0.06f, queries);
    cir_rows searched = {.n_rows = s->n_rows, .dim = s->dim, .f16 = rows};
    cir_query fused = {.dim = s->dim,
                       .a = queries,
                       .a0 = 1,
                       .b = queries + s->dim,
                       .b0 = 1,
                       .fusion = {.kind = CIR_FUSION_HARRIS, .clamp = true, .lambda = 0.1f}};
    cir_query image = {.dim = s->dim, .a = queries, .fusion = {.kind = CIR_FUSION_IMAGE}};
    for (size_t r = 0; r < s->n_repeats + 1; r++) { /* the first round warms up and is overwritten */
        size_t i = r == 0 ? 0 : r - 1, n;
        double read_ms = cir__read_ms(rows, n_bytes, pool);
        double read = cir__clock_ms();
        cir_status failed = cir_search_top(&searched, &fused, s->k, pool, hits, &n, &err);
        double both = cir__clock_ms();
        if (failed == CIR_OK)
            failed = cir_search_top(&searched, &image, s->k, pool, hits, &n, &err);
        double single = cir__clock_ms();
        if (failed != CIR_OK) {
            fprintf(stderr, "bench_scan: %s\n", err.message);
            goto done;
        }
        times[i] = read_ms;
        times[s->n_repeats + i] = both - read;
        times[2 * s->n_repeats + i] = single - both;
    }
    figure figures[] = {{.key = "read", .name = "read every byte"},
                        {.key = "fused", .name = "two dot products, Harris fusion, best k"},
                        {.key = "image", .name = "one dot product, best k"}};
    for (size_t i = 0; i < 3; i++)
        settle(&figures[i], times + i * s->n_repeats, s->n_repeats);
    print(s, figures, 3);
    if (s->json_path != NULL && !append_json(s, figures, 3)) {
        fprintf(stderr, "bench_scan: %s: cannot be written\n", s->json_path);
        goto done;
    }
    status = 0;
done:
    free(times);
    free(hits);
    free(queries);
    free(fill.scratch);
    munmap(rows, n_bytes);
    cir_pool_free(pool);
    return status;
}

int main(int argc, char **argv)
{
    setting s = {.dim = 768, .k = 100, .n_repeats = 31};
    for (int i = 1; i < argc; i++) {
        size_t *number = strcmp(argv[i], "--n") == 0         ? &s.n_rows
                         : strcmp(argv[i], "--dim") == 0     ? &s.dim
                         : strcmp(argv[i], "--k") == 0       ? &s.k
                         : strcmp(argv[i], "--repeats") == 0 ? &s.n_repeats
                         : strcmp(argv[i], "--threads") == 0 ? &s.n_threads
                                                             : NULL;
        if (strcmp(argv[i], "--mapped") == 0) {
            s.is_mapped = true;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            s.json_path = argv[++i];
        } else if (number != NULL && i + 1 < argc && strtoull(argv[i + 1], NULL, 10) > 0) {
            *number = (size_t)strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr,
                    "usage: bench_scan [--n ROWS] [--dim D] [--k K] [--repeats R] [--threads T] [--mapped] "
                    "[--json FILE]\n");
            return 2;
        }
    }
    if (s.n_rows != 0)
        return run(&s);
    setting small = s, large = s; /* those that the project's figures are of */
    small.n_rows = 100000;
    large.n_rows = 1000000;
    return run(&small) != 0 || run(&large) != 0;
}
