/* How fast `cir eval` is as a whole process on features in the shape of the full i-CIR benchmark, and what
 * the machine allows: the time that reading the features takes at its bandwidth, and that the products of all
 * queries with their databases take at the rate of its matrix product, both measured in the same run.
 *
 * The features are synthetic, made once (2.3 GB, seeded) and kept in the folder. They are drawn as real ones
 * lie: a mean of norm 0.6 that all share, a part of the instance, a part of the text, and noise.
 *
 *   bench_eval [--folder DIR] [--program FILE] [--n ROWS] [--repeats R] [--json FILE] */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "bench_measure.h"
#include "format/npy.h"
#include "shared/clock.h"

extern char **environ;

/* The shape of i-CIR, and of the reference's corpora and synthetic pairs. */
enum {
    N_INSTANCES = 202,
    N_QUERIES = 1883,
    LEAST_ROWS = 951,
    MOST_ROWS = 10045,
    MOST_PHOTOS = 46,
    MOST_TEXTS = 5,
    N_OBJECTS = 1841,
    N_STYLES = 1000,
    N_SYNTHETIC_IMAGES = 800,
    N_SYNTHETIC_TEXTS = 200,
    DIM = 768,
};

typedef struct setting {
    const char *folder, *program, *json_path;
    size_t n_rows, n_repeats;
} setting;

/* An instance's part of the data set. */
typedef struct instance {
    size_t n_rows, n_photos, n_texts, n_queries;
} instance;

