/* Models as their users see them: opening good and bad ones, encoding pictures and texts, on any threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/skip.h"
#include "format/npy.h"
#include "format/safetensors.h"
#include "model/model_internal.h"
#include "model/synthetic_model.h"

static void path_of(char path[CIR__MADE_PATH_SIZE], const char *shape, const char *name)
{
    (void)snprintf(path, CIR__MADE_PATH_SIZE, "%s/model/%s/%s", getenv("CIR_TEST_DATA"), shape, name);
}

static void copy(const char *folder, const char *shape, const char *name, const char *to)
{
    char path[CIR__MADE_PATH_SIZE];
    path_of(path, shape, name);
    assert_true(cir__made_copy(folder, path, to));
}

/* A folder with the tiny model of test/data/model/quick. */
static void make_folder(char folder[CIR__MADE_PATH_SIZE])
{
    assert_true(cir__made_folder_new(folder));
    copy(folder, "quick", "config.json", "config.json");
    copy(folder, "quick", "vocab.json", "vocab.json");
    copy(folder, "quick", "merges.txt", "merges.txt");
    copy(folder, "quick", "preprocessor_config.json", "preprocessor_config.json");
    copy(folder, "quick", "weights_f16.safetensors", "model.safetensors");
}

static cir_model *open_model(const char *folder)
{
    cir_model *model;
    cir_error err = {0};
    if (cir_model_open_with(folder, &(cir_model_options){CIR_PRECISION_F32}, &model, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return model;
}

/* Its tiny model, opened; the folder is already gone, as mapped files need it no more. */
static cir_model *open_tiny(void)
{
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    cir_model *model = open_model(folder);
    cir__made_folder_remove(folder);
    return model;
}

static void test_the_demo_encoder_is_part_of_the_library(void **state)
{
    (void)state;
    cir_model *model = open_model(CIR_MODEL_DEMO);
    const cir_model_info *info = cir_model_get_info(model);
    assert_string_equal(info->name, "demo");
    assert_string_equal(info->path, "demo");
    assert_string_equal(info->architecture, "clip");
    assert_int_equal(strlen(info->fingerprint), 32);
    char path[CIR__MADE_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/demo/model", getenv("CIR_SOURCE"));
    cir_model *same = open_model(path);
    assert_string_equal(cir_model_get_info(same)->name, "model");
    assert_string_equal(cir_model_get_info(same)->fingerprint, info->fingerprint);
    const char *texts[] = {"at night", "in snow"};
    float *a = malloc(2 * info->dim * sizeof *a);
    float *b = malloc(2 * info->dim * sizeof *b);
    cir_error err;
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, 2, a, NULL, &err), CIR_OK);
    assert_int_equal(cir_model_encode_texts(same, NULL, texts, 2, b, NULL, &err), CIR_OK);
    assert_memory_equal(a, b, 2 * info->dim * sizeof *a);
    free(a);
    free(b);
    cir_model_close(model);
    cir_model_close(same);
}

static void test_a_model_says_what_it_is(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    char with_slash[CIR__MADE_PATH_SIZE + 2];
    (void)snprintf(with_slash, sizeof with_slash, "%s/", folder);
    cir_model *model = open_model(with_slash);
    const cir_model_info *info = cir_model_get_info(model);
    assert_string_equal(info->name, strrchr(folder, '/') + 1);
    assert_string_equal(info->path, folder);
    assert_int_equal(info->dim, 24);
    assert_int_equal(info->image_px, 28);
    assert_int_equal(info->context_length, 12);
    assert_int_equal(info->n_vocabulary, 60);
    /* As torch counts them, logit_scale left out. */
    assert_int_equal(info->n_parameters, 97636);
    cir_model_close(model);
    cir_model_close(NULL);
    cir__made_folder_remove(folder);
}

/* The golden features of a tiny model's tower; free(). */
static float *take_golden_of(const char *shape, const char *name, size_t *n_out)
{
    char path[CIR__MADE_PATH_SIZE];
    path_of(path, shape, "golden.safetensors");
    cir__mapping mapping;
    cir__safetensors *table;
    assert_int_equal(cir__mapping_open(path, &mapping, NULL), CIR_OK);
    assert_int_equal(
        cir__safetensors_parse((cir__bytes_view){mapping.data, mapping.size, path}, &table, NULL), CIR_OK);
    const cir__tensor_view *view = cir__tensors_find(cir__safetensors_get_all(table), name);
    float *items = malloc(view->n_items * sizeof *items);
    cir__tensor_copy(view, 0, view->n_items, items);
    *n_out = view->shape[0];
    cir__safetensors_free(table);
    cir__mapping_close(&mapping);
    return items;
}

static float *take_golden(const char *name, size_t *n_out)
{
    return take_golden_of("quick", name, n_out);
}

static double largest_difference(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++)
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    return worst;
}

static void test_texts_become_transformers_features(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    char path[CIR__MADE_PATH_SIZE];
    path_of(path, "quick", "texts.json");
    json_t *list = json_load_file(path, 0, NULL);
    size_t n = json_array_size(list);
    assert_int_equal(n, 5);
    const char *texts[5];
    for (size_t i = 0; i < n; i++)
        texts[i] = json_string_value(json_array_get(list, i));
    size_t n_golden;
    float *golden = take_golden("text.feature", &n_golden);
    float features[5 * 24];
    size_t n_cut;
    cir_error err = {0};
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, n, features, &n_cut, &err), CIR_OK);
    assert_int_equal(n_cut, 1);
    assert_true(largest_difference(features, golden, 5 * 24) < 1e-5);
    bool has_image;
    bool has_text;
    cir__model_find_towers(model, &has_image, &has_text);
    assert_true(has_text && !has_image);
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, 0, features, &n_cut, &err), CIR_OK);
    assert_int_equal(n_cut, 0);
    json_decref(list);
    free(golden);
    cir_model_close(model);
}

