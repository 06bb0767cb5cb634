#include "cli/eval/results_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/common/output.h"

/* Metrics at 1, 5, 10 and 50 as {"1": …}. */
static json_t *at_ranks_json(const double *metrics)
{
    json_t *object = json_object();
    for (size_t i = 0; i < CIR_N_RECALLS; i++) {
        char key[32];
        snprintf(key, sizeof key, "%zu", cir_recall_at(i));
        json_object_set_new(object, key, json_real(metrics[i]));
    }
    return object;
}

static json_t *interval_json(cir_interval interval)
{
    return json_pack("[f, f]", interval.low, interval.high);
}

/* Mean AP of the queries that share an instance, or a text: {"name": mean}. */
static json_t *breakdown_json(const cir_dataset *dataset, const cir_eval_result *result, bool by_text)
{
    size_t n_numbers = 0;
    for (size_t q = 0; q < result->n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        const size_t number = by_text ? query.text_number : query.instance_number;
        n_numbers = number >= n_numbers ? number + 1 : n_numbers;
    }
    double *sums = calloc(n_numbers + 1, sizeof *sums);
    size_t *counts = calloc(n_numbers + 1, sizeof *counts);
    const char **names = calloc(n_numbers + 1, sizeof *names);
    json_t *object = json_object();
    if (sums != NULL && counts != NULL && names != NULL) {
        for (size_t q = 0; q < result->n_queries; q++) {
            const cir_query_view query = cir_dataset_get_query(dataset, q);
            const size_t number = by_text ? query.text_number : query.instance_number;
            sums[number] += result->AP[q];
            counts[number]++;
            names[number] = by_text ? query.text : query.instance;
        }
        for (size_t i = 0; i < n_numbers; i++)
            if (counts[i] > 0)
                cir__json_set(object, names[i], json_real(sums[i] / (double)counts[i]));
    }
    free(names);
    free(counts);
    free(sums);
    return object;
}

/* A benchmark's metrics by the names of its domains. */
static void domains_json(const cir_dataset_info *info, const cir_eval_result *result, json_t *document)
{
    const size_t n = info->n_domains;
    json_t *pairs = json_object(), *sources = json_object();
    for (size_t s = 0; s < n; s++) {
        json_t *targets = json_object();
        for (size_t t = 0; t < n; t++)
            if (t != s)
                json_object_set_new(targets, info->domains[t], json_real(result->pairs[s * n + t]));
        json_object_set_new(pairs, info->domains[s], targets);
        json_object_set_new(sources, info->domains[s], json_real(result->sources[s]));
    }
    json_object_set_new(document, "pairs", pairs);
    json_object_set_new(document, "sources", sources);
    json_object_set_new(document, "AVG", json_real(result->average));
}

/* Which value of a metric. */
typedef enum metric_part { METRIC_VALUE, METRIC_LOW, METRIC_HIGH } metric_part;

/* A benchmark's own metrics: {"R@1": …}, or {"dress": {"R@10": …}} of those in groups. */
static json_t *metrics_json(const cir_eval_result *result, metric_part part)
{
    json_t *object = json_object();
    for (size_t i = 0; i < result->n_metrics; i++) {
        const cir_metric *metric = &result->metrics[i];
        json_t *group = metric->group == NULL ? object : json_object_get(object, metric->group);
        if (group == NULL) {
            group = json_object();
            json_object_set_new(object, metric->group, group);
        }
        json_object_set_new(group, metric->name,
                            json_real(part == METRIC_VALUE ? metric->value
                                      : part == METRIC_LOW ? metric->low
                                                           : metric->high));
    }
    return object;
}

static json_t *numbers_json(const double *numbers, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_real(numbers[i]));
    return array;
}

