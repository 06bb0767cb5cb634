/* Evaluation against answers that others gave: numpy's on a small committed set (test/data/method), the
 * reference implementation's on shared/data/golden. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/skip.h"
#include "cir/eval.h"

/* A path below a folder that the environment names; static storage. */
static const char *path_in(const char *variable, const char *rest)
{
    static char path[4096];
    const char *folder = getenv(variable);
    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/%s", folder, rest);
    return path;
}

static cir_dataset *open_features(const char *folder)
{
    cir_error err;
    cir_dataset *dataset = NULL;
    if (cir_dataset_open_features(folder, NULL, &dataset, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return dataset;
}

static void set(cir_settings *settings, const char *key_value)
{
    cir_error err;
    if (cir_settings_set(settings, key_value, &err) != CIR_OK)
        fail_msg("%s", err.message);
}

/* Runs a method and compares every query's AP (to 1e-5) and its ten best rows. */
static void compare(const cir_dataset *dataset, cir_method method, const cir_settings *settings,
                    cir_pool *pool, const json_t *expected, const char *top_key, const char *label)
{
    cir_error err;
    cir_eval_result result;
    if (cir_eval_run(dataset, method, settings, pool, &result, &err) != CIR_OK)
        fail_msg("%s: %s", label, err.message);
    const json_t *AP = json_object_get(expected, "AP"), *top = json_object_get(expected, top_key);
    assert_int_equal(json_array_size(AP), result.n_queries);
    for (size_t q = 0; q < result.n_queries; q++) {
        const double want = json_number_value(json_array_get(AP, q));
        if (!(fabs(result.AP[q] - want) <= 1e-5))
            fail_msg("%s: query %zu has AP %.7f, not %.7f", label, q, result.AP[q], want);
        for (size_t i = 0; i < CIR_N_TOP; i++) {
            const size_t row = (size_t)json_integer_value(json_array_get(json_array_get(top, q), i));
            if (result.top[q * CIR_N_TOP + i] != row)
                fail_msg("%s: query %zu has row %zu in place %zu, not %zu", label, q,
                         result.top[q * CIR_N_TOP + i], i, row);
        }
    }
    /* The reference's means are rounded to four decimals. */
    assert_true(fabs(result.mAP - json_number_value(json_object_get(expected, "mAP"))) < 1e-4);
    assert_true(fabs(result.mmAP - json_number_value(json_object_get(expected, "mmAP"))) < 1e-4);
    assert_true(fabs(result.minmAP - json_number_value(json_object_get(expected, "minmAP"))) < 1e-3);
    cir_eval_result_done(&result);
}

static void test_small_set_as_numpy(void **state)
{
    (void)state;
    cir_dataset *dataset = open_features(path_in("CIR_TEST_DATA", "method/small"));
    assert_int_equal(cir_dataset_get_info(dataset)->n_instances, 4);
    assert_int_equal(cir_dataset_get_info(dataset)->n_database, 160);
    assert_int_equal(cir_dataset_get_info(dataset)->dim, 24);
    assert_string_equal(cir_dataset_get_info(dataset)->name, "small");
    json_t *runs = json_load_file(path_in("CIR_TEST_DATA", "method/small/expected.json"), 0, NULL);
    assert_true(json_array_size(runs) > 20);
    cir_pool *pool = NULL;
    assert_int_equal(cir_pool_new(3, &pool, NULL), CIR_OK);
    for (size_t r = 0; r < json_array_size(runs); r++) {
        const json_t *run = json_array_get(runs, r), *given = json_object_get(run, "settings");
        char label[256];
        cir_method method;
        assert_int_equal(cir_method_parse(json_string_value(json_object_get(run, "method")), &method, NULL),
                         CIR_OK);
        cir_settings settings;
        cir_settings_init(&settings, sizeof settings, method);
        snprintf(label, sizeof label, "%s", cir_method_name(method));
        for (size_t i = 0; i < json_array_size(given); i++) {
            const char *key_value = json_string_value(json_array_get(given, i));
            set(&settings, key_value);
            snprintf(label + strlen(label), sizeof label - strlen(label), " %s", key_value);
        }
        compare(dataset, method, &settings, r % 2 == 0 ? pool : NULL, run, "top", label);
    }
    json_decref(runs);
    cir_pool_free(pool);
    cir_dataset_close(dataset);
}

/* An option of the reference as our setting. */
static void translate(const char *option, const json_t *value, cir_settings *settings)
{
    if (strcmp(option, "contextualize") == 0)
        settings->contextualise = json_is_true(value);
    else if (strcmp(option, "do_query_expansion") == 0)
        settings->expand = json_is_true(value);
    else if (strcmp(option, "project_features") == 0)
        settings->project = json_is_true(value);
    else if (strcmp(option, "normalize_similarities") == 0)
        settings->normalise = json_is_true(value);
    else if (strcmp(option, "use_laion_mean") == 0)
        strcpy(settings->image_mean, json_is_true(value) ? "" : "index");
    else if (strcmp(option, "harris_lambda") == 0)
        settings->lambda = json_number_value(value);
    else if (strcmp(option, "aa") == 0)
        settings->alpha = json_number_value(value);
    else if (strcmp(option, "num_principal_components_for_projection") == 0)
        settings->components = (size_t)json_number_value(value);
    else if (strcmp(option, "method") != 0)
        fail_msg("unknown option %s", option);
}

/* All methods in one run are what they are alone, to the bit. */
static void test_together_as_alone(void **state)
{
    (void)state;
    static const cir_method methods[] = {CIR_METHOD_TEXT,  CIR_METHOD_IMAGE,  CIR_METHOD_PRODUCT,
                                         CIR_METHOD_BASIC, CIR_METHOD_WEICOM, CIR_METHOD_BASIC_MINUS,
                                         CIR_METHOD_SUM,   CIR_METHOD_BASIC};
    enum { N_METHODS = sizeof methods / sizeof methods[0] };
    static cir_settings settings[N_METHODS];
    cir_dataset *dataset = open_features(path_in("CIR_TEST_DATA", "method/small"));
    cir_run runs[N_METHODS];
    cir_eval_result together[N_METHODS], alone;
    cir_pool *pool = NULL;
    cir_error err;
    assert_int_equal(cir_pool_new(2, &pool, &err), CIR_OK);
    for (size_t m = 0; m < N_METHODS; m++) {
        cir_settings_init(&settings[m], sizeof settings[m], methods[m]);
        if (m == 3)
            set(&settings[m], "project=0");
        runs[m] = (cir_run){methods[m], &settings[m]};
    }
    assert_int_equal(cir_eval_run_all(dataset, runs, N_METHODS, pool, together, &err), CIR_OK);
    for (size_t m = 0; m < N_METHODS; m++) {
        assert_int_equal(cir_eval_run(dataset, methods[m], &settings[m], NULL, &alone, &err), CIR_OK);
        const size_t n = alone.n_queries;
        assert_memory_equal(together[m].AP, alone.AP, n * sizeof *alone.AP);
        assert_memory_equal(together[m].top, alone.top, n * CIR_N_TOP * sizeof *alone.top);
        assert_true(together[m].mmAP == alone.mmAP &&
                    together[m].mmAP_interval.low == alone.mmAP_interval.low);
        cir_eval_result_done(&alone);
        cir_eval_result_done(&together[m]);
    }
    /* One that cannot run leaves nothing of the others. */
    runs[1].method = CIR_METHOD_FREEDOM;
    assert_int_equal(cir_eval_run_all(dataset, runs, N_METHODS, pool, together, &err), CIR_ARGUMENT);
    for (size_t m = 0; m < N_METHODS; m++)
        assert_null(together[m].AP_forms);
    cir_pool_free(pool);
    cir_dataset_close(dataset);
}

/* Every run of a folder's expected.json, as the reference answers. */
static void compare_with_reference(const char *variable, const char *folder, size_t n_runs)
{
    char folder_path[4096], expected_path[5000];
    snprintf(folder_path, sizeof folder_path, "%s", path_in(variable, folder));
    snprintf(expected_path, sizeof expected_path, "%s/expected.json", path_in(variable, folder));
    if (access(expected_path, R_OK) != 0)
        SKIP("%s is not there", expected_path);
    json_t *runs = json_load_file(expected_path, 0, NULL);
    cir_dataset *dataset = open_features(folder_path);
    cir_pool *pool = NULL;
    assert_int_equal(cir_pool_new(0, &pool, NULL), CIR_OK);
    const char *label;
    json_t *run;
    assert_int_equal(json_object_size(runs), n_runs);
    json_object_foreach(runs, label, run)
    {
        json_t *options = json_object_get(run, "options"), *value;
        const char *option;
        cir_method method;
        cir_settings settings;
        assert_int_equal(
            cir_method_parse(json_string_value(json_object_get(options, "method")), &method, NULL), CIR_OK);
        cir_settings_init(&settings, sizeof settings, method);
        settings.variant = CIR_VARIANT_REFERENCE;
        json_object_foreach(options, option, value) translate(option, value, &settings);
        compare(dataset, method, &settings, pool, run, "top10", label);
    }
    cir_pool_free(pool);
    cir_dataset_close(dataset);
    json_decref(runs);
}

/* What needs nothing but the queries' products with rows: the answers in a basis of the queries, 210 KB. */
static void test_excerpt_as_the_reference(void **state)
{
    (void)state;
    compare_with_reference("CIR_TEST_DATA", "method/reference", 4);
}

static void test_golden_as_the_reference(void **state)
{
    (void)state;
    compare_with_reference("CIR_SHARED", "data/golden", 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_set_as_numpy),
        cmocka_unit_test(test_together_as_alone),
        cmocka_unit_test(test_excerpt_as_the_reference),
        cmocka_unit_test(test_golden_as_the_reference),
    };
    return cmocka_run_group_tests_name("eval", tests, NULL, NULL);
}
