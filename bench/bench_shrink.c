/* What decoding JPEGs at a reduced scale changes and saves: for each margin, how far a photo's feature moves
 * from that of the whole picture, and how many photos are decoded and preprocessed a second; beside it, how
 * many the model encodes.
 *
 * The margin is how many times the side that the model resizes to must remain: JPEGs come at a half, a
 * quarter or an eighth. Photos that are too small to be reduced count for the rates and not for the cosines.
 *
 *   bench_shrink --photos FOLDER [--model MODEL] [--threads T] [--precision f32|bf16] [--repeats R] [--json
 * FILE] */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread_pool.h"
#include "bench_measure.h"
#include "cir/index.h"
#include "model/model_internal.h"
#include "shared/clock.h"

#define GROUP 16

static const double margins[] = {0, 1, 1.5, 2, 3, 4}; /* 0: whole */
#define N_MARGINS (sizeof margins / sizeof margins[0])

typedef struct bench {
    const char *model_path, *photos, *json_path;
    size_t n_threads, n_repeats;
    cir_precision precision;
    cir_pool *pool;
    cir_model *model;
    char **files;
    size_t n_files;
    size_t tensor_floats;
    float *tensors;             /* [GROUP, tensor_floats] */
    float *features[N_MARGINS]; /* [n_files, dim] */
    size_t *widths[N_MARGINS];  /* [n_files] as decoded */
    const cir_image_options *reading;
    size_t first, i_margin;
} bench;

static void stop(const char *what)
{
    (void)fprintf(stderr, "bench_shrink: %s\n", what);
    exit(1);
}

static void check(cir_status status, const cir_error *err)
{
    if (status != CIR_OK)
        stop(err->message);
}

static void decode_task(void *context, size_t i_task, size_t i_thread)
{
    bench *self = context;
    cir_image image;
    cir_error err;
    (void)i_thread;
    check(cir_image_read(self->files[self->first + i_task], self->reading, &image, NULL, &err), &err);
    self->widths[self->i_margin][self->first + i_task] = image.width_px;
    check(cir_model_preprocess(self->model, &image, self->tensors + i_task * self->tensor_floats, &err),
          &err);
    cir_image_done(&image);
}

/* The first margin at which a photo was decoded to the same size as at this one. */
static size_t find_same(const bench *self, size_t i_margin, size_t i_file)
{
    size_t m = 0;
    while (self->widths[m][i_file] != self->widths[i_margin][i_file])
        m++;
    return m;
}

/* Encodes a group, at other margins than the first only what was not decoded to the same size before; returns
 * milliseconds. */
static double encode(bench *self, size_t n)
{
    const size_t dim = cir_model_get_info(self->model)->dim;
    float *features = self->features[self->i_margin] + self->first * dim;
    const double begin = cir__clock_ms();
    cir_error err;
    if (self->i_margin == 0)
        check(cir_model_encode_tensors(self->model, self->pool, self->tensors, n, features, &err), &err);
    for (size_t i = 0; i < n && self->i_margin > 0; i++) {
        const size_t same = find_same(self, self->i_margin, self->first + i);
        if (same < self->i_margin)
            memcpy(features + i * dim, self->features[same] + (self->first + i) * dim, dim * sizeof(float));
        else
            check(cir_model_encode_tensors(self->model, self->pool, self->tensors + i * self->tensor_floats,
                                           1, features + i * dim, &err),
                  &err);
    }
    return cir__clock_ms() - begin;
}

/* Decodes all photos at a margin; returns milliseconds, and adds those of encoding, where that is asked
 * for. */
static double run(bench *self, size_t i_margin, double *encode_ms)
{
    const cir_image_options whole = {.size = sizeof whole};
    const double px = margins[i_margin] * (double)cir__model_resized_px(self->model);
    const cir_image_options reading = {.size = sizeof reading, .enough_shorter_px = (size_t)ceil(px)};
    double decode_ms = 0;
    self->reading = i_margin == 0 ? &whole : &reading;
    self->i_margin = i_margin;
    for (self->first = 0; self->first < self->n_files; self->first += GROUP) {
        size_t n = self->n_files - self->first < GROUP ? self->n_files - self->first : GROUP;
        double begin = cir__clock_ms();
        cir__pool_run(self->pool, n, decode_task, self);
        decode_ms += cir__clock_ms() - begin;
        if (encode_ms != NULL)
            *encode_ms += encode(self, n);
    }
    return decode_ms;
}

static double cosine(const float *a, const float *b, size_t dim)
{
    double sum = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < dim; i++) {
        sum += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return sum / sqrt(aa * bb);
}

/* The median of 1 − cosine of each photo and the next: how much features tell photos apart at all. */
static double find_apart(bench *self)
{
    const size_t dim = cir_model_get_info(self->model)->dim;
    double *apart = cir__new(self->n_files, sizeof *apart);
    if (apart == NULL || self->n_files < 2)
        stop("two photos are needed");
    for (size_t i = 0; i + 1 < self->n_files; i++)
        apart[i] = 1 - cosine(self->features[0] + i * dim, self->features[0] + (i + 1) * dim, dim);
    double median = cir__median(apart, self->n_files - 1);
    free(apart);
    return median;
}

