/* How fast positives are ranked against a pool of distractors, and how fast this machine multiplies matrices.
 *
 * A seeded pool of float16 rows lies in memory, as a file that is mapped; a data set in the shape of i-CIR
 * (1,883 queries of 202 instances, 750 photos, 600 texts, 10 positives a query) beside it in a folder of
 * /tmp. Timed is cir_eval_distract by the method product, composing included; its operations are those of the
 * products of every row with every distinct photo and text. The limit is oneDNN's product of matrices, one on
 * each thread; it takes turns with the experiment, the best of the repeats counts. Prints a table; --json
 * also appends one line of JSON to a file.
 *
 *   bench_distract [--n ROWS] [--dim D] [--repeats R] [--threads T] [--json FILE] */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/thread_pool.h"
#include "bench_measure.h"
#include "cir/experiment.h"
#include "format/npy.h"
#include "kernels/kernels.h"
#include "method/draw.h"
#include "shared/clock.h"

enum { N_QUERIES = 1883, N_INSTANCES = 202, N_PHOTOS = 750, N_TEXTS = 600, N_POSITIVES = 10 };

/* Numbers of random rows; the pool's begin at 0. */
#define FIRST_PHOTO 2000000000u
#define FIRST_TEXT 3000000000u
#define FIRST_POSITIVE 4000000000u

typedef struct setting {
    size_t n_rows, dim, n_repeats, n_threads;
    const char *json_path; /* or NULL */
} setting;

static void stop(const char *what)
{
    (void)fprintf(stderr, "bench_distract: %s\n", what);
    exit(1);
}

static void *room(size_t n, size_t item_bytes)
{
    void *memory = cir__new(n, item_bytes);
    if (memory == NULL)
        stop("out of memory");
    return memory;
}

/* Numbers spread evenly, around 0.3 so that similarities are mostly positive, as those of real features. */
static void random_row(uint64_t seed, size_t dim, float *out)
{
    uint64_t state = cir__draw_start(seed, CIR__DRAW_ORDER);
    for (size_t i = 0; i < dim; i++)
        out[i] = (float)(cir__draw_next(&state) >> 40) * 0x1p-23f - 0.7f;
}

/* ---- the pool ---- */

typedef struct filling {
    uint16_t *rows;
    size_t n_rows, dim;
    float *scratch; /* [n_threads, dim] */
} filling;

static void fill_task(void *context, size_t i_task, size_t i_thread)
{
    filling *job = context;
    float *row = job->scratch + i_thread * job->dim;
    for (size_t r = i_task * 1024; r < (i_task + 1) * 1024 && r < job->n_rows; r++) {
        random_row(r, job->dim, row);
        cir__kernels_get()->half_from_float(row, job->dim, job->rows + r * job->dim);
    }
}

/* A file in memory; path_out names it. */
static void make_pool(const setting *s, cir_pool *pool, char path_out[64])
{
    const size_t n_bytes = s->n_rows * s->dim * sizeof(uint16_t);
    const int fd = memfd_create("pool", 0);
    uint8_t header[CIR__NPY_HEADER_SIZE];
    cir__npy_format_header(CIR__NPY_F16, s->n_rows, s->dim, header);
    if (fd < 0 || write(fd, header, sizeof header) != (ssize_t)sizeof header ||
        ftruncate(fd, (off_t)(sizeof header + n_bytes)) != 0)
        stop("no room for the pool");
    uint8_t *bytes = mmap(NULL, sizeof header + n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED)
        stop("no room for the pool");
    filling job = {(uint16_t *)(void *)(bytes + sizeof header), s->n_rows, s->dim,
                   room(s->n_threads * s->dim, sizeof(float))};
    cir__pool_run(pool, s->n_rows / 1024 + 1, fill_task, &job);
    free(job.scratch);
    munmap(bytes, sizeof header + n_bytes);
    snprintf(path_out, 64, "/proc/self/fd/%d", fd);
}