static bool watch(void *context, size_t n_done, size_t n_total)
{
    size_t *calls = context;
    assert_true(n_done <= n_total);
    return ++*calls < 2;
}

static void test_picture_files_become_transformers_features(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    char path[CIR__MADE_PATH_SIZE];
    path_of(path, "quick", "picture.png");
    size_t n_golden;
    float *golden = take_golden("image.feature", &n_golden);
    assert_int_equal(n_golden, 3);
    const char *paths[70];
    for (size_t i = 0; i < 70; i++)
        paths[i] = path;
    float *features = malloc(70 * 24 * sizeof *features);
    cir_pool *pool;
    cir_error err = {0};
    assert_int_equal(cir_pool_new(3, &pool, &err), CIR_OK);
    assert_int_equal(cir_model_encode_files(model, pool, paths, 40, NULL, features, NULL, NULL, &err),
                     CIR_OK);
    for (size_t i = 0; i < 40; i++)
        assert_true(largest_difference(features + i * 24, golden + 2 * (ptrdiff_t)24, 24) < 1e-5);
    bool has_image;
    bool has_text;
    cir__model_find_towers(model, &has_image, &has_text);
    assert_true(has_image && !has_text);
    size_t n_calls = 0;
    assert_int_equal(cir_model_encode_files(model, pool, paths, 70, NULL, features, watch, &n_calls, &err),
                     CIR_INTERRUPTED);
    assert_int_equal(n_calls, 2);
    paths[35] = "/nowhere/at all.png";
    paths[36] = "/nor here.png";
    assert_int_equal(cir_model_encode_files(model, pool, paths, 70, NULL, features, NULL, NULL, &err),
                     CIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "at all.png"));
    assert_int_equal(cir_model_encode_files(model, pool, paths, 0, NULL, features, NULL, NULL, &err), CIR_OK);
    cir_pool_free(pool);
    free(features);
    free(golden);
    cir_model_close(model);
}

/* A folder with one of the tiny SigLIP models, with files of CLIP's tokenizer that must not be read. */
static void make_siglip_folder(char folder[CIR__MADE_PATH_SIZE], const char *shape)
{
    assert_true(cir__made_folder_new(folder));
    copy(folder, shape, "config.json", "config.json");
    copy(folder, shape, "weights_f16.safetensors", "model.safetensors");
    copy(folder, shape, "preprocessor_config.json", "preprocessor_config.json");
    copy(folder, "../text/siglip", "spiece.model", "spiece.model");
    copy(folder, "quick", "vocab.json", "vocab.json");
    copy(folder, "quick", "merges.txt", "merges.txt");
}

static void check_siglip(const char *shape)
{
    char folder[CIR__MADE_PATH_SIZE];
    char path[CIR__MADE_PATH_SIZE];
    make_siglip_folder(folder, shape);
    cir_model *model = open_model(folder);
    const cir_model_info *info = cir_model_get_info(model);
    assert_string_equal(info->architecture, "siglip");
    assert_int_equal(info->context_length, 16);
    size_t dim = info->dim;
    path_of(path, shape, "texts.json");
    json_t *list = json_load_file(path, 0, NULL);
    size_t n_golden, n_cut, n = json_array_size(list);
    assert_int_equal(n, 5);
    const char *texts[5];
    for (size_t i = 0; i < n; i++)
        texts[i] = json_string_value(json_array_get(list, i));
    float *golden = take_golden_of(shape, "text.feature", &n_golden);
    float *features = malloc(5 * dim * sizeof *features);
    cir_error err = {0};
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, n, features, &n_cut, &err), CIR_OK);
    assert_int_equal(n_cut, 1);
    assert_true(largest_difference(features, golden, 5 * dim) < 1e-5);
    free(golden);
    golden = take_golden_of(shape, "image.feature", &n_golden);
    assert_int_equal(n_golden, 3);
    path_of(path, shape, "picture.png");
    const char *paths[] = {path};
    assert_int_equal(cir_model_encode_files(model, NULL, paths, 1, NULL, features, NULL, NULL, &err), CIR_OK);
    assert_true(largest_difference(features, golden + 2 * dim, dim) < 1e-5);
    free(golden);
    free(features);
    json_decref(list);
    cir_model_close(model);
    cir__made_folder_remove(folder);
}

static void test_siglip_models_answer_as_transformers(void **state)
{
    (void)state;
    check_siglip("siglip");
    check_siglip("siglip_odd");
}