static void report(bench *self, size_t i_margin, double ms)
{
    const size_t dim = cir_model_get_info(self->model)->dim;
    double *losses = cir__new(self->n_files, sizeof *losses);
    size_t n = 0, worst = 0;
    if (losses == NULL)
        stop("memory is short");
    double most = -1;
    for (size_t i = 0; i < self->n_files; i++) {
        if (self->widths[i_margin][i] == self->widths[0][i])
            continue;
        losses[n] = 1 - cosine(self->features[0] + i * dim, self->features[i_margin] + i * dim, dim);
        if (losses[n] > most) {
            most = losses[n];
            worst = i;
        }
        n++;
    }
    const double rate = 1e3 * (double)self->n_files / ms;
    const double median = n > 0 ? cir__median(losses, n) : 0;
    const double p95 = n > 0 ? losses[n * 95 / 100] : 0;
    const char *name = n > 0 ? strrchr(self->files[worst], '/') : NULL;
    printf("%-6.1f %7zu   %8.2e  %8.2e  %8.2e  %9.1f  %s\n", margins[i_margin], n, median, p95,
           most > 0 ? most : 0.0, rate, name != NULL ? name + 1 : "");
    FILE *file = self->json_path != NULL ? fopen(self->json_path, "a") : NULL;
    if (file != NULL) {
        fprintf(
            file,
            "{\"bench\": \"shrink\", \"model\": \"%s\", \"threads\": %zu, \"margin\": %.1f, \"photos\": %zu, "
            "\"reduced\": %zu, \"median\": %.3e, \"p95\": %.3e, \"worst\": %.3e, \"decoded_per_s\": %.2f}\n",
            cir_model_get_info(self->model)->name, cir_pool_get_n_threads(self->pool), margins[i_margin],
            self->n_files, n, median, p95, most > 0 ? most : 0.0, rate);
        fclose(file);
    }
    free(losses);
}

static void read_arguments(bench *self, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--photos") == 0)
            self->photos = argv[i + 1];
        else if (strcmp(argv[i], "--model") == 0)
            self->model_path = argv[i + 1];
        else if (strcmp(argv[i], "--threads") == 0)
            self->n_threads = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--repeats") == 0)
            self->n_repeats = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--precision") == 0)
            self->precision = strcmp(argv[i + 1], "bf16") == 0 ? CIR_PRECISION_BF16 : CIR_PRECISION_F32;
        else if (strcmp(argv[i], "--json") == 0)
            self->json_path = argv[i + 1];
        else
            stop("unknown option");
    }
}

int main(int argc, char **argv)
{
    bench self = {.model_path = CIR_MODEL_DEMO, .n_repeats = 1};
    cir_error err;
    read_arguments(&self, argc, argv);
    if (self.photos == NULL) {
        printf("shrink: left out: it needs --photos FOLDER, JPEGs of several megapixels\n");
        return 0;
    }
    const cir_model_options options = {.size = sizeof options, .precision = self.precision};
    check(cir_pool_new(self.n_threads, &self.pool, &err), &err);
    check(cir_model_open(self.model_path, &options, &self.model, &err), &err);
    check(cir_image_list_files((const char *const *)&self.photos, 1, &self.files, &self.n_files, &err), &err);
    const cir_model_info *info = cir_model_get_info(self.model);
    self.tensor_floats = 3 * info->image_px * info->image_px;
    self.tensors = cir__new(GROUP, self.tensor_floats * sizeof(float));
    for (size_t m = 0; m < N_MARGINS; m++) {
        self.features[m] = cir__new(self.n_files, info->dim * sizeof(float));
        self.widths[m] = cir__new(self.n_files, sizeof(size_t));
        if (self.features[m] == NULL || self.widths[m] == NULL || self.tensors == NULL)
            stop("memory is short");
    }
    printf("%zu photos, %s (%zu px), %zu threads; 1 - cosine to the feature of the whole picture\n",
           self.n_files, info->name, info->image_px, cir_pool_get_n_threads(self.pool));
    printf("margin reduced    median       95%%     worst  decoded/s  worst photo\n");
    double best[N_MARGINS], encode_ms = 0, other_ms = 0;
    for (size_t m = 0; m < N_MARGINS; m++)
        best[m] = run(&self, m, m == 0 ? &encode_ms : &other_ms);
    for (size_t r = 1; r < self.n_repeats; r++)
        for (size_t m = 0; m < N_MARGINS; m++)
            best[m] = fmin(best[m], run(&self, m, NULL));
    printf("encoded: %.1f photos/s; different photos are %.2e apart (median)\n",
           1e3 * (double)self.n_files / encode_ms, find_apart(&self));
    for (size_t m = 0; m < N_MARGINS; m++)
        report(&self, m, best[m]);
    for (size_t m = 0; m < N_MARGINS; m++) {
        free(self.features[m]);
        free(self.widths[m]);
    }
    free(self.tensors);
    cir_paths_free(self.files, self.n_files);
    cir_model_close(self.model);
    cir_pool_free(self.pool);
    return 0;
}