/* ---- the data set ---- */

static const char *const file_names[] = {"query.csv", "database.csv", "query_image.npy", "query_text.npy",
                                         "database_image.npy"};

static char *path_in(const char *folder, const char *name)
{
    char *path = cir__path_join(folder, name);
    if (path == NULL)
        stop("out of memory");
    return path;
}

/* Rows of which row r is random_row(numbers[r]), or of positives: with some of their photo and their text. */
static void write_rows(const char *folder, const char *name, const uint64_t *numbers, size_t n, size_t dim,
                       bool are_positives)
{
    float *more = room(2, dim * sizeof *more);
    float *rows = room(n, dim * sizeof *rows);
    char *path = path_in(folder, name);
    cir_error err;
    for (size_t r = 0; r < n; r++) {
        float *row = rows + r * dim;
        random_row(numbers[r], dim, row);
        if (!are_positives)
            continue;
        const size_t text = r / N_POSITIVES, instance = text * N_INSTANCES / N_TEXTS;
        random_row(FIRST_PHOTO + instance * N_PHOTOS / N_INSTANCES, dim, more);
        random_row(FIRST_TEXT + text, dim, more + dim);
        for (size_t i = 0; i < dim; i++)
            row[i] += 0.15f * (more[i] + more[dim + i]);
    }
    free(more);
    if (cir__npy_write(path, CIR__NPY_F32, n, dim, rows, &err) != CIR_OK)
        stop(err.message);
    free(path);
    free(rows);
}

/* Query q has photo q·750/1883 and a text of its instance's three. */
static void write_dataset(const char *folder, size_t dim)
{
    uint64_t *photos = room(N_QUERIES, sizeof *photos), *texts = room(N_QUERIES, sizeof *texts),
             *positives = room((size_t)N_TEXTS * N_POSITIVES, sizeof *positives);
    char *query_path = path_in(folder, "query.csv"), *database_path = path_in(folder, "database.csv");
    FILE *queries = fopen(query_path, "w"), *database = fopen(database_path, "w");
    if (queries == NULL || database == NULL)
        stop("the data set cannot be written");
    for (size_t q = 0; q < N_QUERIES; q++) {
        const size_t photo = q * N_PHOTOS / N_QUERIES, instance = photo * N_INSTANCES / N_PHOTOS;
        const size_t text = (instance * N_TEXTS / N_INSTANCES + q % 3) % N_TEXTS;
        photos[q] = FIRST_PHOTO + photo;
        texts[q] = FIRST_TEXT + text;
        fprintf(queries, "%zu.jpg,text %zu,%zu\n", photo, text, instance);
    }
    for (size_t i = 0; i < (size_t)N_TEXTS * N_POSITIVES; i++) {
        const size_t text = i / N_POSITIVES, instance = text * N_INSTANCES / N_TEXTS;
        positives[i] = FIRST_POSITIVE + i;
        fprintf(database, "%zu.jpg,text %zu,%zu\n", i, text, instance);
    }
    if (fclose(queries) != 0 || fclose(database) != 0)
        stop("the data set cannot be written");
    write_rows(folder, "query_image.npy", photos, N_QUERIES, dim, false);
    write_rows(folder, "query_text.npy", texts, N_QUERIES, dim, false);
    write_rows(folder, "database_image.npy", positives, (size_t)N_TEXTS * N_POSITIVES, dim, true);
    free(photos);
    free(texts);
    free(positives);
    free(query_path);
    free(database_path);
}

static void remove_dataset(const char *folder)
{
    for (size_t i = 0; i < sizeof file_names / sizeof file_names[0]; i++) {
        char *path = path_in(folder, file_names[i]);
        unlink(path);
        free(path);
    }
    rmdir(folder);
}

/* ---- all of it ---- */

