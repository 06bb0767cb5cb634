/* Two results over the same queries, paired: is one method significantly better? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/intern.h"
#include "base/memory.h"
#include "eval/metrics/statistics.h"
#include "eval/run/results.h"

static const char *query_field(const cir_results *results, size_t q, size_t field)
{
    return json_string_value(json_array_get(json_array_get(results->queries, q), field));
}

/* Appends "what KEY: A's value, B's value". Values are cut to what a line holds. */
static cir_status note_difference(cir_comparison *comparison, const char *what, const char *key,
                                  const json_t *a, const json_t *b, cir_error *err)
{
    char *texts[2] = {json_dumps(a, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(10)),
                      json_dumps(b, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(10))};
    char *line = NULL;
    void *lines = comparison->differences;
    size_t capacity = comparison->n_differences;

    if (asprintf(&line, "%s \"%.100s\" differs: %.200s and %.200s", what, key,
                 texts[0] != NULL ? texts[0] : "missing", texts[1] != NULL ? texts[1] : "missing") < 0)
        line = NULL;
    free(texts[0]);
    free(texts[1]);
    const bool has_room =
        line != NULL && cir__grow(&lines, &capacity, capacity + 1, sizeof *comparison->differences);
    comparison->differences = lines;
    if (!has_room) {
        free(line);
        return cir__fail_memory(err, "a comparison");
    }
    comparison->differences[comparison->n_differences++] = line;
    return CIR_OK;
}

/* Keys of either object whose values are not the same. NULL is an object without any. */
static cir_status note_differences(cir_comparison *comparison, const char *what, const json_t *a,
                                   const json_t *b, cir_error *err)
{
    cir_status status = CIR_OK;
    for (void *i = json_object_iter((json_t *)a); i != NULL && status == CIR_OK;
         i = json_object_iter_next((json_t *)a, i)) {
        const char *const key = json_object_iter_key(i);
        const json_t *const other = json_object_get(b, key);
        if (!json_equal(json_object_iter_value(i), other))
            status = note_difference(comparison, what, key, json_object_iter_value(i), other, err);
    }
    for (void *i = json_object_iter((json_t *)b); i != NULL && status == CIR_OK;
         i = json_object_iter_next((json_t *)b, i))
        if (json_object_get(a, json_object_iter_key(i)) == NULL)
            status = note_difference(comparison, what, json_object_iter_key(i), NULL,
                                     json_object_iter_value(i), err);
    return status;
}