/* What equal scores leave open, where they matter to some query. */
static void ties_json(const cir_dataset_info *info, const cir_eval_result *result, json_t *document)
{
    if (result->n_tied == 0)
        return;
    json_t *members =
        json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "n_tied", (json_int_t)result->n_tied,
                  "mAP_low", result->mAP_low, "mAP_high", result->mAP_high, "mmAP_low", result->mmAP_low,
                  "mmAP_high", result->mmAP_high, "minmAP_low", result->minmAP_low, "minmAP_high",
                  result->minmAP_high, "AP_low", numbers_json(result->AP_low, result->n_queries), "AP_high",
                  numbers_json(result->AP_high, result->n_queries));
    json_object_update(document, members);
    json_decref(members);
    if (info->n_domains > 0) {
        json_object_set_new(document, "AVG_low", json_real(result->average_low));
        json_object_set_new(document, "AVG_high", json_real(result->average_high));
    }
    if (info->benchmark != NULL && info->has_answers) {
        json_object_set_new(document, "figures_low", metrics_json(result, METRIC_LOW));
        json_object_set_new(document, "figures_high", metrics_json(result, METRIC_HIGH));
    }
}

json_t *cir__results_json_method(const cir_dataset *dataset, const cir_eval_result *result, const char *label)
{
    json_t *AP = numbers_json(result->AP, result->n_queries), *n_relevant = json_array(), *top = json_array();
    for (size_t q = 0; q < result->n_queries; q++) {
        json_array_append_new(n_relevant, json_integer((json_int_t)result->n_relevant[q]));
        json_t *rows = json_array();
        for (size_t i = 0; i < CIR_N_TOP && result->top[q * CIR_N_TOP + i] != SIZE_MAX; i++)
            json_array_append_new(rows, json_integer((json_int_t)result->top[q * CIR_N_TOP + i]));
        json_array_append_new(top, rows);
    }
    json_t *document =
        json_pack("{s:s, s:o, s:f, s:f, s:f, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "method",
                  cir_method_name(result->method), "settings", cir__settings_json(&result->settings), "mAP",
                  result->mAP, "mmAP", result->mmAP, "minmAP", result->minmAP, "interval", "mAP",
                  interval_json(result->mAP_interval), "mmAP", interval_json(result->mmAP_interval), "recall",
                  at_ranks_json(result->recall), "precision", at_ranks_json(result->precision),
                  "per_instance", breakdown_json(dataset, result, false), "per_text",
                  breakdown_json(dataset, result, true), "AP", AP, "n_relevant", n_relevant, "top", top);
    json_t *curve = json_array();
    for (size_t i = 0; i < CIR_N_CURVE; i++)
        json_array_append_new(curve, json_real(result->curve[i]));
    json_object_set_new(document, "precision_recall", curve);
    json_object_set_new(document, "prompt", json_string(result->prompt));
    if (label != NULL)
        json_object_set_new(document, "label", json_string(label));
    const cir_dataset_info *info = cir_dataset_get_info(dataset);
    if (info->n_domains > 0)
        domains_json(info, result, document);
    if (info->benchmark != NULL && info->has_answers)
        json_object_set_new(document, "figures", metrics_json(result, METRIC_VALUE));
    ties_json(info, result, document);
    return document;
}

json_t *cir__results_json(const cir_dataset *dataset, const cir_protocol *protocol, cir_ap_form ap,
                          double seconds, json_t *methods)
{
    const cir_dataset_info *info = cir_dataset_get_info(dataset);
    json_t *queries = json_array();
    for (size_t q = 0; q < info->n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        json_array_append_new(queries, json_pack("[o, o, o]", cir__json_text(query.path),
                                                 cir__json_text(query.text), cir__json_text(query.instance)));
    }
    json_t *document = json_pack(
        "{s:o, s:I, s:I, s:I, s:f, s:{s:s, s:s, s:s, s:s, s:s, s:[I, I], s:s, s:s, s:s, s:s}, s:o, s:o}",
        "dataset", cir__json_text(info->name), "n_queries", (json_int_t)info->n_queries, "n_instances",
        (json_int_t)info->n_instances, "n_database", (json_int_t)info->n_database, "seconds", seconds,
        "protocol", "version", cir_version(), "AP", cir_ap_form_name(ap), "ties", "expected", "exclusion",
        protocol->exclusion, "prompt", protocol->prompt, "gallery", (json_int_t)protocol->smallest_gallery,
        (json_int_t)protocol->largest_gallery, "relevance", protocol->relevance, "features",
        protocol->features, "composed", protocol->composed, "searched", protocol->searched, "methods",
        methods, "queries", queries);
    if (info->benchmark != NULL) {
        json_object_set_new(document, "benchmark", json_string(info->benchmark));
        json_object_set_new(document, "split", json_string(info->split));
    }
    return document;
}