static void print(const setting *s, size_t n_vectors, double mAP, double seconds, double limit)
{
    const double rate = 2.0 * (double)s->n_rows * (double)s->dim * (double)n_vectors / seconds;
    printf("%zu distractors x %zu, float16; %d queries, %zu photos and texts, mAP %.1f %%; threads: %zu\n",
           s->n_rows, s->dim, N_QUERIES, n_vectors, mAP, s->n_threads);
    printf("  positives against the pool %14.2f s %9.1f Gop/s %5.0f%% of the matrix-product limit\n", seconds,
           rate * 1e-9, 100 * rate / limit);
    printf("  oneDNN's products in f32    %14s   %9.1f Gop/s\n", "", limit * 1e-9);
    printf("  10 million distractors     %14.0f s\n", seconds * 1e7 / (double)s->n_rows);
    if (s->json_path == NULL)
        return;
    FILE *file = fopen(s->json_path, "a");
    if (file == NULL)
        stop("the JSON file cannot be written");
    fprintf(
        file,
        "{\"bench\": \"distract\", \"n\": %zu, \"dim\": %zu, \"queries\": %d, \"sides\": %zu, \"threads\": "
        "%zu, \"seconds\": %.3f, \"gop_s\": %.1f, \"limit_gop_s\": %.1f, \"fraction\": %.3f}\n",
        s->n_rows, s->dim, N_QUERIES, n_vectors, s->n_threads, seconds, rate * 1e-9, limit * 1e-9,
        rate / limit);
    if (fclose(file) != 0)
        stop("the JSON file cannot be written");
}

static void run(setting *s)
{
    char folder[] = "/tmp/cir-bench-XXXXXX", pool_path[64];
    cir_pool *pool = NULL;
    cir_dataset *dataset = NULL;
    cir_error err;
    if (cir_pool_new(s->n_threads, &pool, &err) != CIR_OK)
        stop(err.message);
    s->n_threads = cir_pool_get_n_threads(pool);
    make_pool(s, pool, pool_path);
    if (mkdtemp(folder) == NULL)
        stop("no folder in /tmp");
    write_dataset(folder, s->dim);
    const cir_status status = cir_dataset_open_features(folder, pool, &dataset, &err);
    remove_dataset(folder);
    if (status != CIR_OK)
        stop(err.message);
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_PRODUCT);
    cir_distraction answer = {0};
    double limit = 0, best = 0, mAP = 0;
    for (size_t r = 0; r < s->n_repeats; r++) {
        const double rate = cir__product_flops(pool);
        limit = rate > limit ? rate : limit;
        cir_distracted method = {.method = CIR_METHOD_PRODUCT, .settings = &settings};
        const double begin = cir__clock_ms();
        if (cir_eval_distract(dataset, &(cir_distract_options){.pool_path = pool_path}, &method, 1, pool,
                              &answer, &err) != CIR_OK)
            stop(err.message);
        const double seconds = (cir__clock_ms() - begin) * 1e-3;
        mAP = method.mAP[answer.n_sizes - 1];
        best = r == 0 || seconds < best ? seconds : best;
    }
    print(s, answer.n_vectors, mAP, best, limit);
    cir_dataset_close(dataset);
    cir_pool_free(pool);
}

int main(int argc, char **argv)
{
    setting s = {.n_rows = 1000000, .dim = 768, .n_repeats = 3};
    for (int i = 1; i < argc; i++) {
        size_t *number = strcmp(argv[i], "--n") == 0         ? &s.n_rows
                         : strcmp(argv[i], "--dim") == 0     ? &s.dim
                         : strcmp(argv[i], "--repeats") == 0 ? &s.n_repeats
                         : strcmp(argv[i], "--threads") == 0 ? &s.n_threads
                                                             : NULL;
        if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            s.json_path = argv[++i];
        } else if (number != NULL && i + 1 < argc && strtoull(argv[i + 1], NULL, 10) > 0) {
            *number = (size_t)strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: bench_distract [--n ROWS] [--dim D] [--repeats R] [--threads T] [--json "
                            "FILE]\n");
            return 2;
        }
    }
    run(&s);
    return 0;
}