/* What makes metrics incomparable where both protocols have it and it is not the same. */
static bool is_decisive(const char *key)
{
    static const char *const keys[] = {"AP", "exclusion", "gallery", "relevance"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static cir_status check_protocols(const cir_results *a, const cir_results *b, cir_error *err)
{
    for (void *i = json_object_iter((json_t *)a->protocol); i != NULL;
         i = json_object_iter_next((json_t *)a->protocol, i)) {
        const char *const key = json_object_iter_key(i);
        const json_t *const other = json_object_get(b->protocol, key);
        if (other == NULL || !is_decisive(key) || json_equal(json_object_iter_value(i), other))
            continue;
        char *texts[2] = {json_dumps(json_object_iter_value(i), JSON_ENCODE_ANY | JSON_COMPACT),
                          json_dumps(other, JSON_ENCODE_ANY | JSON_COMPACT)};
        const cir_status status = cir__fail(
            err, CIR_MISMATCH,
            "%s and %s: protocol \"%s\" differs: %.100s and %.100s; evaluate both alike, or compare them "
            "anyway with --force",
            a->name, b->name, key, texts[0] != NULL ? texts[0] : "", texts[1] != NULL ? texts[1] : "");
        free(texts[0]);
        free(texts[1]);
        return status;
    }
    return CIR_OK;
}

/* The queries in their order: one more or less cannot be paired, another one only with force. */
static cir_status check_queries(const cir_results *a, const cir_results *b, bool forces,
                                cir_comparison *comparison, cir_error *err)
{
    static const char *const fields[] = {"path", "text", "instance"};
    const size_t n = json_array_size(a->queries);

    if (n != json_array_size(b->queries))
        return cir__fail(err, CIR_SHAPE,
                         "%s: has %zu queries, %s has %zu; compare results on the same data set", b->name,
                         json_array_size(b->queries), a->name, n);
    for (size_t q = 0; q < n; q++)
        for (size_t i = 0; i < 3; i++) {
            if (strcmp(query_field(a, q, i), query_field(b, q, i)) == 0)
                continue;
            if (forces) /* one line will do */
                return note_difference(comparison, "queries from", fields[i],
                                       json_array_get(json_array_get(a->queries, q), i),
                                       json_array_get(json_array_get(b->queries, q), i), err);
            return cir__fail(err, CIR_MISMATCH,
                             "%s: query %zu has the %s \"%.200s\", in %s \"%.200s\"; compare results on the "
                             "same data set, or pair queries by their number with --force",
                             b->name, q, fields[i], query_field(b, q, i), a->name, query_field(a, q, i));
        }
    return CIR_OK;
}

static cir_status note_all(const cir_results *a, const json_t *method_a, const cir_results *b,
                           const json_t *method_b, cir_comparison *comparison, cir_error *err)
{
    cir_status status = note_differences(comparison, "protocol", a->protocol, b->protocol, err);
    /* Other methods have other settings, and what is compared within one file is meant to differ. */
    if (status != CIR_OK || a == b ||
        !json_equal(json_object_get(method_a, "method"), json_object_get(method_b, "method")))
        return status;
    const json_t *const prompts[] = {json_object_get(method_a, "prompt"),
                                     json_object_get(method_b, "prompt")};
    if (prompts[0] != prompts[1] && !json_equal(prompts[0], prompts[1]))
        status = note_difference(comparison, "method", "prompt", prompts[0], prompts[1], err);
    if (status == CIR_OK)
        status = note_differences(comparison, "setting", json_object_get(method_a, "settings"),
                                  json_object_get(method_b, "settings"), err);
    return status;
}

/* values: [n_queries] which of A, B and B − A is looked at. */
static cir_status judge(const double *values, const size_t *instances, size_t n, size_t n_instances,
                        cir__groups *groups, double *micro_out, double *macro_out, cir_error *err)
{
    cir_status status = cir__groups_new(values, instances, n, n_instances, groups, err);
    if (status == CIR_OK) {
        *micro_out = cir__groups_micro(groups);
        *macro_out = cir__groups_macro(groups);
    }
    return status;
}

static cir_status compare_values(double *values, const size_t *instances, cir_comparison *comparison,
                                 cir_error *err)
{
    const size_t n = comparison->n_queries, n_instances = comparison->n_instances;
    double *const a = values, *const b = values + n, *const difference = values + 2 * n;
    cir_compared *const micro = &comparison->mAP, *const macro = &comparison->mmAP;
    cir__groups groups[3] = {0};
    cir_status status;

    for (size_t q = 0; q < n; q++)
        difference[q] = b[q] - a[q];
    if ((status = judge(a, instances, n, n_instances, &groups[0], &micro->a, &macro->a, err)) == CIR_OK &&
        (status = judge(b, instances, n, n_instances, &groups[1], &micro->b, &macro->b, err)) == CIR_OK &&
        (status = judge(difference, instances, n, n_instances, &groups[2], &micro->difference,
                        &macro->difference, err)) == CIR_OK &&
        (status = cir__groups_resample(&groups[2], 0, &micro->interval, &macro->interval, err)) == CIR_OK)
        cir__groups_flip(&groups[2], 0, &micro->p, &macro->p, &comparison->is_exact);
    for (size_t i = 0; i < 3; i++)
        cir__groups_done(&groups[i]);
    return status;
}

cir_status cir_results_compare(const cir_results *a, size_t i_a, const cir_results *b, size_t i_b,
                               bool forces, cir_comparison *comparison_out, cir_error *err)
{
    const json_t *const method_a = json_array_get(a->methods, i_a), *const method_b =
                                                                        json_array_get(b->methods, i_b);
    const size_t n = json_array_size(a->queries);
    double *values = NULL; /* A's, B's, and their difference */
    size_t *instances = NULL;
    cir__intern names = {0};
    cir_status status;

    cir__error_clear(err);
    *comparison_out = (cir_comparison){.n_queries = n};
    if ((status = check_queries(a, b, forces, comparison_out, err)) != CIR_OK ||
        (!forces && (status = check_protocols(a, b, err)) != CIR_OK) ||
        (status = note_all(a, method_a, b, method_b, comparison_out, err)) != CIR_OK)
        goto exit;
    values = cir__new(n, 3 * sizeof *values);
    instances = cir__new(n, sizeof *instances);
    if (values == NULL || instances == NULL) {
        status = cir__fail_memory(err, "a comparison");
        goto exit;
    }
    for (size_t q = 0; q < n; q++) {
        values[q] = json_number_value(json_array_get(json_object_get(method_a, "AP"), q));
        values[n + q] = json_number_value(json_array_get(json_object_get(method_b, "AP"), q));
        if ((status = cir__intern_put(&names, query_field(a, q, 2), &instances[q], err)) != CIR_OK)
            goto exit;
    }
    comparison_out->n_instances = names.n;
    status = compare_values(values, instances, comparison_out, err);
exit:
    cir__intern_done(&names);
    free(instances);
    free(values);
    if (status != CIR_OK)
        cir_comparison_done(comparison_out);
    return status;
}

void cir_comparison_done(cir_comparison *comparison)
{
    for (size_t i = 0; i < comparison->n_differences; i++)
        free(comparison->differences[i]);
    free(comparison->differences);
    memset(comparison, 0, sizeof *comparison);
}
