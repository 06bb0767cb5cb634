/* Weights in the other forms that model hubs serve: they answer as the same numbers in one safetensors
 * file. */
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

#include "base/file.h"
#include "cir/model.h"
#include "model/synthetic_model.h"

#define DIM 24
#define N_TEXTS 3

static void copy_of(const char *folder, const char *shape, const char *name, const char *to)
{
    char path[CIR__MADE_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/model/%s/%s", getenv("CIR_TEST_DATA"), shape, name);
    assert_true(cir__made_copy(folder, path, to));
}

static void copy(const char *folder, const char *name, const char *to)
{
    copy_of(folder, "quick", name, to);
}

/* The tiny model quick without weights. */
static void make_folder(char folder[CIR__MADE_PATH_SIZE])
{
    assert_true(cir__made_folder_new(folder));
    copy(folder, "config.json", "config.json");
    copy(folder, "vocab.json", "vocab.json");
    copy(folder, "merges.txt", "merges.txt");
    copy(folder, "preprocessor_config.json", "preprocessor_config.json");
}

static const char *shard_name(size_t i)
{
    static const char *const names[] = {
        "model-00001-of-00004.safetensors", "model-00002-of-00004.safetensors",
        "model-00003-of-00004.safetensors", "model-00004-of-00004.safetensors"};
    return names[i];
}

static void copy_shard(const char *folder, size_t from, size_t to)
{
    char name[64];
    (void)snprintf(name, sizeof name, "sharded/%s", shard_name(from));
    copy(folder, name, shard_name(to));
}

/* As transformers' save_pretrained writes them. */
static void make_sharded(char folder[CIR__MADE_PATH_SIZE])
{
    make_folder(folder);
    copy(folder, "sharded/model.safetensors.index.json", "model.safetensors.index.json");
    for (size_t i = 0; i < 4; i++)
        copy_shard(folder, i, i);
}

static void remove_file(const char *folder, const char *name)
{
    char *path = cir__path_join(folder, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

typedef struct answers {
    float texts[N_TEXTS * DIM], image[DIM];
    char fingerprint[33];
} answers;

/* The folder is removed, as mapped files need it no more. */
static void answer(const char *folder, answers *out)
{
    static const char *const texts[N_TEXTS] = {"", "red cat", "a rat at bat"};
    char picture[CIR__MADE_PATH_SIZE];
    const char *paths[] = {picture};
    cir_model *model;
    cir_error err = {0};
    if (cir_model_open(
            folder, &(cir_model_options){.size = sizeof(cir_model_options), .precision = CIR_PRECISION_F32},
            &model, &err) != CIR_OK)
        fail_msg("%s", err.message);
    cir__made_folder_remove(folder);
    (void)snprintf(picture, sizeof picture, "%s/model/quick/picture.png", getenv("CIR_TEST_DATA"));
    assert_int_equal(cir_model_get_info(model)->dim, DIM);
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, N_TEXTS, out->texts, NULL, &err), CIR_OK);
    assert_int_equal(cir_model_encode_files(model, NULL, paths, 1, NULL, out->image, NULL, NULL, &err),
                     CIR_OK);
    memcpy(out->fingerprint, cir_model_get_info(model)->fingerprint, sizeof out->fingerprint);
    cir_model_close(model);
}

static void answer_as_one(answers *out)
{
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    copy(folder, "weights_f16.safetensors", "model.safetensors");
    answer(folder, out);
}

static void check_same(const answers *a, const answers *b)
{
    assert_memory_equal(a->texts, b->texts, sizeof a->texts);
    assert_memory_equal(a->image, b->image, sizeof a->image);
}

static void test_shards_answer_as_one_file(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    answers one;
    answers sharded;
    answer_as_one(&one);
    make_sharded(folder);
    answer(folder, &sharded);
    check_same(&one, &sharded);
    /* Indexes of photos name it: it stays. */
    assert_string_equal(sharded.fingerprint, "c98f2b12165eb19c835c182daad062ee");
    assert_string_not_equal(sharded.fingerprint, one.fingerprint);
}

static void test_one_file_comes_before_shards(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    answers one;
    answers both;
    answer_as_one(&one);
    make_sharded(folder);
    copy(folder, "weights_f16.safetensors", "model.safetensors");
    answer(folder, &both);
    assert_string_equal(both.fingerprint, one.fingerprint);
}

static void test_the_index_itself_is_not_in_the_fingerprint(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    answers sharded;
    answers other;
    make_sharded(folder);
    answer(folder, &sharded);
    make_sharded(folder);
    char *path = cir__path_join(folder, "model.safetensors.index.json");
    uint8_t *bytes;
    size_t size;
    assert_int_equal(cir__file_read(path, 1 << 20, &bytes, &size, NULL), CIR_OK);
    char *total = strstr((char *)bytes, "195274");
    assert_non_null(total);
    *total = '2';
    assert_int_equal(cir__file_replace(path, bytes, size, NULL), CIR_OK);
    free(bytes);
    free(path);
    answer(folder, &other);
    assert_string_equal(other.fingerprint, sharded.fingerprint);
}

/* Opening must fail so, and say both. The folder is removed. */
static void check_refused(const char *folder, cir_status status, const char *says, const char *also)
{
    cir_model *model;
    cir_error err = {0};
    cir_status found = cir_model_open(folder, NULL, &model, &err);
    if (found != status || strstr(err.message, says) == NULL || strstr(err.message, also) == NULL)
        fail_msg("%s instead of %s with \"%s\" and \"%s\": %s", cir_status_name(found),
                 cir_status_name(status), says, also, err.message);
    assert_null(model);
    cir__made_folder_remove(folder);
}

static void test_shards_that_are_wrong_say_so(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    make_sharded(folder);
    remove_file(folder, shard_name(2));
    check_refused(folder, CIR_NOT_FOUND, "model-00003-of-00004.safetensors: is missing",
                  "model.safetensors.index.json names it");
    make_sharded(folder);
    copy_shard(folder, 0, 1);
    check_refused(folder, CIR_FORMAT, "is in model-00002-of-00004.safetensors",
                  "the index says model-00001-of-00004.safetensors");
    make_sharded(folder);
    assert_true(cir__made_write(folder, shard_name(3), "version https://git-lfs.github.com/spec/v1\n"));
    check_refused(folder, CIR_FORMAT, "model-00004-of-00004.safetensors", "is a Git LFS pointer");
    make_sharded(folder);
    assert_true(cir__made_write(folder, "model.safetensors.index.json", "<!DOCTYPE html>"));
    check_refused(folder, CIR_FORMAT, "an HTML page", "the weights' index");
    make_sharded(folder);
    assert_true(cir__made_write(folder, "model.safetensors.index.json",
                                "{\"weight_map\": {\"logit_scale\": \"../model-00001.safetensors\"}}"));
    check_refused(folder, CIR_FORMAT, "not a file of the model's own folder", "model.safetensors.index.json");
}

static void test_pickled_weights_answer_as_safetensors(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    answers one;
    answers pickled;
    answer_as_one(&one);
    make_folder(folder);
    copy(folder, "pytorch_model.bin", "pytorch_model.bin");
    answer(folder, &pickled);
    check_same(&one, &pickled);
    assert_string_equal(pickled.fingerprint, "0da7612e3fe92d66583c10630de21423");
    make_folder(folder);
    copy(folder, "torch_sharded/pytorch_model.bin.index.json", "pytorch_model.bin.index.json");
    copy(folder, "torch_sharded/pytorch_model-00001-of-00002.bin", "pytorch_model-00001-of-00002.bin");
    copy(folder, "torch_sharded/pytorch_model-00002-of-00002.bin", "pytorch_model-00002-of-00002.bin");
    answer(folder, &pickled);
    check_same(&one, &pickled);
    assert_string_not_equal(pickled.fingerprint, one.fingerprint);
    /* Safetensors come first. */
    make_sharded(folder);
    copy(folder, "pytorch_model.bin", "pytorch_model.bin");
    answer(folder, &pickled);
    assert_string_equal(pickled.fingerprint, "c98f2b12165eb19c835c182daad062ee");
}

static void make_open_clip(char folder[CIR__MADE_PATH_SIZE], const char *weights, const char *name)
{
    make_folder(folder); /* config.json without weights does not count */
    copy_of(folder, "oc_quick", "open_clip_config.json", "open_clip_config.json");
    copy_of(folder, "oc_quick", weights, name);
}

static void test_pickled_weights_of_open_clip_answer_as_safetensors(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    answers one;
    answers pickled;
    make_open_clip(folder, "weights_f16.safetensors", "open_clip_model.safetensors");
    answer(folder, &one);
    make_open_clip(folder, "open_clip_pytorch_model.bin", "open_clip_pytorch_model.bin");
    answer(folder, &pickled);
    check_same(&one, &pickled);
    /* Its own name for safetensors of earlier days is the same model. */
    answers other;
    make_open_clip(folder, "weights_f16.safetensors", "open_clip_pytorch_model.safetensors");
    answer(folder, &other);
    assert_string_equal(other.fingerprint, one.fingerprint);
}

static void test_pickles_that_are_wrong_say_so(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    static const char *const cases[][3] = {
        {"refused_legacy.bin", "a PyTorch checkpoint as before version 1.6", "save it anew: python3 -c"},
        {"refused_evil2.bin", "names posix.system", "take the model's safetensors"},
        {"protocol2.bin", "tensor \"vision_model.", "is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_folder(folder);
        copy_of(folder, "../torch", cases[i][0], "pytorch_model.bin");
        check_refused(folder, i == 1 ? CIR_UNSUPPORTED : CIR_FORMAT, cases[i][1], cases[i][2]);
    }
    /* By another name it is no safetensors file. */
    make_folder(folder);
    copy(folder, "pytorch_model.bin", "model.safetensors");
    check_refused(folder, CIR_FORMAT, "a ZIP archive", "by the name of pytorch_model.bin");
    /* The numbers of its pickle were changed. */
    make_folder(folder);
    copy(folder, "pytorch_model.bin", "pytorch_model.bin");
    char *path = cir__path_join(folder, "pytorch_model.bin");
    uint8_t *bytes;
    size_t size;
    assert_int_equal(cir__file_read(path, 1 << 20, &bytes, &size, NULL), CIR_OK);
    char *name = memmem(bytes, size, "logit_scale", 11);
    assert_non_null(name);
    *name = 'L';
    assert_int_equal(cir__file_replace(path, bytes, size, NULL), CIR_OK);
    free(bytes);
    free(path);
    check_refused(folder, CIR_FORMAT, "data.pkl\" is damaged", "download it again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards_answer_as_one_file),
        cmocka_unit_test(test_one_file_comes_before_shards),
        cmocka_unit_test(test_the_index_itself_is_not_in_the_fingerprint),
        cmocka_unit_test(test_shards_that_are_wrong_say_so),
        cmocka_unit_test(test_pickled_weights_answer_as_safetensors),
        cmocka_unit_test(test_pickled_weights_of_open_clip_answer_as_safetensors),
        cmocka_unit_test(test_pickles_that_are_wrong_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
