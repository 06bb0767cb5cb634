/* How fast pictures and texts become features, and how fast oneDNN multiplies matrices of the same shapes.
 *
 * Also how long a query's contextualised text takes: N texts, "term text" and "text term", each by itself;
 * with what they begin with shared, for the first query and for later ones, which have the same terms.
 *
 * Weights are drawn at random into a folder of /tmp (vit_l14: 0.9 GB). Encoding and oneDNN alone, on all
 * threads, each with blocks of rows and a matrix of its own, take turns, so that a machine whose speed drifts
 * treats them alike; the best of the repeats counts. Prints a table; --json also appends a line of JSON for
 * each shape to a file.
 *
 *   bench_encode [--shape vit_b32|vit_l14] [--images N] [--texts N] [--repeats R] [--threads T] [--json FILE]
 *                [--precision f32|bf16|int8]
 *
 * Without --precision, all that the processor has, and the least cosine of the features to those in f32. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alone.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "bench_measure.h"
#include "model/forward.h"
#include "model/model_internal.h"
#include "model/synthetic_model.h"
#include "shared/clock.h"

#define TEXT_TOKENS 9 /* of a few words, start and end included: as the terms of a corpus */

typedef struct shape {
    const char *name;
    const char *config;
} shape;

static const shape shapes[] = {
    {"vit_b32",
     "{\"model_type\": \"clip\", \"projection_dim\": 512, \"text_config\": {\"eos_token_id\": 2}}"},
    {"vit_l14",
     "{\"model_type\": \"clip\", \"projection_dim\": 768,"
     "\"text_config\": {\"eos_token_id\": 2, \"hidden_size\": 768, \"intermediate_size\": 3072, "
     "\"num_attention_heads\": 12},"
     "\"vision_config\": {\"hidden_size\": 1024, \"intermediate_size\": 4096, \"num_hidden_layers\": 24,"
     "\"num_attention_heads\": 16, \"patch_size\": 14}}"},
};

typedef struct setting {
    const char *shape; /* NULL: all */
    size_t n_images, n_texts, n_repeats, n_threads;
    const char *json_path;   /* or NULL */
    cir_precision precision; /* AUTO: all, one after another */
} setting;

/* Operations (multiplications and additions) of one sequence: in products with weights, and all with
 * attention. */
typedef struct operations {
    double products;
    double all;
} operations;

static operations count_operations(const cir__tower_config *tower, size_t n_tokens, size_t n_patch,
                                   size_t dim)
{
    double tokens = (double)n_tokens;
    double width = (double)tower->width;
    double layer = tokens * width * (4 * width + 2 * (double)tower->mlp_width);
    double products =
        2 * ((double)tower->n_layers * layer + tokens * width * (double)n_patch + width * (double)dim);
    return (operations){products, products + 4 * (double)tower->n_layers * tokens * tokens * width};
}

typedef struct result {
    double images_seconds, image_seconds, texts_seconds, text_seconds;
    double open_seconds, first_image_seconds, first_text_seconds;
    double image_alone, text_alone; /* operations a second */
    float *images, *texts;          /* features, to be freed */
} result;

static void make_ids(const cir__config *config, size_t n, int32_t *ids, size_t *starts)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j + 1 < TEXT_TOKENS; j++)
            ids[i * TEXT_TOKENS + j] = (int32_t)((i * 31 + j * 977) % (config->n_vocabulary - 1));
        ids[(i + 1) * TEXT_TOKENS - 1] = (int32_t)config->n_vocabulary - 1;
        starts[i + 1] = (i + 1) * TEXT_TOKENS;
    }
}

