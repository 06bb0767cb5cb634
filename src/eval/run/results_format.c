/* Writes what results.c reads. A key of the document is added here, and where it is read, there. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "cir/experiment.h"
#include "eval/run/results.h"
#include "shared/json_encode.h"

/* Takes value over; NULL (no memory) turns *is_whole off. */
static void put(json_t *object, const char *key, json_t *value, bool *is_whole)
{
    if (json_object_set_new(object, key, value) != 0)
        *is_whole = false;
}

static void append(json_t *array, json_t *value, bool *is_whole)
{
    if (json_array_append_new(array, value) != 0)
        *is_whole = false;
}

/* Metrics at 1, 5, 10 and 50 as {"1": …}. */
static json_t *at_ranks_json(const double *metrics, bool *is_whole)
{
    json_t *object = json_object();
    for (size_t i = 0; i < CIR_N_RECALLS; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%zu", cir_recall_at(i));
        put(object, key, json_real(metrics[i]), is_whole);
    }
    return object;
}

static json_t *interval_json(cir_interval interval)
{
    return json_pack("[f, f]", interval.low, interval.high);
}

/* Mean AP of the queries that share an instance, or a text: {"name": mean}. */
static json_t *breakdown_json(const cir_dataset *dataset, const cir_eval_result *result, bool by_text,
                              bool *is_whole)
{
    size_t n_numbers = 0;
    for (size_t q = 0; q < result->n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        const size_t number = by_text ? query.text_number : query.instance_number;
        n_numbers = number >= n_numbers ? number + 1 : n_numbers;
    }
    double *sums = cir__new(n_numbers + 1, sizeof *sums);
    size_t *counts = cir__new(n_numbers + 1, sizeof *counts);
    const char **names = cir__new(n_numbers + 1, sizeof *names);
    json_t *object = json_object();
    if (sums == NULL || counts == NULL || names == NULL) {
        *is_whole = false;
        goto done;
    }
    for (size_t q = 0; q < result->n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        const size_t number = by_text ? query.text_number : query.instance_number;
        sums[number] += result->AP[q];
        counts[number]++;
        names[number] = by_text ? query.text : query.instance;
    }
    for (size_t i = 0; i < n_numbers; i++)
        if (counts[i] > 0) {
            json_t *key = cir__json_text(names[i]); /* a key is UTF-8, whatever the bytes of the name */
            put(object, json_string_value(key), json_real(sums[i] / (double)counts[i]), is_whole);
            json_decref(key);
        }
done:
    free(names);
    free(counts);
    free(sums);
    return object;
}

/* A benchmark's metrics by the names of its domains. */
static void put_domains(const cir_dataset_info *info, const cir_eval_result *result, json_t *document,
                        bool *is_whole)
{
    const size_t n = info->n_domains;
    json_t *pairs = json_object(), *sources = json_object();
    for (size_t s = 0; s < n; s++) {
        json_t *targets = json_object();
        for (size_t t = 0; t < n; t++)
            if (t != s)
                put(targets, info->domains[t], json_real(result->pairs[s * n + t]), is_whole);
        put(pairs, info->domains[s], targets, is_whole);
        put(sources, info->domains[s], json_real(result->sources[s]), is_whole);
    }
    put(document, "pairs", pairs, is_whole);
    put(document, "sources", sources, is_whole);
    put(document, "AVG", json_real(result->average), is_whole);
}

/* Which value of a metric. */
typedef enum metric_part { METRIC_VALUE, METRIC_LOW, METRIC_HIGH } metric_part;

/* A benchmark's own metrics: {"R@1": …}, or {"dress": {"R@10": …}} of those in groups. */
static json_t *metrics_json(const cir_eval_result *result, metric_part part, bool *is_whole)
{
    json_t *object = json_object();
    for (size_t i = 0; i < result->n_metrics; i++) {
        const cir_metric *metric = &result->metrics[i];
        json_t *group = metric->group == NULL ? object : json_object_get(object, metric->group);
        if (group == NULL) {
            group = json_object();
            put(object, metric->group, group, is_whole);
        }
        put(group, metric->name,
            json_real(part == METRIC_VALUE ? metric->value
                      : part == METRIC_LOW ? metric->low
                                           : metric->high),
            is_whole);
    }
    return object;
}

static json_t *numbers_json(const double *numbers, size_t n, bool *is_whole)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        append(array, json_real(numbers[i]), is_whole);
    return array;
}

/* What equal scores leave open, where they matter to some query. */
static void put_ties(const cir_dataset_info *info, const cir_eval_result *result, json_t *document,
                     bool *is_whole)
{
    if (result->n_tied == 0)
        return;
    json_t *members =
        json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "n_tied", (json_int_t)result->n_tied,
                  "mAP_low", result->mAP_low, "mAP_high", result->mAP_high, "mmAP_low", result->mmAP_low,
                  "mmAP_high", result->mmAP_high, "minmAP_low", result->minmAP_low, "minmAP_high",
                  result->minmAP_high, "AP_low", numbers_json(result->AP_low, result->n_queries, is_whole),
                  "AP_high", numbers_json(result->AP_high, result->n_queries, is_whole));
    if (json_object_update(document, members) != 0)
        *is_whole = false;
    json_decref(members);
    if (info->n_domains > 0) {
        put(document, "AVG_low", json_real(result->average_low), is_whole);
        put(document, "AVG_high", json_real(result->average_high), is_whole);
    }
    if (info->benchmark != NULL && info->has_answers) {
        put(document, "figures_low", metrics_json(result, METRIC_LOW, is_whole), is_whole);
        put(document, "figures_high", metrics_json(result, METRIC_HIGH, is_whole), is_whole);
    }
}

