/* What is written is what is read: documents of results there and back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "cir/experiment.h"
#include "eval/run/results.h"

enum { N_RUNS = 3 };

static const cir_method methods[N_RUNS] = {CIR_METHOD_BASIC, CIR_METHOD_SUM, CIR_METHOD_BASIC};
static const char *const labels[N_RUNS] = {NULL, NULL, "bas\xff\"ic, again"};
static const char *const names[N_RUNS] = {"basic", "sum", "bas\uFFFD\"ic, again"};

typedef struct scene {
    cir_dataset *dataset;
    cir_eval_result results[N_RUNS];
    json_t *document; /* whole, as `cir eval --json` writes it */
} scene;

static int set_up(void **state)
{
    static scene s;
    char path[4096];
    cir_error err;
    cir_protocol protocol;
    char *json;
    (void)snprintf(path, sizeof path, "%s/method/small", getenv("CIR_TEST_DATA"));
    assert_int_equal(cir_dataset_open_features(path, NULL, &s.dataset, &err), CIR_OK);
    assert_int_equal(cir_dataset_get_protocol(s.dataset, NULL, &protocol, &err), CIR_OK);
    assert_int_equal(cir_results_format(s.dataset, &protocol, CIR_AP_TRAPEZOID, 1.5, &json, &err), CIR_OK);
    s.document = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(s.document);
    cir_bytes_free(json);
    for (size_t i = 0; i < N_RUNS; i++) {
        cir_settings settings;
        cir_settings_init(&settings, sizeof settings, methods[i]);
        assert_int_equal(cir_eval_run(s.dataset, methods[i], &settings, NULL, &s.results[i], &err), CIR_OK);
        assert_int_equal(cir_results_format_method(s.dataset, &s.results[i], labels[i], &json, &err), CIR_OK);
        json_t *method = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
        cir_bytes_free(json);
        assert_int_equal(json_array_append_new(json_object_get(s.document, "methods"), method), 0);
    }
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    for (size_t i = 0; i < N_RUNS; i++)
        cir_eval_result_done(&s->results[i]);
    json_decref(s->document);
    cir_dataset_close(s->dataset);
    return 0;
}

static cir_results *read_back(const scene *s, cir_status expected)
{
    cir_error err;
    cir_results *results;
    char *text = json_dumps(s->document, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
    assert_non_null(text);
    assert_int_equal(
        cir__results_parse((cir__bytes_view){(const uint8_t *)text, strlen(text), "results"}, &results, &err),
        expected);
    free(text);
    return results;
}

static void test_metrics_and_queries_come_back(void **state)
{
    const scene *s = *state;
    cir_results *results = read_back(s, CIR_OK);
    assert_int_equal(cir_results_get_n_methods(results), N_RUNS);
    const size_t n_queries = cir_dataset_get_info(s->dataset)->n_queries;
    assert_int_equal(json_array_size(results->queries), n_queries);
    for (size_t i = 0; i < N_RUNS; i++) {
        size_t found;
        assert_string_equal(cir_results_get_method(results, i), names[i]);
        assert_true(cir_results_find(results, names[i], &found));
        assert_int_equal(found, i);
        const json_t *method = json_array_get(results->methods, i), *AP = json_object_get(method, "AP");
        for (size_t q = 0; q < n_queries; q++)
            assert_true(fabs(json_number_value(json_array_get(AP, q)) - s->results[i].AP[q]) < 1e-9);
        assert_true(fabs(json_number_value(json_object_get(method, "mAP")) - s->results[i].mAP) < 1e-7);
    }
    for (size_t q = 0; q < n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(s->dataset, q);
        const json_t *row = json_array_get(results->queries, q);
        assert_string_equal(json_string_value(json_array_get(row, 0)), query.path);
        assert_string_equal(json_string_value(json_array_get(row, 1)), query.text);
        assert_string_equal(json_string_value(json_array_get(row, 2)), query.instance);
    }
    cir_results_close(results);
}

/* The same run under two names: no difference, in no query, setting or protocol. */
static void test_a_run_is_compared_with_itself(void **state)
{
    cir_error err;
    cir_comparison comparison;
    cir_results *a = read_back(*state, CIR_OK), *b = read_back(*state, CIR_OK);
    assert_int_equal(cir_results_compare(a, 0, b, 2, false, &comparison, &err), CIR_OK);
    assert_int_equal(comparison.n_differences, 0);
    assert_true(comparison.mAP.difference == 0 && comparison.mmAP.difference == 0);
    const scene *s = *state;
    assert_true(fabs(comparison.mAP.a - s->results[0].mAP) < 1e-6);
    cir_comparison_done(&comparison);
    assert_int_equal(cir_results_compare(a, 0, b, 1, false, &comparison, &err), CIR_OK);
    assert_true(fabs(comparison.mAP.difference - (s->results[1].mAP - s->results[0].mAP)) < 1e-6);
    cir_comparison_done(&comparison);
    cir_results_close(b);
    cir_results_close(a);
}

/* A document without methods, as it is formatted at first, is refused and not taken for an empty one. */
static void test_without_methods_it_is_no_document(void **state)
{
    const scene *s = *state;
    json_t *all = json_incref(json_object_get(s->document, "methods"));
    assert_int_equal(json_object_set_new(s->document, "methods", json_array()), 0);
    assert_null(read_back(s, CIR_FORMAT));
    assert_int_equal(json_object_set_new(s->document, "methods", all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_and_queries_come_back),
        cmocka_unit_test(test_a_run_is_compared_with_itself),
        cmocka_unit_test(test_without_methods_it_is_no_document),
    };
    return cmocka_run_group_tests_name("results", tests, set_up, tear_down);
}