static void check_open_clip(const char *shape)
{
    char folder[CIR__MADE_PATH_SIZE];
    char path[CIR__MADE_PATH_SIZE];
    assert_true(cir__made_folder_new(folder));
    copy(folder, shape, "open_clip_config.json", "open_clip_config.json");
    copy(folder, shape, "weights_f16.safetensors", "open_clip_model.safetensors");
    copy(folder, "quick", "vocab.json", "vocab.json");
    copy(folder, "quick", "merges.txt", "merges.txt");
    copy(folder, "quick", "config.json",
         "config.json"); /* of another model, without its weights: not taken */
    copy(folder, "quick", "preprocessor_config.json", "preprocessor_config.json");
    cir_model *model = open_model(folder);
    assert_string_equal(cir_model_get_info(model)->architecture, "clip");
    size_t dim = cir_model_get_info(model)->dim;
    const cir_fitting fitting = cir_model_fit_options(model, NULL).fitting;
    assert_int_equal(fitting.width_px, cir_model_get_info(model)->image_px);
    assert_int_equal(fitting.height_px, fitting.width_px);
    assert_int_equal(fitting.keep_proportions, strcmp(shape, "oc_quick") == 0); /* the other squashes */
    path_of(path, shape, "picture.png");
    const char *paths[] = {path};
    size_t n_golden;
    float *golden = take_golden_of(shape, "image.feature", &n_golden);
    float *feature = malloc(dim * sizeof *feature);
    cir_error err = {0};
    assert_int_equal(cir_model_encode_files(model, NULL, paths, 1, NULL, feature, NULL, NULL, &err), CIR_OK);
    assert_true(largest_difference(feature, golden + 2 * dim, dim) < 1e-5);
    free(golden);
    golden = take_golden_of(shape, "text.feature", &n_golden);
    const char *texts[] = {"red cat"};
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, 1, feature, NULL, &err), CIR_OK);
    assert_true(largest_difference(feature, golden + 2 * dim, dim) < 1e-5);
    free(golden);
    free(feature);
    cir_model_close(model);
    cir__made_folder_remove(folder);
}

static void test_open_clip_models_answer_as_open_clip(void **state)
{
    (void)state;
    check_open_clip("oc_quick");
    check_open_clip("oc_custom");
}

static void test_features_are_written_as_npy(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    assert_true(cir__made_folder_new(folder));
    char path[CIR__MADE_PATH_SIZE + 8];
    (void)snprintf(path, sizeof path, "%s/f.npy", folder);
    const float features[] = {1, 0, 0, 1, 0.6F, 0.8F};
    cir_error err;
    assert_int_equal(cir_features_write(path, features, 3, 2, &err), CIR_OK);
    float *back;
    cir__npy_view view;
    assert_int_equal(cir__npy_read(path, &back, &view, &err), CIR_OK);
    assert_int_equal(view.n_rows, 3);
    assert_memory_equal(back, features, sizeof features);
    free(back);
    assert_int_equal(cir_features_write("/nowhere/f.npy", features, 3, 2, &err), CIR_NOT_FOUND);
    cir__made_folder_remove(folder);
}

#define N_TEXTS 300
#define N_PICTURES 130

/* Words of different lengths; text i is the same in every order. */
static void make_texts(char (*texts)[40], const char **list)
{
    for (size_t i = 0; i < N_TEXTS; i++) {
        (void)snprintf(texts[i], 40, "%.*s cat %zu", (int)(i % 17), "red rat at bat on mat", i * 7);
        list[i] = texts[i];
    }
}

static size_t count_threads(void)
{
    size_t n = 0;
    DIR *listing = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        n += entry->d_name[0] != '.';
    (void)closedir(listing);
    return n;
}

static void test_threads_do_not_change_a_bit(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const size_t dim = 24;
    const size_t n_items = (size_t)N_PICTURES * 3 * 28 * 28;
    static char texts[N_TEXTS][40];
    static const char *list[N_TEXTS];
    make_texts(texts, list);
    float *tensors = malloc(n_items * sizeof *tensors);
    cir__synthetic_draw("pictures", n_items, 2, tensors);
    float *first_texts = malloc(N_TEXTS * dim * sizeof(float));
    float *first_pictures = malloc(N_PICTURES * dim * sizeof(float));
    float *features = malloc(N_TEXTS * dim * sizeof(float));
    cir_error err = {0};
    assert_int_equal(cir_model_encode_texts(model, NULL, list, N_TEXTS, first_texts, NULL, &err), CIR_OK);
    assert_int_equal(cir_model_encode_tensors(model, NULL, tensors, N_PICTURES, first_pictures, &err),
                     CIR_OK);
    static const size_t n_threads[] = {1, 2, 5};
    for (size_t i = 0; i < 3; i++) {
        cir_pool *pool;
        assert_int_equal(cir_pool_new(n_threads[i], &pool, &err), CIR_OK);
        size_t n_before = count_threads();
        assert_int_equal(cir_model_encode_texts(model, pool, list, N_TEXTS, features, NULL, &err), CIR_OK);
        assert_memory_equal(features, first_texts, N_TEXTS * dim * sizeof(float));
        assert_int_equal(cir_model_encode_tensors(model, pool, tensors, N_PICTURES, features, &err), CIR_OK);
        assert_memory_equal(features, first_pictures, N_PICTURES * dim * sizeof(float));
        /* The pool's threads are all there are: OpenMP has started none. */
        assert_true(count_threads() <= n_before);
        cir_pool_free(pool);
    }
    free(tensors);
    free(first_texts);
    free(first_pictures);
    free(features);
    cir_model_close(model);
}