/* The best rows of every query. */
static json_t *top_json(const cir_eval_result *result, bool *is_whole)
{
    json_t *top = json_array();
    for (size_t q = 0; q < result->n_queries; q++) {
        json_t *rows = json_array();
        for (size_t i = 0; i < CIR_N_TOP && result->top[q * CIR_N_TOP + i] != SIZE_MAX; i++)
            append(rows, cir__json_size(result->top[q * CIR_N_TOP + i]), is_whole);
        append(top, rows, is_whole);
    }
    return top;
}

/* Gives a document up for its text, or for an error where it is not whole. */
static cir_status finish(json_t *document, bool is_whole, char **json_out, cir_error *err)
{
    *json_out = is_whole && document != NULL ? json_dumps(document, CIR__JSON_WIRE) : NULL;
    json_decref(document);
    return *json_out != NULL ? CIR_OK : cir__fail_memory(err, "results");
}

cir_status cir_results_format_method(const cir_dataset *dataset, const cir_eval_result *result,
                                     const char *label, char **json_out, cir_error *err)
{
    const cir_dataset_info *info = cir_dataset_get_info(dataset);
    bool is_whole = true;
    cir__error_clear(err);
    json_t *n_relevant = json_array();
    for (size_t q = 0; q < result->n_queries; q++)
        append(n_relevant, cir__json_size(result->n_relevant[q]), &is_whole);
    json_t *document = json_pack(
        "{s:s, s:o, s:f, s:f, s:f, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "method",
        cir_method_name(result->method), "settings", cir__settings_json(&result->settings), "mAP",
        result->mAP, "mmAP", result->mmAP, "minmAP", result->minmAP, "interval", "mAP",
        interval_json(result->mAP_interval), "mmAP", interval_json(result->mmAP_interval), "recall",
        at_ranks_json(result->recall, &is_whole), "precision", at_ranks_json(result->precision, &is_whole),
        "per_instance", breakdown_json(dataset, result, false, &is_whole), "per_text",
        breakdown_json(dataset, result, true, &is_whole), "AP",
        numbers_json(result->AP, result->n_queries, &is_whole), "n_relevant", n_relevant, "top",
        top_json(result, &is_whole));
    put(document, "precision_recall", numbers_json(result->curve, CIR_N_CURVE, &is_whole), &is_whole);
    put(document, "prompt", json_string(result->prompt), &is_whole);
    if (label != NULL)
        put(document, "label", cir__json_text(label), &is_whole);
    if (info->n_domains > 0)
        put_domains(info, result, document, &is_whole);
    if (info->benchmark != NULL && info->has_answers)
        put(document, "figures", metrics_json(result, METRIC_VALUE, &is_whole), &is_whole);
    put_ties(info, result, document, &is_whole);
    return finish(document, is_whole, json_out, err);
}

cir_status cir_results_format(const cir_dataset *dataset, const cir_protocol *protocol, cir_ap_form ap,
                              double seconds, char **json_out, cir_error *err)
{
    const cir_dataset_info *info = cir_dataset_get_info(dataset);
    bool is_whole = true;
    cir__error_clear(err);
    json_t *queries = json_array();
    for (size_t q = 0; q < info->n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        append(queries,
               json_pack("[o, o, o]", cir__json_text(query.path), cir__json_text(query.text),
                         cir__json_text(query.instance)),
               &is_whole);
    }
    json_t *document = json_pack(
        "{s:o, s:I, s:I, s:I, s:f, s:{s:s, s:s, s:s, s:s, s:s, s:[I, I], s:s, s:s, s:s, s:s}, s:[], s:o}",
        "dataset", cir__json_text(info->name), "n_queries", (json_int_t)info->n_queries, "n_instances",
        (json_int_t)info->n_instances, "n_database", (json_int_t)info->n_database, "seconds", seconds,
        "protocol", "version", cir_version(), "AP", cir_ap_form_name(ap), "ties", "expected", "exclusion",
        protocol->exclusion, "prompt", protocol->prompt, "gallery", (json_int_t)protocol->smallest_gallery,
        (json_int_t)protocol->largest_gallery, "relevance", protocol->relevance, "features",
        protocol->features, "composed", protocol->composed, "searched", protocol->searched, "methods",
        "queries", queries);
    if (info->benchmark != NULL) {
        put(document, "benchmark", json_string(info->benchmark), &is_whole);
        put(document, "split", json_string(info->split), &is_whole);
    }
    return finish(document, is_whole, json_out, err);
}
