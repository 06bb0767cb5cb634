/* A data set from pictures, with a stand-in for the model: it defines the functions of model.h that are
 * called here, so that the linker never takes the library's. A picture is a file with words in it, from
 * which, and from those of the texts, its features follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "eval/read/drawn_testing.h"

/* Opens a folder with the stand-in; watched may be NULL. */
static cir_status open_watched(const char *place, watching *watched, cir_dataset **dataset_out,
                               cir_error *err)
{
    const cir_dataset_images_options options = {.watch = watched != NULL ? watch_it : NULL,
                                                .context = watched};
    return cir_dataset_open_images(place, &options, &model, NULL, NULL, dataset_out, err);
}

static cir_eval_result run(const cir_dataset *dataset, cir_method method, const char *key_value)
{
    cir_settings settings;
    cir_eval_result result;
    cir_error err;
    cir_settings_init(&settings, sizeof settings, method);
    if (key_value != NULL)
        assert_int_equal(cir_settings_set(&settings, key_value, NULL), CIR_OK);
    if (cir_eval_run(dataset, method, &settings, NULL, &result, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return result;
}

static void test_pictures_are_encoded_once(void **state)
{
    (void)state;
    cir_dataset *dataset;
    cir_error err;
    watching watched = {0};
    char trailing[70];
    snprintf(trailing, sizeof trailing, "%s/", folder);
    if (open_watched(trailing, &watched, &dataset, &err) != CIR_OK)
        fail_msg("%s", err.message);
    const cir_dataset_info *info = cir_dataset_get_info(dataset);
    assert_string_equal(info->name, strrchr(folder, '/') + 1);
    assert_int_equal(info->n_queries, N_INSTANCES * N_TEXTS);
    assert_int_equal(info->n_instances, N_INSTANCES);
    assert_int_equal(info->n_database, N_INSTANCES * 12);
    assert_int_equal(info->dim, DIM);
    assert_int_equal(n_files, N_INSTANCES * 13);
    assert_int_equal(watched.n_calls, 2); /* of 32 pictures and the rest */
    assert_int_equal(watched.n_done, watched.n_total);
    assert_int_equal(n_texts, N_TEXTS);
    cir_dataset_close(dataset);
}

static void test_composing_pays(void **state)
{
    (void)state;
    cir_dataset *dataset;
    assert_int_equal(open_watched(folder, NULL, &dataset, NULL), CIR_OK);
    cir_eval_result image = run(dataset, CIR_METHOD_IMAGE, NULL), text = run(dataset, CIR_METHOD_TEXT, NULL);
    cir_eval_result sum = run(dataset, CIR_METHOD_SUM, NULL);
    assert_true(sum.mAP > image.mAP + 10 && sum.mAP > text.mAP + 10);
    cir_eval_result_done(&image);
    cir_eval_result_done(&text);
    cir_eval_result_done(&sum);
    cir_dataset_close(dataset);
}

static void test_texts_are_encoded_once_a_corpus(void **state)
{
    (void)state;
    cir_dataset *dataset;
    assert_int_equal(open_watched(folder, NULL, &dataset, NULL), CIR_OK);
    n_texts = 0;
    cir_eval_result first = run(dataset, CIR_METHOD_BASIC_MINUS, "contextualise=0");
    const size_t n_corpora = n_texts;
    assert_true(n_corpora > 2400);
    assert_true(first.settings.has_min_image && first.settings.min_image < 0); /* estimated */
    cir_eval_result second = run(dataset, CIR_METHOD_BASIC, NULL);
    assert_int_equal(n_texts, n_corpora + 200 * N_TEXTS);
    cir_eval_result third = run(dataset, CIR_METHOD_BASIC, NULL),
                    fourth = run(dataset, CIR_METHOD_BASIC, "beta=2");
    assert_int_equal(n_texts, n_corpora + 200 * N_TEXTS);
    assert_memory_equal(second.AP, third.AP, second.n_queries * sizeof *second.AP);
    cir_eval_result other_seed = run(dataset, CIR_METHOD_BASIC, "seed=1");
    assert_int_equal(n_texts, n_corpora + 400 * N_TEXTS);
    cir_eval_result *const results[] = {&first, &second, &third, &fourth, &other_seed};
    for (size_t i = 0; i < 5; i++)
        cir_eval_result_done(results[i]);
    cir_dataset_close(dataset);
}

static void test_stopping_and_failing(void **state)
{
    (void)state;
    cir_dataset *dataset;
    cir_error err;
    watching watched = {.stop_at = 32};
    assert_int_equal(open_watched(folder, &watched, &dataset, &err), CIR_INTERRUPTED);
    assert_null(dataset);
    assert_int_equal(unlink(path_of("database/thing1_night_2.jpg")), 0);
    assert_int_equal(open_watched(folder, NULL, &dataset, &err), CIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "database/thing1_night_2.jpg"));
    assert_int_equal(unlink(path_of("database_files.csv")), 0);
    assert_int_equal(open_watched(folder, NULL, &dataset, &err), CIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "database_files.csv"));
}

int main(void)
{
#define ON_A_SET(test) cmocka_unit_test_setup_teardown(test, write_set, remove_set)
    const struct CMUnitTest tests[] = {
        ON_A_SET(test_pictures_are_encoded_once),
        ON_A_SET(test_composing_pays),
        ON_A_SET(test_texts_are_encoded_once_a_corpus),
        ON_A_SET(test_stopping_and_failing),
    };
    return cmocka_run_group_tests_name("images", tests, NULL, NULL);
}