static void test_neighbours_do_not_change_a_feature(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const size_t dim = 24;
    static char texts[N_TEXTS][40];
    static const char *list[N_TEXTS];
    static const char *turned[N_TEXTS];
    make_texts(texts, list);
    for (size_t i = 0; i < N_TEXTS; i++)
        turned[i] = list[N_TEXTS - 1 - i];
    float *features = malloc(N_TEXTS * dim * sizeof(float));
    float *others = malloc(N_TEXTS * dim * sizeof(float));
    cir_error err = {0};
    assert_int_equal(cir_model_encode_texts(model, NULL, list, N_TEXTS, features, NULL, &err), CIR_OK);
    assert_int_equal(cir_model_encode_texts(model, NULL, turned, N_TEXTS, others, NULL, &err), CIR_OK);
    for (size_t i = 0; i < N_TEXTS; i++)
        assert_true(largest_difference(features + i * dim, others + (N_TEXTS - 1 - i) * dim, dim) < 1e-6);
    float alone[24];
    for (size_t i = 0; i < N_TEXTS; i += 29) {
        assert_int_equal(cir_model_encode_texts(model, NULL, list + i, 1, alone, NULL, &err), CIR_OK);
        assert_true(largest_difference(features + i * dim, alone, dim) < 1e-6);
    }
    free(features);
    free(others);
    cir_model_close(model);
}

/* Watches nothing: with a hook every text is computed by itself. */
static void ignore(void *context, size_t i_layer, const float *x, size_t n_rows)
{
    (void)context;
    (void)i_layer;
    (void)x;
    (void)n_rows;
}

/* The features of texts computed by themselves; free(). */
static float *encode_plainly(const cir_model *model, const int32_t *ids, const size_t *starts, size_t n)
{
    cir_error err = {0};
    float *features = malloc(n * cir_model_get_info(model)->dim * sizeof *features);
    if (cir__model_encode_ids(model, NULL, ids, starts, n, features, ignore, NULL, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return features;
}

#define N_TERMS 40

static void test_what_texts_begin_with_is_shared(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const size_t dim = 24;
    static int32_t ids[2 * N_TERMS * 12];
    static int32_t terms[N_TERMS * 4];
    static size_t starts[2 * N_TERMS + 1];
    static size_t term_starts[N_TERMS + 1];
    size_t n = 0;
    /* "term text", then "text term"; terms have one to three tokens, some begin alike, and the first text
     * comes twice. */
    for (size_t i = 0; i < 2 * N_TERMS; i++) {
        size_t term = i == 1 ? 0 : i % N_TERMS;
        int32_t term_ids[] = {(int32_t)(term % 7), (int32_t)(term % 5 + 10), (int32_t)term};
        size_t n_term = 1 + term % 3;
        ids[n++] = 56;
        for (size_t j = 0; j < n_term && i < N_TERMS; j++)
            ids[n++] = term_ids[j];
        ids[n++] = 20;
        ids[n++] = 21;
        for (size_t j = 0; j < n_term && i >= N_TERMS; j++)
            ids[n++] = term_ids[j];
        ids[n++] = 57;
        starts[i + 1] = n;
        if (i < N_TERMS) {
            term_starts[i + 1] = term_starts[i] + 1 + n_term;
            memcpy(terms + term_starts[i], ids + starts[i], (1 + n_term) * sizeof *terms);
        }
    }
    float *plain = encode_plainly(model, ids, starts, 2 * N_TERMS);
    float *shared = malloc(2 * N_TERMS * dim * sizeof *shared);
    const cir__text_tower *tower;
    cir_error err = {0};
    assert_int_equal(cir__model_get_text_tower(model, &tower, &err), CIR_OK);
    /* Nothing kept; the terms; half of them, one longer than what follows it; the first term's tokens and all
     * of a text. */
    for (int turn = 0; turn < 4; turn++) {
        const size_t whole[] = {0, starts[1]};
        if (turn == 1 || turn == 2)
            assert_int_equal(cir__text_tower_cache_prefixes(tower, NULL, terms, term_starts,
                                                            turn == 1 ? N_TERMS : N_TERMS / 2, "test", &err),
                             CIR_OK);
        if (turn == 3)
            assert_int_equal(cir__text_tower_cache_prefixes(tower, NULL, ids, whole, 1, "test", &err),
                             CIR_OK);
        for (int again = 0; again < 2; again++) {
            memset(shared, 0, 2 * N_TERMS * dim * sizeof *shared);
            if (cir__model_encode_ids(model, NULL, ids, starts, 2 * N_TERMS, shared, NULL, NULL, &err) !=
                CIR_OK)
                fail_msg("%s", err.message);
            assert_true(largest_difference(shared, plain, 2 * N_TERMS * dim) < 1e-6);
        }
    }
    assert_int_equal(cir__text_tower_cache_prefixes(tower, NULL, terms, term_starts, 0, "test", &err),
                     CIR_OK);
    ids[1] = 60;
    assert_int_equal(cir__text_tower_cache_prefixes(tower, NULL, ids, starts, 1, "test", &err), CIR_ARGUMENT);
    free(plain);
    free(shared);
    cir_model_close(model);
}

static void test_many_equal_texts_are_one(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const size_t n = 5000;
    const char **texts = malloc(n * sizeof *texts);
    float *features = malloc(n * 24 * sizeof *features);
    cir_error err = {0};
    for (size_t i = 0; i < n; i++)
        texts[i] = i % 2 == 0 ? "cat" : "a rat";
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, n, features, NULL, &err), CIR_OK);
    for (size_t i = 2; i < n; i++)
        assert_true(largest_difference(features + i * 24, features + i % 2 * 24, 24) < 1e-6);
    free(texts);
    free(features);
    cir_model_close(model);
}

