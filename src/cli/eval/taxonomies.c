#include "cli/eval/taxonomies.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/common/terminal_text.h"

static const cir_categories_info *info_of(const cir__taxonomies *taxonomies, size_t i)
{
    return cir_categories_get_info(taxonomies->all[i]);
}

int cir__taxonomies_open(const cir__arguments *arguments, const cir_dataset *dataset,
                         cir__taxonomies *taxonomies)
{
    const char *path;
    cir_error err;
    for (size_t i = 0; (path = cir__arguments_next(arguments, "categories", &i)) != NULL;) {
        if (taxonomies->n == CIR__MAX_TAXONOMIES)
            return cir__arguments_refuse(arguments, "--categories: more than %d files", CIR__MAX_TAXONOMIES);
        if (cir_categories_open(path, dataset, &taxonomies->all[taxonomies->n], &err) != CIR_OK)
            return cir__session_fail(&err);
        const char *name = info_of(taxonomies, taxonomies->n++)->name;
        for (size_t k = 0; k + 1 < taxonomies->n; k++)
            if (strcmp(info_of(taxonomies, k)->name, name) == 0)
                return cir__arguments_refuse(arguments, "--categories: two files are called \"%s\"", name);
    }
    return CIR__DONE;
}

void cir__taxonomies_close(cir__taxonomies *taxonomies)
{
    while (taxonomies->n > 0)
        cir_categories_close(taxonomies->all[--taxonomies->n]);
}

int cir__taxonomies_add(const cir__taxonomies *taxonomies, const cir_dataset *dataset,
                        const cir_eval_result *result, json_t *method)
{
    json_t *all = json_object();
    cir_error err;
    for (size_t i = 0; i < taxonomies->n; i++) {
        const cir_categories_info *const info = info_of(taxonomies, i);
        double *metrics = calloc(info->n + 1, 2 * sizeof *metrics);
        json_t *by_name = json_object();
        cir__json_set(all, info->name, by_name);
        if (metrics == NULL || cir_categories_average(taxonomies->all[i], dataset, result, metrics,
                                                      metrics + info->n, &err) != CIR_OK) {
            free(metrics);
            json_decref(all);
            fprintf(stderr, "cir: out of memory\n");
            return CIR__FAILED;
        }
        for (size_t c = 0; c < info->n; c++)
            cir__json_set(by_name, info->names[c],
                          json_pack("{s:f, s:f}", "mAP", metrics[c], "mmAP", metrics[info->n + c]));
        free(metrics);
    }
    if (taxonomies->n > 0)
        json_object_set(method, "per_category", all);
    json_decref(all);
    return CIR__DONE;
}

void cir__taxonomies_describe(const cir__taxonomies *taxonomies, json_t *results)
{
    json_t *all = json_array();
    for (size_t i = 0; i < taxonomies->n; i++) {
        const cir_categories_info *const info = info_of(taxonomies, i);
        json_t *categories = json_array();
        for (size_t c = 0; c < info->n; c++)
            json_array_append_new(categories,
                                  json_pack("{s:o, s:I, s:I}", "name", cir__json_text(info->names[c]),
                                            "n_queries", (json_int_t)info->n_queries[c], "n_instances",
                                            (json_int_t)info->n_instances[c]));
        json_array_append_new(all,
                              json_pack("{s:o, s:s, s:o}", "name", cir__json_text(info->name), "by",
                                        info->are_of_texts ? "text" : "instance", "categories", categories));
    }
    if (taxonomies->n > 0)
        json_object_set(results, "categories", all);
    json_decref(all);
}

/* A column as wide as its name, of at least 8. */
static int width_of(const char *name)
{
    char *text = cir__terminal_text_new(name);
    const size_t n = text != NULL ? cir__terminal_text_width(text) : 0;
    free(text);
    return n > 8 ? (int)n : 8;
}

static void print_name(const char *name, int width, bool is_first)
{
    char *text = cir__terminal_text_new(name);
    const int blank = width - (int)(text != NULL ? cir__terminal_text_width(text) : 0);
    if (is_first)
        printf("%s%*s", text != NULL ? text : "", blank > 0 ? blank : 0, "");
    else
        printf(" %*s%s", blank > 0 ? blank : 0, "", text != NULL ? text : "");
    free(text);
}

static void print_one(const cir_categories_info *info, const json_t *methods)
{
    const json_t *method;
    size_t i;
    json_t *name = cir__json_text(info->name);
    printf("\n");
    print_name(info->name, 20, true);
    for (size_t c = 0; c < info->n; c++)
        print_name(info->names[c], width_of(info->names[c]), false);
    printf("   mAP\n%-20s", "queries");
    for (size_t c = 0; c < info->n; c++)
        printf(" %*zu", width_of(info->names[c]), info->n_queries[c]);
    printf("\n");
    json_array_foreach(methods, i, method)
    {
        const json_t *label = json_object_get(method, "label");
        const json_t *metrics =
            json_object_get(json_object_get(method, "per_category"), json_string_value(name));
        printf("%-20s", json_string_value(label != NULL ? label : json_object_get(method, "method")));
        for (size_t c = 0; c < info->n; c++) {
            json_t *key = cir__json_text(info->names[c]);
            printf(
                " %*.2f", width_of(info->names[c]),
                json_number_value(json_object_get(json_object_get(metrics, json_string_value(key)), "mAP")));
            json_decref(key);
        }
        printf("\n");
    }
    json_decref(name);
    fflush(stdout);
}

void cir__taxonomies_print(const cir__taxonomies *taxonomies, const json_t *methods)
{
    for (size_t i = 0; i < taxonomies->n; i++)
        print_one(info_of(taxonomies, i), methods);
}