static void measure(const setting *set, const cir_model *model, cir_pool *pool, result *out)
{
    const cir__config *config = cir__model_get_config(model);
    size_t n_items = 3 * config->image_px * config->image_px;
    cir_error err = {0};
    float *tensors = cir__take(set->n_images * n_items, sizeof *tensors);
    size_t n_most = set->n_images > set->n_texts ? set->n_images : set->n_texts;
    float *features = cir__take(n_most * config->dim, sizeof *features);
    out->images = cir__take(set->n_images * config->dim, sizeof *out->images);
    out->texts = cir__take(set->n_texts * config->dim, sizeof *out->texts);
    int32_t *ids = cir__take(set->n_texts * TEXT_TOKENS, sizeof *ids);
    size_t *starts = cir__take(set->n_texts + 1, sizeof *starts);
    cir__synthetic_draw("image.input", set->n_images * n_items, 2, tensors);
    make_ids(config, set->n_texts, ids, starts);
    double start = cir__clock_seconds();
    cir__must(cir__model_encode_ids(model, pool, ids, starts, 1, features, NULL, NULL, &err), &err);
    out->first_text_seconds = cir__clock_seconds() - start;
    start = cir__clock_seconds();
    cir__must(cir_model_encode_tensors(model, pool, tensors, 1, features, &err), &err);
    out->first_image_seconds = cir__clock_seconds() - start;

    struct dnnl_engine *engine;
    alone_tower image;
    alone_tower text;
    cir__must(cir__engine_new(&engine, &err), &err);
    cir__alone_tower_init(&image, engine, &config->image, cir_pool_get_n_threads(pool));
    cir__alone_tower_init(&text, engine, &config->text, cir_pool_get_n_threads(pool));
    out->images_seconds = out->image_seconds = out->texts_seconds = out->text_seconds = 1e9;
    for (size_t i = 0; i < set->n_repeats; i++) {
        start = cir__clock_seconds();
        cir__must(cir_model_encode_tensors(model, pool, tensors, set->n_images, out->images, &err), &err);
        out->images_seconds = fmin(out->images_seconds, cir__clock_seconds() - start);
        cir__alone_tower_measure(&image, pool);
        start = cir__clock_seconds();
        cir__must(cir__model_encode_ids(model, pool, ids, starts, set->n_texts, out->texts, NULL, NULL, &err),
                  &err);
        out->texts_seconds = fmin(out->texts_seconds, cir__clock_seconds() - start);
        cir__alone_tower_measure(&text, pool);
        start = cir__clock_seconds();
        cir__must(cir_model_encode_tensors(model, pool, tensors, 1, features, &err), &err);
        out->image_seconds = fmin(out->image_seconds, cir__clock_seconds() - start);
        start = cir__clock_seconds();
        cir__must(cir__model_encode_ids(model, pool, ids, starts, 1, features, NULL, NULL, &err), &err);
        out->text_seconds = fmin(out->text_seconds, cir__clock_seconds() - start);
    }
    out->image_alone = cir__alone_tower_rate(&image);
    out->text_alone = cir__alone_tower_rate(&text);
    cir__alone_tower_done(&image);
    cir__alone_tower_done(&text);
    cir__engine_free(engine);
    free(tensors);
    free(features);
    free(ids);
    free(starts);
}

/* Seconds of one query's texts. */
typedef struct context_result {
    double plain, first, later;
} context_result;

#define MAX_TERM_TOKENS 3
#define TEXT_OWN_TOKENS 4

/* Texts of a query: the words are other ones each time, the terms, of one to three tokens, are not. starts:
 * [2·n_terms + 1] of the texts; term_starts: [n_terms + 1] of the terms behind the start token. */