static void test_prefixes_of_every_kind_change_nothing(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const char *texts[] = {"cat red", "red cat", "", "cat", "a rat at bat zebra cat red bat at rat cat"};
    const char *prefixes[] = {"cat", "", "red", "a rat at bat zebra cat red bat at rat cat", "<|endoftext|>"};
    float plain[5 * 24];
    float features[5 * 24];
    cir_error err = {0};
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, 5, plain, NULL, &err), CIR_OK);
    for (size_t n = 0; n <= 5; n++) {
        if (cir_model_cache_prefixes(model, NULL, prefixes, n, &err) != CIR_OK)
            fail_msg("%s", err.message);
        assert_int_equal(cir_model_encode_texts(model, NULL, texts, 5, features, NULL, &err), CIR_OK);
        assert_true(largest_difference(features, plain, 5 * 24) < 1e-6);
    }
    cir_model_close(model);
    char folder[CIR__MADE_PATH_SIZE];
    make_siglip_folder(folder, "siglip");
    model = open_model(folder);
    assert_int_equal(cir_model_cache_prefixes(model, NULL, prefixes, 5, &err), CIR_OK); /* nothing to keep */
    cir_model_close(model);
    cir__made_folder_remove(folder);
}

/* Other prefixes are named while others encode. */
static void *rename_prefixes(void *argument)
{
    const char *texts[] = {"cat", "red cat", "a rat"};
    for (size_t i = 0; i < 60; i++)
        assert_int_equal(cir_model_cache_prefixes(argument, NULL, texts + i % 3, 1, NULL), CIR_OK);
    return NULL;
}

static void test_prefixes_may_change_meanwhile(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const char *texts[] = {"cat red", "red cat at bat"};
    float plain[2 * 24];
    float features[2 * 24];
    pthread_t thread;
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, 2, plain, NULL, NULL), CIR_OK);
    assert_int_equal(pthread_create(&thread, NULL, rename_prefixes, model), 0);
    for (size_t i = 0; i < 60; i++) {
        assert_int_equal(cir_model_encode_texts(model, NULL, texts, 2, features, NULL, NULL), CIR_OK);
        assert_true(largest_difference(features, plain, 2 * 24) < 1e-6);
    }
    pthread_join(thread, NULL);
    cir_model_close(model);
}

/* least: of the cosines to f32's features. False where this processor lacks the precision. */
static bool check_precision(const char *folder, cir_precision precision, double least)
{
    cir_model *exact = open_model(folder);
    cir_model *rounded = NULL;
    cir_error err = {0};
    cir_model_options options = {precision};
    cir_status status = cir_model_open_with(folder, &options, &rounded, &err);
    if (!(precision == CIR_PRECISION_BF16 ? cir__product_has_bf16() : cir__product_has_int8())) {
        assert_int_equal(status, CIR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "precision f32"));
        cir_model_close(exact);
        return false;
    }
    assert_int_equal(status, CIR_OK);
    const cir_model_info *info = cir_model_get_info(rounded);
    assert_int_equal(info->precision, precision);
    assert_int_equal(cir_model_get_info(exact)->precision, CIR_PRECISION_F32);
    assert_string_equal(info->fingerprint, cir_model_get_info(exact)->fingerprint);
    size_t n_items = 3 * info->image_px * info->image_px;
    float *tensors = malloc(N_PICTURES * n_items * sizeof *tensors);
    float *features = malloc((2 * N_PICTURES + 4) * info->dim * sizeof *features);
    float *many = features + 4 * info->dim;
    float *again = many + N_PICTURES * info->dim;
    const char *text = "red cat";
    cir__synthetic_draw("tensor", N_PICTURES * n_items, 2.0F, tensors);
    for (size_t i = 0; i < 2; i++) {
        const cir_model *model = i == 0 ? exact : rounded;
        assert_int_equal(cir_model_encode_texts(model, NULL, &text, 1, features + i * info->dim, NULL, &err),
                         CIR_OK);
        assert_int_equal(
            cir_model_encode_tensors(model, NULL, tensors, 1, features + (2 + i) * info->dim, &err), CIR_OK);
    }
    for (size_t i = 0; i < 4; i += 2) {
        double cosine = 0;
        for (size_t j = 0; j < info->dim; j++)
            cosine += (double)features[i * info->dim + j] * (double)features[(i + 1) * info->dim + j];
        /* Near, and never the same. */
        assert_true(cosine > least && cosine < 1.0 - 1e-8);
    }
    /* Neither neighbours nor threads change a bit: a row is narrowed by itself. */
    cir_pool *pool;
    assert_int_equal(cir_pool_new(3, &pool, &err), CIR_OK);
    assert_int_equal(cir_model_encode_tensors(rounded, NULL, tensors, N_PICTURES, many, &err), CIR_OK);
    assert_int_equal(cir_model_encode_tensors(rounded, pool, tensors, N_PICTURES, again, &err), CIR_OK);
    assert_memory_equal(many, again, N_PICTURES * info->dim * sizeof *many);
    assert_memory_equal(many, features + 3 * info->dim, info->dim * sizeof *many);
    cir_pool_free(pool);
    free(tensors);
    free(features);
    cir_model_close(exact);
    cir_model_close(rounded);
    return true;
}

static void check_precision_of_all(cir_precision precision, double least)
{
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    bool has_run = check_precision(folder, precision, least);
    cir__made_folder_remove(folder);
    make_siglip_folder(folder, "siglip_odd");
    has_run = check_precision(folder, precision, least) && has_run;
    cir__made_folder_remove(folder);
    if (!has_run)
        SKIP("this processor has no %s", cir_precision_name(precision));
}

static void test_int8_is_near(void **state)
{
    (void)state;
    check_precision_of_all(CIR_PRECISION_INT8, 0.99);
}

