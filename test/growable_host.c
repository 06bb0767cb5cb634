/* A host that was compiled against an older or a newer libcir: structs that callers fill are shorter or longer than the
 * library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cir/cir.h"

/* Longer than any of the structs. */
enum { SIZE = 1 << 14, KNOWN = sizeof(size_t) };

/* Hands options of some size, and what lies behind it, to one function. */
typedef cir_status call_fn(const void *options, cir_error *err);

static cir_status read_image(const void *options, cir_error *err)
{
    char path[1024];
    cir_image image;
    (void)snprintf(path, sizeof path, "%s/image/rgb420.jpg", getenv("CIR_TEST_DATA"));
    cir_status status = cir_image_read(path, options, &image, NULL, err);
    cir_image_done(&image);
    return status;
}

static cir_status read_thumbnail(const void *options, cir_error *err)
{
    char path[1024];
    cir_image image;
    (void)snprintf(path, sizeof path, "%s/image/rgb420.jpg", getenv("CIR_TEST_DATA"));
    cir_status status = cir_image_read_thumbnail(path, 8, 8, options, &image, NULL, err);
    cir_image_done(&image);
    return status;
}

static cir_status read_facts(const void *options, cir_error *err)
{
    char path[1024];
    cir_image_facts facts;
    (void)snprintf(path, sizeof path, "%s/image/rgb420.jpg", getenv("CIR_TEST_DATA"));
    return cir_image_read_facts(path, options, &facts, err);
}

static cir_status make_decoder(const void *options, cir_error *err)
{
    cir_decoder *decoder;
    cir_status status = cir_decoder_new(options, &decoder, err);
    cir_decoder_free(decoder);
    return status;
}

static cir_status open_model(const void *options, cir_error *err)
{
    cir_model *model;
    cir_status status = cir_model_open(CIR_MODEL_DEMO, options, &model, err);
    cir_model_close(model);
    return status;
}

static cir_status open_index(const void *options, cir_error *err)
{
    cir_index *index;
    cir_status status = cir_index_open("/nowhere/photos.cir", options, &index, err);
    cir_index_close(index);
    return status;
}

static cir_status update_codes(const void *options, cir_error *err)
{
    return cir_index_update_codes("/nowhere/photos.cir", NULL, options, err);
}

static cir_status search(const void *options, cir_error *err)
{
    const float row[2] = {1, 0};
    const cir_rows rows = {.n_rows = 1, .dim = 2, .f32 = row};
    const cir_query query = {.dim = 2, .a = row, .fusion = {.kind = CIR_FUSION_IMAGE}};
    cir_hit hit;
    size_t n;
    return cir_search_find(&rows, &query, 1, 1, options, NULL, &hit, &n, NULL, err);
}

static const struct {
    const char *name;
    call_fn *call;
    size_t size;
    cir_status usual; /* what the call comes to with nothing asked for */
} calls[] = {
    {"cir_image_options", read_image, sizeof(cir_image_options), CIR_OK},
    {"cir_image_options", read_thumbnail, sizeof(cir_image_options), CIR_OK},
    {"cir_image_options", read_facts, sizeof(cir_image_options), CIR_OK},
    {"cir_decoder_options", make_decoder, sizeof(cir_decoder_options), CIR_OK},
    {"cir_model_options", open_model, sizeof(cir_model_options), CIR_OK},
    {"cir_index_options", open_index, sizeof(cir_index_options), CIR_NOT_FOUND},
    {"cir_update_options", update_codes, sizeof(cir_update_options), CIR_NOT_FOUND},
    {"cir_search_options", search, sizeof(cir_search_options), CIR_OK},
};
#define N_CALLS (sizeof calls / sizeof *calls)

/* Heap memory of just that size, so that a sanitizer sees a look behind it. */
static void expect(size_t i, size_t size, int first_unknown, cir_status status)
{
    unsigned char *options = calloc(1, size > KNOWN ? size : KNOWN);
    cir_error err = {0};
    assert_non_null(options);
    memcpy(options, &size, sizeof size);
    if (size > calls[i].size)
        options[calls[i].size] = (unsigned char)first_unknown;
    const cir_status found = calls[i].call(options, &err);
    if (found != status ||
        (found != CIR_OK && found != CIR_NOT_FOUND && strstr(err.message, calls[i].name) == NULL))
        fail_msg("%s of %zu bytes: %s instead of %s: %s", calls[i].name, size, cir_status_name(found),
                 cir_status_name(status), err.message);
    free(options);
}

static void test_an_older_hosts_options_are_shorter(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CALLS; i++)
        for (size_t size = KNOWN; size <= calls[i].size; size += sizeof(void *))
            expect(i, size, 0, calls[i].usual);
}

static void test_a_newer_hosts_options_are_longer(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CALLS; i++) {
        expect(i, calls[i].size + 8, 0, calls[i].usual);
        expect(i, calls[i].size + 8, 1, CIR_UNSUPPORTED);
        expect(i, calls[i].size + 999, 1, CIR_UNSUPPORTED);
    }
}

static void test_options_without_a_size_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CALLS; i++) {
        unsigned char options[SIZE] = {0};
        cir_error err;
        const size_t huge = SIZE_MAX;
        assert_int_equal(calls[i].call(options, &err), CIR_ARGUMENT);
        memcpy(options, &huge, sizeof huge);
        assert_int_equal(calls[i].call(options, &err), CIR_ARGUMENT);
        assert_int_equal(calls[i].call(NULL, &err), calls[i].usual);
    }
}

