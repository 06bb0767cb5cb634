#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cir/model.h"
#include "model/synthetic_model.h"

/* A folder with a tiny model of test/data. */
static void make_folder(char folder[CIR__MADE_PATH_SIZE], bool is_siglip)
{
    static const char *const files[2][5][2] = {
        {{"model/quick/config.json", "config.json"},
         {"model/quick/preprocessor_config.json", "preprocessor_config.json"},
         {"model/quick/vocab.json", "vocab.json"},
         {"model/quick/merges.txt", "merges.txt"},
         {"model/quick/weights_f16.safetensors", "model.safetensors"}},
        {{"model/siglip/config.json", "config.json"},
         {"model/siglip/preprocessor_config.json", "preprocessor_config.json"},
         {"model/siglip/preprocessor_config.json", "tokenizer_config.json"}, /* any object will do */
         {"text/siglip/spiece.model", "spiece.model"},
         {"model/siglip/weights_f16.safetensors", "model.safetensors"}},
    };
    assert_true(cir__made_folder_new(folder));
    for (size_t i = 0; i < 5; i++) {
        char from[CIR__MADE_PATH_SIZE];
        (void)snprintf(from, sizeof from, "%s/%s", getenv("CIR_TEST_DATA"), files[is_siglip][i][0]);
        assert_true(cir__made_copy(folder, from, files[is_siglip][i][1]));
    }
}

/* Opening must fail, and say both. */
static void check_refused(const char *folder, const char *says, const char *name)
{
    cir_model *model;
    cir_error err = {0};
    cir_status status = cir_model_open(folder, NULL, &model, &err);
    if (status != CIR_FORMAT || strstr(err.message, says) == NULL || strstr(err.message, name) == NULL)
        fail_msg("%s instead of \"%s\" of %s: %s", cir_status_name(status), says, name, err.message);
    assert_null(model);
}

#define POINTER "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1710540580\n"

static void check_open(const char *folder)
{
    cir_model *model;
    cir_error err = {0};
    if (cir_model_open(folder, NULL, &model, &err) != CIR_OK)
        fail_msg("%s", err.message);
    cir_model_close(model);
}

/* Every file of a folder that is a pointer, a page or an archive says so. */
static void test_files_that_are_something_else_say_so(void **state)
{
    (void)state;
    static const char *const others[][2] = {
        {POINTER, "is a Git LFS pointer, not the "},
        {"<!DOCTYPE html><title>Log in</title>", "an HTML page"},
        {"PK\x03\x04 and more", "a ZIP archive"},
        {"{\"error\": \"Repository not found\"}", "a server's error (\"Repository not found\")"},
    };
    static const char *const names[2][5] = {
        {"config.json", "preprocessor_config.json", "vocab.json", "merges.txt", "model.safetensors"},
        {"config.json", "preprocessor_config.json", "tokenizer_config.json", "spiece.model",
         "model.safetensors"},
    };
    char folder[CIR__MADE_PATH_SIZE];
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 5; j++)
            for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
                make_folder(folder, i == 1);
                check_open(folder);
                assert_true(cir__made_write(folder, names[i][j], others[k][0]));
                check_refused(folder, others[k][1], names[i][j]);
                cir__made_folder_remove(folder);
            }
}

static void test_files_that_are_not_read_do_not_matter(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder, false);
    assert_true(cir__made_write(folder, "spiece.model", POINTER)); /* SigLIP's */
    assert_true(cir__made_write(folder, "tokenizer_config.json", POINTER));
    check_open(folder);
    cir__made_folder_remove(folder);
}

/* Newer files of transformers: the picture's preprocessing within the processor's. */
static void test_a_processor_s_file_stands_for_the_preprocessing(void **state)
{
    (void)state;
    static const char nested[] =
        "{\"image_processor\": {\"image_processor_type\": \"CLIPImageProcessorFast\", "
        "\"size\": {\"shortest_edge\": %d}, \"crop_size\": %d}}";
    char text[256];
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder, false);
    assert_true(cir__made_write(folder, "processor_config.json", "{\"image_processor\": 3"));
    check_open(folder); /* beside a preprocessor_config.json it does not count */
    char path[CIR__MADE_PATH_SIZE + 32];
    (void)snprintf(path, sizeof path, "%s/preprocessor_config.json", folder);
    assert_int_equal(unlink(path), 0);
    check_refused(folder, "is not JSON", "processor_config.json");
    (void)snprintf(text, sizeof text, nested, 28, 28);
    assert_true(cir__made_write(folder, "processor_config.json", text));
    check_open(folder);
    (void)snprintf(text, sizeof text, nested, 28, 14);
    assert_true(cir__made_write(folder, "processor_config.json", text));
    cir_model *model;
    cir_error err = {0};
    assert_int_equal(cir_model_open(folder, NULL, &model, &err), CIR_SHAPE);
    assert_non_null(strstr(err.message, "processor_config.json: makes pictures of 14 × 14"));
    assert_true(cir__made_write(folder, "processor_config.json", "{\"processor_class\": \"CLIPProcessor\"}"));
    check_open(folder); /* an older one says nothing of it */
    cir__made_folder_remove(folder);
}

static void test_what_is_cut_says_so(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder, false);
    assert_true(cir__made_write(folder, "config.json", "{\"model_type\": \"clip\", \"vision"));
    check_refused(folder, "cut short", "config.json");
    cir__made_folder_remove(folder);
    make_folder(folder, false);
    assert_true(cir__made_write(folder, "model.safetensors", "Entry not found"));
    check_refused(folder, "is text (\"Entry not found\"), not the weights; download it again",
                  "model.safetensors");
    cir__made_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_that_are_something_else_say_so),
        cmocka_unit_test(test_files_that_are_not_read_do_not_matter),
        cmocka_unit_test(test_a_processor_s_file_stands_for_the_preprocessing),
        cmocka_unit_test(test_what_is_cut_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