static void make_context(const cir__config *config, size_t n_terms, size_t i_query, int32_t *ids,
                         size_t *starts, int32_t *terms, size_t *term_starts)
{
    int32_t top = (int32_t)config->n_vocabulary - 1;
    size_t n = 0;
    for (size_t i = 0; i < 2 * n_terms; i++) {
        size_t term = i % n_terms;
        size_t n_term = 1 + term % MAX_TERM_TOKENS;
        ids[n++] = top - 1;
        for (size_t part = 0; part < 2; part++) {
            bool is_term = (part == 0) == (i < n_terms);
            for (size_t j = 0; j < (is_term ? n_term : TEXT_OWN_TOKENS); j++)
                ids[n++] = (int32_t)((is_term ? 1 + term * 31 + j * 977 : 7 + i_query * 1009 + j * 13) %
                                     (size_t)(top - 1));
        }
        ids[n++] = top;
        starts[i + 1] = n;
        if (i < n_terms) {
            memcpy(terms + term_starts[i], ids + starts[i], (1 + n_term) * sizeof *terms);
            term_starts[i + 1] = term_starts[i] + 1 + n_term;
        }
    }
}

/* A hook makes a call compute every text by itself, and all of it. */
static void ignore(void *context, size_t i_layer, const float *x, size_t n_rows)
{
    (void)context;
    (void)i_layer;
    (void)x;
    (void)n_rows;
}

static context_result measure_context(const setting *set, const cir_model *model, cir_pool *pool)
{
    const cir__config *config = cir__model_get_config(model);
    size_t n_terms = (set->n_texts + 1) / 2;
    int32_t *ids = cir__take(2 * n_terms * (2 + MAX_TERM_TOKENS + TEXT_OWN_TOKENS), sizeof *ids);
    int32_t *terms = cir__take(n_terms * (1 + MAX_TERM_TOKENS), sizeof *terms);
    size_t *starts = cir__take(2 * n_terms + 1, sizeof *starts);
    size_t *term_starts = cir__take(n_terms + 1, sizeof *term_starts);
    float *features = cir__take(2 * n_terms * config->dim, sizeof *features);
    context_result out = {1e9, 0, 1e9};
    const cir__text_tower *tower;
    cir_error err = {0};
    cir__must(cir__model_get_text_tower(model, &tower, &err), &err);
    for (size_t i = 0; i <= set->n_repeats; i++) {
        make_context(config, n_terms, i, ids, starts, terms, term_starts);
        double start = cir__clock_seconds();
        cir__must(cir__model_encode_ids(model, pool, ids, starts, 2 * n_terms, features, ignore, NULL, &err),
                  &err);
        out.plain = fmin(out.plain, cir__clock_seconds() - start);
        start = cir__clock_seconds();
        cir__must(cir__text_tower_cache_prefixes(tower, pool, terms, term_starts, n_terms, "terms", &err),
                  &err);
        cir__must(cir__model_encode_ids(model, pool, ids, starts, 2 * n_terms, features, NULL, NULL, &err),
                  &err);
        if (i == 0)
            out.first = cir__clock_seconds() - start;
        else
            out.later = fmin(out.later, cir__clock_seconds() - start);
    }
    free(ids);
    free(terms);
    free(starts);
    free(term_starts);
    free(features);
    return out;
}

/* Features in f32, to compare others with. */
typedef struct exact {
    float *images, *texts; /* NULL: not run */
} exact;

static double least_cosine(const float *a, const float *b, size_t n, size_t dim)
{
    double least_one = 1;
    for (size_t i = 0; i < n; i++) {
        double cosine = 0;
        for (size_t j = 0; j < dim; j++)
            cosine += (double)a[i * dim + j] * (double)b[i * dim + j];
        least_one = cosine < least_one ? cosine : least_one;
    }
    return least_one;
}

/* A folder with the shape's model; its tokenizer knows a single letter, as no words are read here. */
static void make_folder(const shape *made, char folder[CIR__MADE_PATH_SIZE])
{
    if (!cir__made_folder_new(folder) || !cir__made_write(folder, "config.json", made->config) ||
        !cir__made_write(folder, "merges.txt", "#version: 0.2\n") ||
        !cir__made_write(folder, "vocab.json",
                         "{\"a\": 0, \"a</w>\": 1, \"<|startoftext|>\": 2, \"<|endoftext|>\": 3}") ||
        !cir__made_weights_write(folder, false))
        cir__stop("/tmp: the model cannot be written");
}

