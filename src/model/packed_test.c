/* Packed weights that are kept between processes: the same features to the last bit, whoever packed them, and
 * whatever became of them meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/skip.h"
#include "base/user_cache.h"
#include "model/model_internal.h"
#include "model/precision.h"
#include "model/synthetic_model.h"

enum { DIM = 64, IMAGE_PX = 32, N_FEATURES = 2 * DIM };

/* Just so wide that each tower takes more than what is not worth keeping. */
static const char config[] =
    "{\"model_type\": \"clip\", \"projection_dim\": 64, \"text_config\": {\"eos_token_id\": 57, \"hidden_size\": 512, "
    "\"intermediate_size\": 2048, \"num_attention_heads\": 8, \"num_hidden_layers\": 6, \"vocab_size\": 60, "
    "\"max_position_embeddings\": 12}, \"vision_config\": {\"hidden_size\": 512, \"intermediate_size\": 2048, "
    "\"num_attention_heads\": 8, \"num_hidden_layers\": 6, \"image_size\": 32, \"patch_size\": 16}}";

static char folder[CIR__MADE_PATH_SIZE];
static char cache[CIR__MADE_PATH_SIZE];

static void copy(const char *name)
{
    char path[CIR__MADE_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/model/quick/%s", getenv("CIR_TEST_DATA"), name);
    assert_true(cir__made_copy(folder, path, name));
}

static int set_up(void **state)
{
    (void)state;
    if (!cir__made_folder_new(folder) || !cir__made_folder_new(cache))
        return -1;
    copy("vocab.json");
    copy("merges.txt");
    return cir__made_write(folder, "config.json", config) &&
                   cir__made_write(folder, "preprocessor_config.json",
                                   "{\"size\": 32, \"crop_size\": 32, \"image_mean\": [0.5, 0.5, 0.5], "
                                   "\"image_std\": [0.5, 0.5, 0.5]}") &&
                   cir__made_weights_write(folder, false) && setenv("CIR_CACHE", cache, 1) == 0
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    cir__made_folder_remove(folder);
    cir__made_folder_remove(cache);
    return 0;
}

/* How many packed towers this process has mapped. */
static size_t count_mapped(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024];
    size_t n = 0;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        n += strstr(line, "/packed-") != NULL;
    (void)fclose(maps);
    return n;
}

/* The files there, and one of them. */
static size_t find_files(char path_out[CIR__MADE_PATH_SIZE])
{
    DIR *entries = opendir(cache);
    size_t n = 0;
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (strncmp(entry->d_name, "packed-", 7) == 0) {
            (void)snprintf(path_out, CIR__MADE_PATH_SIZE, "%.200s/%.200s", cache, entry->d_name);
            n++;
        }
    closedir(entries);
    return n;
}

static cir_status encode(const cir_model *model, float features_out[N_FEATURES], cir_error *err)
{
    static float tensor[3 * IMAGE_PX * IMAGE_PX];
    const char *text = "red cat";
    cir__synthetic_draw("tensor", 3 * IMAGE_PX * IMAGE_PX, 2.0F, tensor);
    cir_status status = cir_model_encode_tensors(model, NULL, tensor, 1, features_out, err);
    return status == CIR_OK ? cir_model_encode_texts(model, NULL, &text, 1, features_out + DIM, NULL, err)
                            : status;
}

/* Features of a picture and a text, and how many towers were mapped for them. */
static size_t encode_anew(cir_precision precision, float features_out[N_FEATURES])
{
    cir_model *model;
    cir_error err;
    if (cir_model_open(folder,
                       &(cir_model_options){.size = sizeof(cir_model_options), .precision = precision},
                       &model, &err) != CIR_OK ||
        encode(model, features_out, &err) != CIR_OK)
        fail_msg("%s", err.message);
    const size_t n = count_mapped();
    cir_model_close(model);
    assert_int_equal(count_mapped(), 0);
    return n;
}