static _Noreturn void stop(const char *what)
{
    (void)fprintf(stderr, "bench_eval: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double random_part(uint64_t *state)
{
    return (double)(cir__random_bits(state) >> 11) * 0x1p-53;
}

/* Sizes that differ as i-CIR's do, and add up to n_rows and N_QUERIES. A query is a photo with a text. */
static void instances_draw(size_t n_rows, instance *instances)
{
    uint64_t state = cir__random_state(202);
    double weights[N_INSTANCES], sum = 0;
    size_t n_left = n_rows, n_queries = 0;
    for (size_t i = 0; i < N_INSTANCES; i++)
        sum += weights[i] = LEAST_ROWS + (MOST_ROWS - LEAST_ROWS) * pow(random_part(&state), 2.3);
    for (size_t i = 0; i < N_INSTANCES; i++) {
        instance *const self = &instances[i];
        self->n_rows = i + 1 < N_INSTANCES ? (size_t)(weights[i] / sum * (double)n_rows) : n_left;
        n_left -= self->n_rows;
        self->n_texts = 1 + (size_t)(random_part(&state) * MOST_TEXTS);
        self->n_photos = 1 + (size_t)((MOST_PHOTOS - 1) * pow(random_part(&state), 20));
        self->n_queries = self->n_texts * self->n_photos;
        n_queries += self->n_queries;
    }
    /* Photos more or fewer, and the last photo without all of its texts, make the sum exact. */
    for (size_t i = 0; n_queries != N_QUERIES; i = (i + 1) % N_INSTANCES) {
        instance *const self = &instances[i];
        const size_t n_missing = n_queries < N_QUERIES ? N_QUERIES - n_queries : 0;
        const size_t n_excess = n_queries > N_QUERIES ? n_queries - N_QUERIES : 0;
        if (n_missing > 0 && self->n_photos < MOST_PHOTOS &&
            self->n_queries == self->n_photos * self->n_texts) {
            const size_t n = n_missing < self->n_texts ? n_missing : self->n_texts;
            self->n_photos++;
            self->n_queries += n;
            n_queries += n;
        } else if (n_excess > 0 && self->n_queries > 1) {
            self->n_queries--;
            n_queries--;
        }
    }
}

/* A unit vector that belongs to a seed. */
static void direction(uint64_t seed, float *out)
{
    uint64_t state = cir__random_state(seed);
    cir__random_fill(&state, DIM, sqrtf(3.0f / DIM), out);
}

/* out = unit(0.6·mean + a·part_a + b·part_b + noise); parts may be NULL. */
static void feature(uint64_t seed, const float *mean, const float *part_a, float a, const float *part_b,
                    float b, float *out)
{
    uint64_t state = cir__random_state(seed);
    double sum = 0;
    cir__random_fill(&state, DIM, 0.55f * sqrtf(3.0f / DIM), out);
    for (size_t i = 0; i < DIM; i++) {
        out[i] +=
            0.6f * mean[i] + (part_a != NULL ? a * part_a[i] : 0) + (part_b != NULL ? b * part_b[i] : 0);
        sum += (double)out[i] * (double)out[i];
    }
    for (size_t i = 0; i < DIM; i++)
        out[i] = (float)((double)out[i] / sqrt(sum));
}

static FILE *file_make(const char *folder, const char *name)
{
    char *path = cir__path_join(folder, name);
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file == NULL)
        stop(path);
    free(path);
    return file;
}

/* A file of features, with its header: rows are to be written to it. */
static FILE *table_make(const char *folder, const char *name, size_t n_rows)
{
    uint8_t header[CIR__NPY_HEADER_SIZE];
    FILE *file = file_make(folder, name);
    cir__npy_format_header(CIR__NPY_F32, n_rows, DIM, header);
    if (fwrite(header, sizeof header, 1, file) != 1)
        stop(name);
    return file;
}

static void row_put(FILE *file, const float *row)
{
    if (fwrite(row, sizeof *row, DIM, file) != DIM)
        stop("a features file");
}

/* Writes it out and lets go of it, so that it comes back as files that are read do: in large pieces. */
static void file_close(FILE *file)
{
    if (fflush(file) != 0 || fsync(fileno(file)) != 0 ||
        posix_fadvise(fileno(file), 0, 0, POSIX_FADV_DONTNEED) != 0 || fclose(file) != 0)
        stop("a features file");
}

/* A corpus: features around a mean of their own. */
static void corpus_make(const char *folder, const char *name, size_t n_rows, uint64_t seed, const float *mean)
{
    float row[DIM];
    FILE *file = table_make(folder, name, n_rows);
    for (size_t r = 0; r < n_rows; r++) {
        feature(seed + r, mean, NULL, 0, NULL, 0, row);
        row_put(file, row);
    }
    file_close(file);
}

enum {
    SEED_MEANS = 1,
    SEED_INSTANCES = 1000,
    SEED_TEXTS = 10000,
    SEED_ROWS = 1000000,
    SEED_QUERIES = 500000000
};

static void queries_make(const char *folder, const instance *instances, const float *image_mean,
                         const float *text_mean)
{
    float part[DIM], row[DIM];
    FILE *list = file_make(folder, "query.csv");
    FILE *images = table_make(folder, "query_image.npy", N_QUERIES),
         *texts = table_make(folder, "query_text.npy", N_QUERIES),
         *contexts = table_make(folder, "query_text_context.npy", N_QUERIES);
    for (size_t i = 0; i < N_INSTANCES; i++)
        for (size_t q = 0; q < instances[i].n_queries; q++) {
            const size_t photo = q / instances[i].n_texts, text = q % instances[i].n_texts;
            (void)fprintf(list, "icir/query/instance_%03zu/%06zu.jpg,text %zu of it,instance_%03zu\n", i,
                          photo, text, i);
            direction(SEED_INSTANCES + i, part);
            feature(SEED_QUERIES + i * 100 + photo, image_mean, part, 0.4f, NULL, 0, row);
            row_put(images, row);
            direction(SEED_TEXTS + i * MOST_TEXTS + text, part);
            feature(SEED_QUERIES + 50000 + i * MOST_TEXTS + text, text_mean, part, 0.3f, NULL, 0, row);
            row_put(texts, row);
            feature(SEED_QUERIES + 60000 + i * MOST_TEXTS + text, text_mean, part, 0.35f, NULL, 0, row);
            row_put(contexts, row);
        }
    file_close(list);
    file_close(images);
    file_close(texts);
    file_close(contexts);
}

/* Of an instance's rows, about one in a hundred is of it and one in twenty shows what some text says;
 * positives are both. */
static void database_make(const char *folder, const instance *instances, size_t n_rows,
                          const float *image_mean)
{
    float of_instance[DIM], of_text[DIM], row[DIM];
    FILE *list = file_make(folder, "database.csv");
    FILE *images = table_make(folder, "database_image.npy", n_rows);
    for (size_t i = 0, at = 0; i < N_INSTANCES; i++) {
        direction(SEED_INSTANCES + i, of_instance);
        for (size_t r = 0; r < instances[i].n_rows; r++, at++) {
            const bool is_positive = r < 6 * instances[i].n_texts;
            const size_t text = r % instances[i].n_texts;
            direction(SEED_TEXTS + i * MOST_TEXTS + text, of_text);
            feature(SEED_ROWS + at, image_mean, of_instance,
                    is_positive  ? 0.3f
                    : r % 3 == 0 ? 0.25f
                                 : 0.1f,
                    of_text,
                    is_positive  ? 0.15f
                    : r % 5 == 0 ? 0.13f
                                 : 0,
                    row);
            row_put(images, row);
            if (is_positive)
                (void)fprintf(list, "icir/database/instance_%03zu/%06zu.jpg,text %zu of it,instance_%03zu\n",
                              i, r, text, i);
            else
                (void)fprintf(list, "icir/database/instance_%03zu/hn/%06zu.jpg,,instance_%03zu\n", i, r, i);
        }
    }
    file_close(list);
    file_close(images);
}

/* Makes all files unless they are there; the last one tells that they are whole. */
static void features_make(const char *folder, const instance *instances, size_t n_rows)
{
    float image_mean[DIM], text_mean[DIM], means[DIM];
    cir_error err = {0};
    char *whole = cir__path_join(folder, "whole"), text[64];
    uint8_t *bytes = NULL;
    size_t size = 0;
    (void)snprintf(text, sizeof text, "%zu rows, version 1\n", n_rows);
    if (cir__file_read(whole, 64, &bytes, &size, NULL) == CIR_OK && strcmp((const char *)bytes, text) == 0) {
        free(bytes);
        free(whole);
        return;
    }
    free(bytes);
    (void)fprintf(stderr, "bench_eval: making %zu features in %s\n", n_rows, folder);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        stop(folder);
    direction(SEED_MEANS, image_mean);
    direction(SEED_MEANS + 1, text_mean);
    for (size_t i = 0; i < DIM; i++)
        means[i] = 0.6f * image_mean[i];
    queries_make(folder, instances, image_mean, text_mean);
    corpus_make(folder, "corpus_objects.npy", N_OBJECTS, 300000000, text_mean);
    corpus_make(folder, "corpus_styles.npy", N_STYLES, 310000000, text_mean);
    corpus_make(folder, "synthetic_image.npy", N_SYNTHETIC_IMAGES, 320000000, image_mean);
    corpus_make(folder, "synthetic_text.npy", N_SYNTHETIC_TEXTS, 330000000, text_mean);
    database_make(folder, instances, n_rows, image_mean);
    char *mean_path = cir__path_join(folder, "image_mean.npy");
    if (cir__npy_write(mean_path, CIR__NPY_F32, DIM, 0, means, &err) != CIR_OK ||
        cir__file_replace(whole, text, strlen(text), &err) != CIR_OK) {
        (void)fprintf(stderr, "bench_eval: %s\n", err.message);
        exit(1);
    }
    free(mean_path);
    free(whole);
}

/* What one command took. */
typedef struct taken {
    double ms, cpu_ms, peak_mb;
} taken;

static double to_ms(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec * 1e-3;
}

/* Runs a command to its end, without its output. */
static taken command_run(const char *const *argv)
{
    posix_spawn_file_actions_t actions;
    struct rusage usage;
    pid_t child;
    int status = 0;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const double begin = cir__clock_ms();
    errno = posix_spawn(&child, argv[0], &actions, NULL, (char *const *)argv, environ);
    if (errno != 0 || wait4(child, &status, 0, &usage) != child)
        stop(argv[0]);
    const double ms = cir__clock_ms() - begin;
    (void)posix_spawn_file_actions_destroy(&actions);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "bench_eval: %s failed\n", argv[0]);
        exit(1);
    }
    return (taken){ms, to_ms(usage.ru_utime) + to_ms(usage.ru_stime), (double)usage.ru_maxrss / 1024};
}