static void print_row(const char *name, cir_precision precision, const char *what, double per_second,
                      double one_seconds, double rate, double alone_rate)
{
    (void)printf("%-8s  %-4s  %-6s  %9.1f  %8.1f  %8.1f  %8.1f  %6.0f %%\n", name,
                 cir_precision_name(precision), what, per_second, one_seconds * 1e3, rate * 1e-9,
                 alone_rate * 1e-9, 100 * rate / alone_rate);
}

static void run(const setting *set, const shape *made, const char *folder, cir_precision precision,
                cir_pool *pool, exact *right)
{
    cir_error err = {0};
    cir_model *model;
    result found;
    double start = cir__clock_seconds();
    cir_status status = cir_model_open(
        folder, &(cir_model_options){.size = sizeof(cir_model_options), .precision = precision}, &model,
        &err);
    found.open_seconds = cir__clock_seconds() - start;
    if (status == CIR_UNSUPPORTED) {
        (void)printf("%-8s  %s\n", made->name, err.message);
        return;
    }
    cir__must(status, &err);
    measure(set, model, pool, &found);
    const cir__config *config = cir__model_get_config(model);
    size_t n_patch = 3 * config->patch_px * config->patch_px;
    operations image = count_operations(&config->image, config->image.max_tokens, n_patch, config->dim);
    operations text = count_operations(&config->text, TEXT_TOKENS, 0, config->dim);
    double images_rate = (double)set->n_images / found.images_seconds;
    double texts_rate = (double)set->n_texts / found.texts_seconds;
    print_row(made->name, precision, "image", images_rate, found.image_seconds, images_rate * image.all,
              found.image_alone);
    print_row(made->name, precision, "text", texts_rate, found.text_seconds, texts_rate * text.all,
              found.text_alone);
    (void)printf("%-8s  opened in %.0f ms, first image %.0f ms, first text %.0f ms\n", made->name,
                 found.open_seconds * 1e3, found.first_image_seconds * 1e3, found.first_text_seconds * 1e3);
    if (precision == CIR_PRECISION_F32)
        *right = (exact){found.images, found.texts};
    double image_cosine =
        right->images != NULL ? least_cosine(found.images, right->images, set->n_images, config->dim) : 0;
    double text_cosine =
        right->texts != NULL ? least_cosine(found.texts, right->texts, set->n_texts, config->dim) : 0;
    if (precision != CIR_PRECISION_F32 && right->images != NULL)
        (void)printf("%-8s  least cosine to f32: images %.5f, texts %.5f\n", made->name, image_cosine,
                     text_cosine);
    context_result context = measure_context(set, model, pool);
    (void)printf(
        "%-8s  a query's %zu texts: %.0f ms each by itself; shared: %.0f ms the first time, then %.0f ms\n",
        made->name, set->n_texts, context.plain * 1e3, context.first * 1e3, context.later * 1e3);
    FILE *json = set->json_path != NULL ? fopen(set->json_path, "a") : NULL;
    if (set->json_path != NULL && json == NULL)
        cir__stop("the file of --json cannot be opened");
    if (json != NULL) {
        (void)fprintf(
            json,
            "{\"bench\": \"encode\", \"shape\": \"%s\", \"precision\": \"%s\", \"threads\": %zu, \"images\": "
            "%zu, \"texts\": %zu, "
            "\"text_tokens\": %d, \"images_per_s\": %.3f, \"texts_per_s\": %.3f, \"image_ms\": %.3f, "
            "\"text_ms\": %.3f, \"image_gops\": %.2f, \"text_gops\": %.2f, \"image_onednn_gops\": %.2f, "
            "\"text_onednn_gops\": %.2f, \"open_ms\": %.2f, \"first_image_ms\": %.1f, \"first_text_ms\": "
            "%.1f, \"context_plain_ms\": %.1f, \"context_first_ms\": %.1f, \"context_ms\": %.1f, "
            "\"least_image_cosine\": %.6f, \"least_text_cosine\": %.6f}\n",
            made->name, cir_precision_name(precision), cir_pool_get_n_threads(pool), set->n_images,
            set->n_texts, TEXT_TOKENS, images_rate, texts_rate, found.image_seconds * 1e3,
            found.text_seconds * 1e3, images_rate * image.all * 1e-9, texts_rate * text.all * 1e-9,
            found.image_alone * 1e-9, found.text_alone * 1e-9, found.open_seconds * 1e3,
            found.first_image_seconds * 1e3, found.first_text_seconds * 1e3, context.plain * 1e3,
            context.first * 1e3, context.later * 1e3, image_cosine, text_cosine);
        (void)fclose(json);
    }
    if (precision != CIR_PRECISION_F32) {
        free(found.images);
        free(found.texts);
    }
    cir_model_close(model);
}