static void test_the_default_precision(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    cir_model *model;
    cir_error err = {0};
    make_folder(folder);
    assert_int_equal(cir_model_open(folder, &model, &err), CIR_OK);
    assert_int_equal(cir_model_get_info(model)->precision, CIR_PRECISION_F32);
    assert_non_null(strstr(cir_model_get_precision_choice(model)->reason, "small"));
    cir_model_close(model);
    assert_int_equal(cir_model_open(CIR_MODEL_DEMO, &model, &err), CIR_OK);
    assert_int_equal(cir_model_get_info(model)->precision, CIR_PRECISION_F32);
    cir_model_close(model);
    cir__made_folder_remove(folder);
    for (cir_precision i = CIR_PRECISION_AUTO; i <= CIR_PRECISION_FAST; i++) {
        cir_precision found;
        assert_int_equal(cir_precision_parse(cir_precision_name(i), &found, &err), CIR_OK);
        assert_int_equal(found, i);
    }
    cir_precision found;
    assert_int_equal(cir_precision_parse("int4", &found, &err), CIR_ARGUMENT);
}

/* A product of bytes against the same by plain loops over what was narrowed in double. */
static void test_int8_products_add_up(void **state)
{
    (void)state;
    enum { N_IN = 72, N_OUT = 40, N_ROWS = 8 };
    if (!cir__product_has_int8())
        SKIP("this processor has no int8");
    struct dnnl_engine *engine;
    cir__product product;
    const cir__product *list = &product;
    cir__lane *lane;
    cir_error err = {0};
    static float weight[N_OUT * N_IN], kept[N_OUT * N_IN], scales[N_OUT];
    static uint8_t rows[N_ROWS * N_IN];
    static int32_t column_sums[N_OUT], sums[N_ROWS * N_OUT];
    cir__synthetic_draw("weight", (size_t)N_OUT * N_IN, 1, weight);
    memcpy(kept, weight, sizeof weight);
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = (uint8_t)(i * 37 % 256); /* to the very end: pairs of products must not saturate */
    rows[0] = rows[1] = rows[2] = rows[3] = 255;
    assert_int_equal(cir__engine_new(&engine, &err), CIR_OK);
    assert_int_equal(
        cir__product_init(&product, engine, N_IN, N_OUT, CIR__PRODUCT_PLAIN, CIR__PRODUCT_INT8, &err),
        CIR_OK);
    float *packed = aligned_alloc(64, (cir__product_packed_items(&product) * sizeof(float) + 63) / 64 * 64);
    assert_int_equal(cir__product_pack(&product, engine, weight, packed, scales, column_sums, &err), CIR_OK);
    assert_int_equal(cir__lane_new(engine, &list, 1, &lane, &err), CIR_OK);
    assert_true(cir__lane_run(lane, 0, CIR__N_PRODUCT_BLOCKS - 1, rows, packed, NULL, sums));
    for (size_t j = 0; j < N_OUT; j++) {
        double most = 0;
        int32_t all = 0;
        int32_t items[N_IN];
        for (size_t k = 0; k < N_IN; k++)
            most = fmax(most, fabs((double)kept[j * N_IN + k]));
        for (size_t k = 0; k < N_IN; k++) {
            items[k] = (int32_t)lrint((double)kept[j * N_IN + k] * 127 / most);
            all += items[k];
        }
        assert_int_equal(column_sums[j], all);
        for (size_t r = 0; r < N_ROWS; r++) {
            int32_t right = 0;
            for (size_t k = 0; k < N_IN; k++)
                right += items[k] * rows[r * N_IN + k];
            assert_int_equal(sums[r * N_OUT + j], right);
        }
    }
    cir__lane_free(lane);
    free(packed);
    cir__product_done(&product);
    cir__engine_free(engine);
}

static void test_bf16_is_near(void **state)
{
    (void)state;
    check_precision_of_all(CIR_PRECISION_BF16, 0.999);
}

typedef struct caller {
    const cir_model *model;
    float features[24];
    cir_status status;
} caller;

static void *encode_from_a_thread(void *argument)
{
    caller *self = argument;
    const char *text = "cat";
    self->status = cir_model_encode_texts(self->model, NULL, &text, 1, self->features, NULL, NULL);
    return NULL;
}

static void test_several_threads_may_come_first(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    pthread_t threads[4];
    caller callers[4];
    for (size_t i = 0; i < 4; i++) {
        callers[i] = (caller){.model = model};
        assert_int_equal(pthread_create(&threads[i], NULL, encode_from_a_thread, &callers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].status, CIR_OK);
        assert_memory_equal(callers[i].features, callers[0].features, sizeof callers[0].features);
    }
    cir_model_close(model);
}

static void test_ids_are_checked(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    float feature[24];
    cir_error err;
    const size_t starts[] = {0, 3};
    const size_t empty[] = {0, 0};
    const size_t long_text[] = {0, 13};
    int32_t ids[13] = {56, 60, 57};
    assert_int_equal(cir__model_encode_ids(model, NULL, ids, starts, 1, feature, NULL, NULL, &err),
                     CIR_ARGUMENT);
    ids[1] = -1;
    assert_int_equal(cir__model_encode_ids(model, NULL, ids, starts, 1, feature, NULL, NULL, &err),
                     CIR_ARGUMENT);
    ids[1] = 59;
    assert_int_equal(cir__model_encode_ids(model, NULL, ids, starts, 1, feature, NULL, NULL, &err), CIR_OK);
    assert_int_equal(cir__model_encode_ids(model, NULL, ids, empty, 1, feature, NULL, NULL, &err),
                     CIR_ARGUMENT);
    assert_int_equal(cir__model_encode_ids(model, NULL, ids, long_text, 1, feature, NULL, NULL, &err),
                     CIR_ARGUMENT);
    cir_model_close(model);
}