/* What the machine allows: ms to read the file, and floating-point operations a second of a product. */
typedef struct limits {
    double read_ms, flops;
} limits;

/* Measured in a process of its own: what this one holds in memory counts as the peak of those that it
 * starts. */
static limits limits_measure(const char *path)
{
    limits found = {0};
    int ends[2], status = 0;
    if (pipe(ends) != 0)
        stop("pipe");
    const pid_t child = fork();
    if (child == 0) {
        cir_pool *pool;
        cir__mapping mapping = {0};
        if (cir_pool_new(0, &pool, NULL) != CIR_OK || cir__mapping_open(path, &mapping, NULL) != CIR_OK)
            _exit(1);
        found = (limits){cir__read_ms(mapping.data, mapping.size, pool), cir__product_flops(pool)};
        _exit(write(ends[1], &found, sizeof found) != sizeof found);
    }
    (void)close(ends[1]);
    if (read(ends[0], &found, sizeof found) != sizeof found || waitpid(child, &status, 0) != child)
        stop(path);
    (void)close(ends[0]);
    return found;
}

/* A thing measured: its command, and what the products of its pass take. */
typedef struct figure {
    const char *key, *name, *methods, *more;
    double flops;
    double times[64], cpu_ms, peak_mb;
} figure;

/* Floating-point operations of the products with all sides of each instance's queries. */
static double count_flops(const instance *instances, size_t n_passes_of_photos, size_t n_passes_of_texts)
{
    double flops = 0;
    for (size_t i = 0; i < N_INSTANCES; i++)
        flops +=
            2.0 * DIM * (double)instances[i].n_rows *
            (double)(n_passes_of_photos * instances[i].n_photos + n_passes_of_texts * instances[i].n_texts);
    return flops;
}