static void run_all(const setting *set, const shape *made, cir_pool *pool)
{
    char folder[CIR__MADE_PATH_SIZE];
    exact right = {0};
    make_folder(made, folder);
    for (cir_precision i = CIR_PRECISION_F32; i <= CIR_PRECISION_INT8; i++)
        if (set->precision == CIR_PRECISION_AUTO || set->precision == i)
            run(set, made, folder, i, pool, &right);
    cir__made_folder_remove(folder);
    free(right.images);
    free(right.texts);
}

static size_t read_number(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value > 100000)
        cir__stop("a number is wanted");
    return (size_t)value;
}

int main(int argc, char **argv)
{
    /* Opening and packing are measured: nothing of it is found, or kept. */
    if (setenv("CIR_CACHE", "", 1) != 0)
        return EXIT_FAILURE;
    /* A line as soon as it is known: all of it takes minutes. */
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    setting set = {.n_images = 16, .n_texts = 200, .n_repeats = 3};
    cir_error err = {0};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            cir__stop(
                "usage: bench_encode [--shape NAME] [--images N] [--texts N] [--repeats R] [--threads T] "
                "[--json FILE] [--precision f32|bf16|int8]");
        if (strcmp(argv[i], "--shape") == 0)
            set.shape = argv[i + 1];
        else if (strcmp(argv[i], "--json") == 0)
            set.json_path = argv[i + 1];
        else if (strcmp(argv[i], "--precision") == 0)
            cir__must(cir_precision_parse(argv[i + 1], &set.precision, &err), &err);
        else if (strcmp(argv[i], "--images") == 0)
            set.n_images = read_number(argv[i + 1]);
        else if (strcmp(argv[i], "--texts") == 0)
            set.n_texts = read_number(argv[i + 1]);
        else if (strcmp(argv[i], "--repeats") == 0)
            set.n_repeats = read_number(argv[i + 1]);
        else if (strcmp(argv[i], "--threads") == 0)
            set.n_threads = read_number(argv[i + 1]);
        else
            cir__stop("unknown option");
    }
    if (set.n_images == 0 || set.n_texts == 0 || set.n_repeats == 0)
        cir__stop("counts must be at least 1");
    cir_pool *pool;
    cir__must(cir_pool_new(set.n_threads, &pool, &err), &err);
    (void)printf("%zu threads, %zu images and %zu texts of %d tokens at once, best of %zu\n",
                 cir_pool_get_n_threads(pool), set.n_images, set.n_texts, TEXT_TOKENS, set.n_repeats);
    (void)printf("shape     in    what       per s    one ms    Gop/s    oneDNN  fraction\n");
    bool has_run = false;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (set.shape == NULL || strcmp(set.shape, shapes[i].name) == 0) {
            run_all(&set, &shapes[i], pool);
            has_run = true;
        }
    cir_pool_free(pool);
    if (!has_run)
        cir__stop("unknown shape");
    return 0;
}
