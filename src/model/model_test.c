/* Models as their users see them: opening good and bad ones, encoding pictures and texts, on any threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/npy.h"
#include "model/models_testing.h"

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
    /* Indexes name it: it stays what it was in the first version. Other kinds' files beside it do not
     * count. */
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
        cmocka_unit_test(test_features_are_written_as_npy),
        cmocka_unit_test(test_fingerprints_tell_models_apart),
        cmocka_unit_test(test_siglip_fingerprints_follow_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
