/* Features against those of transformers and open_clip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "format/safetensors.h"
#include "model/models_testing.h"

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
    cir_image_options reading = {.size = sizeof reading};
    assert_int_equal(cir_model_get_image_options(model, NULL, &reading, NULL), CIR_OK);
    const cir_fitting fitting = reading.fitting;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_become_transformers_features),
        cmocka_unit_test(test_picture_files_become_transformers_features),
        cmocka_unit_test(test_siglip_models_answer_as_transformers),
        cmocka_unit_test(test_open_clip_models_answer_as_open_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