/* What an older host leaves out is as it was; what it sets is heard. */
static void test_what_an_older_host_sets_counts(void **state)
{
    (void)state;
    cir_image_options options;
    cir_error err;
    memset(&options, 0x5a, sizeof options); /* what lies behind an older host's struct is its own affair */
    cir_image_options_init(&options, offsetof(cir_image_options, ignore_exif_rotation));
    options.max_megapixels = 1;
    assert_int_equal(read_image(&options, &err), CIR_OK);
}

static void count_setting(void *context, const cir_setting_info *setting, const char *value)
{
    (void)setting;
    (void)value;
    ++*(size_t *)context;
}

static void test_settings_of_other_hosts(void **state)
{
    (void)state;
    const size_t older = offsetof(cir_settings, forget_texts);
    cir_settings *ours = malloc(sizeof *ours), *theirs = calloc(1, sizeof *theirs);
    cir_error err;
    size_t n = 0, n_theirs = 0;
    assert_true(ours != NULL && theirs != NULL);

    cir_settings_init(ours, sizeof *ours, CIR_METHOD_BASIC);
    cir_settings_init(theirs, older, CIR_METHOD_BASIC);
    assert_int_equal(theirs->size, older);
    assert_true(theirs->lambda == ours->lambda && theirs->seed == ours->seed);
    assert_int_equal(cir_settings_set(theirs, "lambda=0.5", &err), CIR_OK);
    assert_int_equal(cir_settings_set(theirs, "recall=0.9", &err), CIR_UNSUPPORTED);
    cir_settings_list(ours, count_setting, &n);
    cir_settings_list(theirs, count_setting, &n_theirs);
    assert_in_range(n_theirs, 15, n - 1);

    ours->seed = 77;
    cir_settings_copy(theirs, ours);
    assert_true(theirs->size == older && theirs->seed == 77);
    theirs->seed = 78;
    cir_settings_copy(ours, theirs);
    assert_true(ours->size == sizeof *ours && ours->seed == 78 && ours->recall > 0);
    theirs->lambda = 0.25;
    cir_settings_copy_of_query(ours, theirs);
    assert_true(ours->lambda == 0.25);
    free(ours);
    free(theirs);
}

static void test_settings_are_read_by_their_size(void **state)
{
    (void)state;
    char place[] = "/tmp/cir-growable-XXXXXX", path[64], photo[1024];
    const char *paths[] = {photo};
    const size_t older = offsetof(cir_settings, forget_texts);
    struct {
        cir_settings known;
        size_t unknown;
    } *newer = calloc(1, sizeof *newer);
    cir_settings *theirs = calloc(1, sizeof *theirs);
    cir_model *model;
    cir_index *index;
    cir_composer *composer;
    cir_error err;
    assert_true(newer != NULL && theirs != NULL && mkdtemp(place) != NULL);
    (void)snprintf(path, sizeof path, "%s/a.cir", place);
    (void)snprintf(photo, sizeof photo, "%s/image/rgb420.jpg", getenv("CIR_TEST_DATA"));
    assert_int_equal(setenv("XDG_CONFIG_HOME", place, 1), 0);
    assert_int_equal(cir_model_open(CIR_MODEL_DEMO, NULL, &model, &err), CIR_OK);
    assert_int_equal(
        cir_index_update(path, paths, 1, (const cir_model *const[]){model}, 1, NULL, NULL, NULL, &err),
        CIR_OK);
    assert_int_equal(cir_index_open(path, NULL, &index, &err), CIR_OK);

    cir_settings_init(&newer->known, sizeof *newer, CIR_METHOD_BASIC_MINUS);
    assert_int_equal(newer->known.size, sizeof *newer);
    assert_int_equal(newer->unknown, 0);
    assert_int_equal(
        cir_composer_new(index, model, NULL, CIR_METHOD_BASIC_MINUS, &newer->known, &composer, &err), CIR_OK);
    assert_int_equal(cir_composer_get_settings(composer)->size, sizeof(cir_settings));
    cir_composer_free(composer);
    newer->unknown = 1;
    assert_int_equal(
        cir_composer_new(index, model, NULL, CIR_METHOD_BASIC_MINUS, &newer->known, &composer, &err),
        CIR_UNSUPPORTED);
    assert_null(composer);
    cir_settings_init(theirs, older, CIR_METHOD_BASIC_MINUS);
    theirs->lambda = 0.2;
    assert_int_equal(cir_composer_new(index, model, NULL, CIR_METHOD_BASIC_MINUS, theirs, &composer, &err),
                     CIR_OK);
    assert_true(cir_composer_get_settings(composer)->lambda == 0.2);
    cir_composer_free(composer);
    cir_index_close(index);
    cir_model_close(model);
    free(newer);
    free(theirs);
    (void)snprintf(photo, sizeof photo, "rm -rf '%s'", place);
    assert_int_equal(system(photo), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_older_hosts_options_are_shorter),
        cmocka_unit_test(test_a_newer_hosts_options_are_longer),
        cmocka_unit_test(test_options_without_a_size_are_refused),
        cmocka_unit_test(test_what_an_older_host_sets_counts),
        cmocka_unit_test(test_settings_of_other_hosts),
        cmocka_unit_test(test_settings_are_read_by_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