static void test_what_is_kept_gives_the_same_features(void **state)
{
    (void)state;
    static const cir_precision precisions[] = {CIR_PRECISION_F32, CIR_PRECISION_BF16, CIR_PRECISION_INT8};
    float right[N_FEATURES], found[N_FEATURES], other[N_FEATURES];
    char path[CIR__MADE_PATH_SIZE];
    size_t n_files = 0;
    for (size_t i = 0; i < 3; i++) {
        if (!cir__precision_is_supported((cir__precision)i))
            continue;
        assert_int_equal(setenv("CIR_CACHE", "", 1), 0);
        assert_int_equal(encode_anew(precisions[i], right), 0);
        assert_int_equal(setenv("CIR_CACHE", cache, 1), 0);
        assert_int_equal(find_files(path), n_files);
        assert_int_equal(encode_anew(precisions[i], found), 0); /* packs, and keeps */
        assert_memory_equal(found, right, sizeof right);
        n_files += 2;
        assert_int_equal(find_files(path), n_files);
        assert_int_equal(encode_anew(precisions[i], found), 2); /* maps both towers */
        assert_memory_equal(found, right, sizeof right);
        assert_int_equal(find_files(path), n_files);
        if (i > 0)
            assert_memory_not_equal(found, other, sizeof other);
        memcpy(other, found, sizeof other);
    }
}

/* Another model's are not taken, even where it has the same shapes. */
static void test_another_model_packs_its_own(void **state)
{
    (void)state;
    float first[N_FEATURES], found[N_FEATURES];
    char path[CIR__MADE_PATH_SIZE];
    assert_int_equal(encode_anew(CIR_PRECISION_F32, first), 0);
    assert_int_equal(find_files(path), 2);
    char weights[CIR__MADE_PATH_SIZE + 32];
    (void)snprintf(weights, sizeof weights, "%s/model.safetensors", folder);
    FILE *file = fopen(weights, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -400000, SEEK_END), 0);
    for (size_t i = 0; i < 200000; i++)
        assert_true(fputc(i % 2 == 0 ? 0 : 0x20, file) != EOF); /* small numbers */
    assert_int_equal(fclose(file), 0);
    assert_int_equal(encode_anew(CIR_PRECISION_F32, found), 0);
    assert_int_equal(find_files(path), 4);
    assert_memory_not_equal(found, first, sizeof first);
}

static void test_spoilt_files_are_packed_anew(void **state)
{
    (void)state;
    float right[N_FEATURES], found[N_FEATURES];
    char path[CIR__MADE_PATH_SIZE];
    assert_int_equal(encode_anew(CIR_PRECISION_F32, right), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(find_files(path), 2);
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        if (i == 0) {
            assert_int_equal(fseek(file, 5000000, SEEK_SET), 0);
            assert_true(fputc(0x7f, file) != EOF);
        } else {
            assert_int_equal(ftruncate(fileno(file), i == 1 ? 5000000 : 10), 0);
        }
        assert_int_equal(fclose(file), 0);
        assert_int_equal(encode_anew(CIR_PRECISION_F32, found), 1); /* the other tower's */
        assert_memory_equal(found, right, sizeof right);
        assert_int_equal(encode_anew(CIR_PRECISION_F32, found), 2); /* kept again */
        assert_memory_equal(found, right, sizeof right);
    }
}

/* Gone from the folder, it stays mapped where it is in use. */
static void test_files_may_go_while_they_are_in_use(void **state)
{
    (void)state;
    float right[N_FEATURES], found[N_FEATURES];
    char path[CIR__MADE_PATH_SIZE];
    cir_model *model;
    cir_error err;
    assert_int_equal(encode_anew(CIR_PRECISION_F32, right), 0);
    assert_int_equal(cir_model_open(folder,
                                    &(cir_model_options){.size = sizeof(cir_model_options),
                                                         .precision = CIR_PRECISION_F32},
                                    &model, &err),
                     CIR_OK);
    assert_int_equal(encode(model, found, &err), CIR_OK);
    assert_int_equal(count_mapped(), 2);
    while (find_files(path) > 0)
        assert_int_equal(unlink(path), 0);
    assert_int_equal(encode(model, found, &err), CIR_OK);
    assert_memory_equal(found, right, sizeof right);
    cir_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_kept_gives_the_same_features, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_model_packs_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spoilt_files_are_packed_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_may_go_while_they_are_in_use, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