static void run(const setting *set)
{
    instance instances[N_INSTANCES];
    instances_draw(set->n_rows, instances);
    features_make(set->folder, instances, set->n_rows);
    char *path = cir__path_join(set->folder, "database_image.npy");
    struct stat file;
    if (path == NULL || stat(path, &file) != 0)
        stop(path);

    figure figures[] = {
        {.key = "version", .name = "starting the program"},
        {.key = "basic", .name = "basic", .methods = "basic", .flops = count_flops(instances, 2, 1)},
        {.key = "basic_minus", .name = "basic-", .methods = "basic-", .flops = count_flops(instances, 1, 1)},
        {.key = "product", .name = "product", .methods = "product", .flops = count_flops(instances, 1, 1)},
        {.key = "all", .name = "all methods and the ablation", .methods = "all", .more = "--ablation"},
    };
    enum { N_FIGURES = sizeof figures / sizeof figures[0] };
    /* Text and image alone; sum, product, weicom; basic- and basic; six rows of the ablation, and one with
     * expansion. */
    figures[N_FIGURES - 1].flops = count_flops(instances, 1 + 3 + 1 + 2 + 6 + 2, 1 + 3 + 2 + 7);

    double read_times[64], rates[64];
    for (size_t r = 0; r < set->n_repeats + 1; r++) { /* the first round warms up and is overwritten */
        const size_t i = r == 0 ? 0 : r - 1;
        const limits found = limits_measure(path);
        read_times[i] = found.read_ms;
        rates[i] = found.flops;
        for (size_t f = 0; f < N_FIGURES; f++) {
            const char *const start[] = {set->program, "--version", NULL};
            const char *const eval[] = {set->program, "eval",     "--features",       set->folder,
                                        "-q",         "--method", figures[f].methods, figures[f].more,
                                        NULL};
            const taken t = command_run(figures[f].methods == NULL ? start : eval);
            figures[f].times[i] = t.ms;
            figures[f].cpu_ms = t.cpu_ms;
            figures[f].peak_mb = t.peak_mb > figures[f].peak_mb ? t.peak_mb : figures[f].peak_mb;
        }
    }
    const double read_ms = cir__median(read_times, set->n_repeats), rate = cir__median(rates, set->n_repeats);
    (void)printf("%d instances, %d queries, %zu images x %d, float32; medians of %zu\n", N_INSTANCES,
                 N_QUERIES, set->n_rows, DIM, set->n_repeats);
    (void)printf(
        "  reading the features once: %.0f ms (%.1f GB/s); product of matrices in f32: %.0f Gop/s\n\n",
        read_ms, (double)file.st_size / read_ms * 1e-6, rate * 1e-9);
    (void)printf("  %-30s %8s %8s %8s %9s %9s %10s\n", "whole process", "ms", "CPU ms", "peak MB", "to read",
                 "to score", "of limits");
    FILE *json = set->json_path != NULL ? fopen(set->json_path, "a") : NULL;
    if (set->json_path != NULL && json == NULL)
        stop(set->json_path);
    for (size_t f = 0; f < N_FIGURES; f++) {
        figure *const self = &figures[f];
        const double ms = cir__median(self->times, set->n_repeats), score_ms = self->flops / rate * 1e3;
        const double to_read = self->methods != NULL ? read_ms : 0;
        (void)printf("  %-30s %8.0f %8.0f %8.0f %9.0f %9.0f %9.0f%%\n", self->name, ms, self->cpu_ms,
                     self->peak_mb, to_read, score_ms, 100 * (to_read + score_ms) / ms);
        if (json != NULL)
            (void)fprintf(
                json,
                "{\"bench\": \"eval\", \"what\": \"%s\", \"n\": %zu, \"ms\": %.1f, "
                "\"peak_mb\": %.0f, \"read_ms\": %.1f, \"score_ms\": %.1f, \"product_gops\": %.1f}\n",
                self->key, set->n_rows, ms, self->peak_mb, to_read, score_ms, rate * 1e-9);
    }
    if (json != NULL)
        (void)fclose(json);
    free(path);
}

int main(int argc, char **argv)
{
    setting set = {.folder = "build/bench-eval", .program = "build/cir", .n_rows = 752092, .n_repeats = 7};
    for (int i = 1; i < argc; i++) {
        const char **text = strcmp(argv[i], "--folder") == 0    ? &set.folder
                            : strcmp(argv[i], "--program") == 0 ? &set.program
                            : strcmp(argv[i], "--json") == 0    ? &set.json_path
                                                                : NULL;
        size_t *number = strcmp(argv[i], "--n") == 0         ? &set.n_rows
                         : strcmp(argv[i], "--repeats") == 0 ? &set.n_repeats
                                                             : NULL;
        if (text != NULL && i + 1 < argc) {
            *text = argv[++i];
        } else if (number != NULL && i + 1 < argc && strtoull(argv[i + 1], NULL, 10) > 0) {
            *number = (size_t)strtoull(argv[++i], NULL, 10);
        } else {
            (void)fprintf(
                stderr,
                "usage: bench_eval [--folder DIR] [--program FILE] [--n ROWS] [--repeats R] [--json FILE]\n");
            return 2;
        }
    }
    if (set.n_repeats > 64)
        set.n_repeats = 64;
    run(&set);
    return 0;
}
