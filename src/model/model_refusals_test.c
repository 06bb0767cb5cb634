/* Folders, files and numbers that are no model's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/npy.h"
#include "model/models_testing.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_checked),
        cmocka_unit_test(test_incomplete_folders_are_refused),
        cmocka_unit_test(test_files_of_other_models_are_refused),
        cmocka_unit_test(test_bad_weights_are_refused),
        cmocka_unit_test(test_damaged_numbers_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