/* Opening must fail so, and say so. */
static void check_refused(const char *folder, cir_status status, const char *says)
{
    cir_model *model;
    cir_error err = {0};
    cir_status found = cir_model_open(folder, &model, &err);
    if (found != status || strstr(err.message, says) == NULL)
        fail_msg("%s instead of %s with \"%s\": %s", cir_status_name(found), cir_status_name(status), says,
                 err.message);
    assert_null(model);
}

static void remove_file(const char *folder, const char *name)
{
    char *path = cir__path_join(folder, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void test_incomplete_folders_are_refused(void **state)
{
    (void)state;
    check_refused("/nowhere/model", CIR_NOT_FOUND, "/nowhere/model");
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    char *file = cir__path_join(folder, "config.json");
    check_refused(file, CIR_FORMAT, "directory");
    free(file);
    remove_file(folder, "preprocessor_config.json"); /* CLIP's own preprocessing takes its place */
    cir_model_close(open_model(folder));
    remove_file(folder, "merges.txt");
    check_refused(folder, CIR_NOT_FOUND, "merges");
    remove_file(folder, "model.safetensors");
    check_refused(folder, CIR_NOT_FOUND, "model.safetensors");
    assert_true(cir__made_write(folder, "pytorch_model.bin", "x"));
    check_refused(folder, CIR_FORMAT, "pytorch_model.bin");
    assert_true(cir__made_write(folder, "model.safetensors.index.json", "{}"));
    check_refused(folder, CIR_FORMAT, "has no weight_map");
    remove_file(folder, "config.json");
    check_refused(folder, CIR_NOT_FOUND, "config.json");
    assert_true(cir__made_write(folder, "open_clip_config.json", "{}"));
    remove_file(folder, "model.safetensors.index.json");
    check_refused(folder, CIR_NOT_FOUND, "open_clip_model.safetensors");
    copy(folder, "quick", "weights_f16.safetensors", "open_clip_model.safetensors");
    check_refused(folder, CIR_FORMAT, "vision_cfg");
    remove_file(folder, "open_clip_config.json");
    char *path = cir__path_join(folder, "config.json");
    assert_int_equal(mkdir(path, 0700), 0);
    check_refused(folder, CIR_FORMAT, "folder");
    assert_int_equal(rmdir(path), 0);
    free(path);
    cir__made_folder_remove(folder);
}

static void test_files_of_other_models_are_refused(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    copy(folder, "gelu", "config.json", "config.json");
    check_refused(folder, CIR_SHAPE, "[48]");
    copy(folder, "quick", "config.json", "config.json");
    copy(folder, "gelu", "weights_f16.safetensors", "model.safetensors");
    check_refused(folder, CIR_SHAPE, "[33]");
    copy(folder, "quick", "weights_f16.safetensors", "model.safetensors");
    copy(folder, "gelu", "preprocessor_config.json", "preprocessor_config.json");
    check_refused(folder, CIR_SHAPE, "31");
    copy(folder, "quick", "preprocessor_config.json", "preprocessor_config.json");
    char demo[CIR__MADE_PATH_SIZE];
    (void)snprintf(demo, sizeof demo, "%s/demo/model/tokenizer.json", getenv("CIR_SOURCE"));
    assert_true(cir__made_copy(folder, demo, "tokenizer.json"));
    check_refused(folder, CIR_SHAPE, "60");
    remove_file(folder, "tokenizer.json");
    /* A smaller vocabulary fits into the weights, but ends texts otherwise. */
    assert_true(cir__made_write(folder, "vocab.json",
                                "{\"a\": 0, \"a</w>\": 1, \"<|startoftext|>\": 2, \"<|endoftext|>\": 3}"));
    assert_true(cir__made_write(folder, "merges.txt", "#version: 0.2\n"));
    check_refused(folder, CIR_SHAPE, "token 3");
    cir__made_folder_remove(folder);
}

/* The tiny model's weights with a piece of the header replaced by one of the same length, cut to a size, or
 * with numbers overwritten. */
static void spoil_weights(const char *folder, const char *from, const char *to, size_t size, bool has_nan)
{
    char path[CIR__MADE_PATH_SIZE];
    path_of(path, "quick", "weights_f16.safetensors");
    uint8_t *bytes;
    size_t whole;
    assert_int_equal(cir__file_read(path, (size_t)1 << 20, &bytes, &whole, NULL), CIR_OK);
    if (from != NULL) {
        char *found = memmem(bytes, whole, from, strlen(from));
        assert_non_null(found);
        assert_int_equal(strlen(from), strlen(to));
        memcpy(found, to, strlen(to));
    }
    if (has_nan)
        memset(bytes + whole - 4000, 0xff, 4000); /* NaN in float16 */
    char *target = cir__path_join(folder, "model.safetensors");
    assert_int_equal(cir__file_replace(target, bytes, size > 0 ? size : whole, NULL), CIR_OK);
    free(target);
    free(bytes);
}

static void test_bad_weights_are_refused(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    spoil_weights(folder, "visual_projection.weight", "visual_projektion.weight", 0, false);
    check_refused(folder, CIR_FORMAT, "visual_projection.weight");
    spoil_weights(folder, "\"dtype\":\"F16\",\"shape\":[24,48]", "\"dtype\":\"I16\",\"shape\":[24,48]", 0,
                  false);
    check_refused(folder, CIR_UNSUPPORTED, "I16");
    spoil_weights(folder, "\"shape\":[24,48]", "\"shape\":[48,24]", 0, false);
    check_refused(folder, CIR_SHAPE, "[24, 48]");
    spoil_weights(folder, NULL, NULL, 100000, false);
    check_refused(folder, CIR_FORMAT, "cut");
    spoil_weights(folder, NULL, NULL, 3000, false);
    check_refused(folder, CIR_FORMAT, "cut");
    spoil_weights(folder, NULL, NULL, 5, false);
    check_refused(folder, CIR_FORMAT, "5 bytes");
    assert_true(cir__made_write(folder, "model.safetensors", ""));
    check_refused(folder, CIR_FORMAT, "is empty");
    cir__made_folder_remove(folder);
}

static void test_damaged_numbers_are_found(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    spoil_weights(folder, NULL, NULL, 0, true);
    cir_model *model = open_model(folder);
    float features[2 * 24];
    cir_error err = {0};
    float *tensors = calloc((size_t)2 * 3 * 28 * 28, sizeof *tensors);
    assert_int_equal(cir_model_encode_tensors(model, NULL, tensors, 2, features, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "picture 1 of 2"));
    assert_non_null(strstr(err.message, folder));
    free(tensors);
    cir_model_close(model);
    cir__made_folder_remove(folder);
}

static void test_siglip_fingerprints_follow_what_is_read(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    char first[33];
    make_siglip_folder(folder, "siglip");
    cir_model *model = open_model(folder);
    memcpy(first, cir_model_get_info(model)->fingerprint, sizeof first);
    cir_model_close(model);
    remove_file(folder, "vocab.json"); /* never read */
    model = open_model(folder);
    assert_string_equal(cir_model_get_info(model)->fingerprint, first);
    cir_model_close(model);
    assert_true(cir__made_write(folder, "tokenizer_config.json", "{\"pad_token\": \"<unk>\"}"));
    model = open_model(folder);
    assert_string_not_equal(cir_model_get_info(model)->fingerprint, first);
    cir_model_close(model);
    remove_file(folder, "spiece.model");
    copy(folder, "../text/siglip", "tokenizer.json", "tokenizer.json");
    model = open_model(folder);
    assert_string_not_equal(cir_model_get_info(model)->fingerprint, first);
    cir_model_close(model);
    remove_file(folder, "tokenizer.json");
    check_refused(folder, CIR_NOT_FOUND, "spiece.model");
    cir__made_folder_remove(folder);
}

static void test_fingerprints_tell_models_apart(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    cir_model *model = open_model(folder);
    char first[33];
    memcpy(first, cir_model_get_info(model)->fingerprint, sizeof first);
    /* Indexes name it: it stays what it was in the first version. Other kinds' files beside it do not count.
     */
    assert_string_equal(first, "be458e144691a0dde6f3f30356587ea6");
    cir_model_close(model);
    copy(folder, "../text/siglip", "spiece.model", "spiece.model");
    assert_true(cir__made_write(folder, "tokenizer_config.json", "{}"));
    model = open_tiny();
    assert_string_equal(cir_model_get_info(model)->fingerprint, first);
    cir_model_close(model);
    static const char *const changes[] = {"weights_f32.safetensors", "weights_bf16.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        copy(folder, "quick", changes[i], "model.safetensors");
        model = open_model(folder);
        assert_string_not_equal(cir_model_get_info(model)->fingerprint, first);
        cir_model_close(model);
    }
    copy(folder, "quick", "weights_f16.safetensors", "model.safetensors");
    remove_file(folder, "preprocessor_config.json");
    model = open_model(folder);
    assert_string_not_equal(cir_model_get_info(model)->fingerprint, first);
    cir_model_close(model);
    cir__made_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_demo_encoder_is_part_of_the_library),
        cmocka_unit_test(test_a_model_says_what_it_is),
        cmocka_unit_test(test_texts_become_transformers_features),
        cmocka_unit_test(test_picture_files_become_transformers_features),
        cmocka_unit_test(test_siglip_models_answer_as_transformers),
        cmocka_unit_test(test_open_clip_models_answer_as_open_clip),
        cmocka_unit_test(test_features_are_written_as_npy),
        cmocka_unit_test(test_neighbours_do_not_change_a_feature),
        cmocka_unit_test(test_what_texts_begin_with_is_shared),
        cmocka_unit_test(test_many_equal_texts_are_one),
        cmocka_unit_test(test_prefixes_of_every_kind_change_nothing),
        cmocka_unit_test(test_prefixes_may_change_meanwhile),
        cmocka_unit_test(test_bf16_is_near),
        cmocka_unit_test(test_int8_is_near),
        cmocka_unit_test(test_int8_products_add_up),
        cmocka_unit_test(test_the_default_precision),
        cmocka_unit_test(test_several_threads_may_come_first),
        cmocka_unit_test(test_ids_are_checked),
        cmocka_unit_test(test_incomplete_folders_are_refused),
        cmocka_unit_test(test_files_of_other_models_are_refused),
        cmocka_unit_test(test_bad_weights_are_refused),
        cmocka_unit_test(test_damaged_numbers_are_found),
        cmocka_unit_test(test_fingerprints_tell_models_apart),
        cmocka_unit_test(test_siglip_fingerprints_follow_what_is_read),
        cmocka_unit_test(test_threads_do_not_change_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
