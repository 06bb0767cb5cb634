/* cir eval compare: is one method significantly better than another? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cir/experiment.h"
#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/common/terminal_text.h"

static const cir__flag flags[] = {
    {"method", 'm', "METHOD", "the method, or the row of the ablation, to compare in both files"},
    {"methods", 0, "MA,MB", "method MA of A.json and method MB of B.json, or both of A.json"},
    {"force", 0, NULL, "compare despite differing queries, galleries or forms of AP, with a warning"},
    {"json", 0, NULL, "print one JSON document"},
    {0},
};

typedef struct comparing {
    const cir_results *a, *b;
    json_t *comparisons, *warnings;
    bool forces, prints_table;
} comparing;

static json_t *compared_json(const cir_compared *compared)
{
    return json_pack("{s:f, s:f, s:f, s:[f, f], s:f}", "a", compared->a, "b", compared->b, "difference",
                     compared->difference, "interval", compared->interval.low, compared->interval.high, "p",
                     compared->p);
}

/* In a column of 20. */
static void put_name(const char *name)
{
    char *text = cir__terminal_text_new(name);
    size_t width = text != NULL ? cir__terminal_text_width(text) : 0;
    printf("%s%*s ", text != NULL ? text : "", width < 20 ? (int)(20 - width) : 0, "");
    free(text);
}

static void print_row(const char *a, const char *b, const char *metric, const cir_compared *compared,
                      size_t n_instances)
{
    put_name(a);
    put_name(b);
    printf("%-5s %6.2f %6.2f %+7.2f ", metric, compared->a, compared->b, compared->difference);
    if (n_instances > 1)
        printf("[%+7.2f, %+7.2f] %8.5f\n", compared->interval.low, compared->interval.high, compared->p);
    else
        printf("%-18s %8s\n", "n/a", "n/a");
}

/* Says each warning once, however many methods it holds for. */
static void warn(comparing *self, const char *line)
{
    json_t *text = cir__json_text(line), *said;
    size_t i;
    json_array_foreach(self->warnings, i, said) if (json_equal(said, text))
    {
        json_decref(text);
        return;
    }
    fputs("cir: warning: ", stderr);
    cir__put_text(stderr, line);
    fputs("\n", stderr);
    json_array_append_new(self->warnings, text);
}

static int compare(comparing *self, size_t i_a, size_t i_b)
{
    cir_error err;
    cir_comparison comparison;
    if (cir_results_compare(self->a, i_a, self->b, i_b, self->forces, &comparison, &err) != CIR_OK)
        return cir__session_fail(&err);
    const char *name_a = cir_results_get_method(self->a, i_a), *name_b = cir_results_get_method(self->b, i_b);
    for (size_t i = 0; i < comparison.n_differences; i++)
        warn(self, comparison.differences[i]);
    if (comparison.n_instances == 1)
        warn(self, "all queries are of one instance; an interval and p need several");
    if (self->prints_table) {
        if (json_array_size(self->comparisons) == 0)
            printf(
                "%zu queries, %zu instances; metrics in %%, difference B - A with its 95 %% interval, p of sign flips\n"
                "over instances (%s)\n"
                "\n"
                "%-20s %-20s %-5s %6s %6s %7s %-18s %8s\n",
                comparison.n_queries, comparison.n_instances,
                comparison.is_exact ? "all of them" : "drawn at random", "A", "B", "", "A", "B", "B - A", "",
                "p");
        print_row(name_a, name_b, "mmAP", &comparison.mmAP, comparison.n_instances);
        print_row("", "", "mAP", &comparison.mAP, comparison.n_instances);
    }
    json_array_append_new(self->comparisons,
                          json_pack("{s:o, s:o, s:I, s:I, s:b, s:o, s:o}", "a", cir__json_text(name_a), "b",
                                    cir__json_text(name_b), "n_queries", (json_int_t)comparison.n_queries,
                                    "n_instances", (json_int_t)comparison.n_instances, "exact",
                                    comparison.is_exact ? 1 : 0, "mmAP", compared_json(&comparison.mmAP),
                                    "mAP", compared_json(&comparison.mAP)));
    cir_comparison_done(&comparison);
    return CIR__DONE;
}

static int find(const cir_results *results, const char *path, const char *method, size_t *i_out)
{
    if (cir_results_find(results, method, i_out))
        return CIR__DONE;
    fprintf(stderr, "cir: %s: has no method \"%s\"; it has:", path, method);
    for (size_t i = 0; i < cir_results_get_n_methods(results); i++) {
        fputs(i > 0 ? ", " : " ", stderr);
        cir__put_text(stderr, cir_results_get_method(results, i));
    }
    fprintf(stderr, "\n");
    return CIR__FAILED;
}

/* Every method that both files hold; where each holds but one, these two. */
static int compare_common(comparing *self, const char *path_a, const char *path_b)
{
    if (cir_results_get_n_methods(self->a) == 1 && cir_results_get_n_methods(self->b) == 1)
        return compare(self, 0, 0);
    int status = CIR__DONE;
    for (size_t i_a = 0, i_b; i_a < cir_results_get_n_methods(self->a) && status == CIR__DONE; i_a++)
        if (cir_results_find(self->b, cir_results_get_method(self->a, i_a), &i_b))
            status = compare(self, i_a, i_b);
    if (status == CIR__DONE && json_array_size(self->comparisons) == 0) {
        fprintf(stderr, "cir: %s and %s: have no method in common; name two with --methods MA,MB\n", path_a,
                path_b);
        return CIR__FAILED;
    }
    return status;
}

static int compare_named(comparing *self, const cir__arguments *arguments, const char *path_a,
                         const char *path_b)
{
    const char *both = cir__arguments_get(arguments, "method"),
               *pair = cir__arguments_get(arguments, "methods");
    if (both == NULL && pair == NULL)
        return compare_common(self, path_a, path_b);
    const char *comma = pair != NULL ? strchr(pair, ',') : NULL;
    char *first = pair != NULL ? strndup(pair, (size_t)(comma - pair)) : strdup(both);
    if (first == NULL) {
        fprintf(stderr, "cir: out of memory\n");
        return CIR__FAILED;
    }
    size_t i_a, i_b;
    int status = find(self->a, path_a, first, &i_a);
    if (status == CIR__DONE)
        status = find(self->b, path_b, pair != NULL ? comma + 1 : both, &i_b);
    if (status == CIR__DONE)
        status = compare(self, i_a, i_b);
    free(first);
    return status;
}

static int check_usage(const cir__arguments *arguments)
{
    const size_t n_files = cir__arguments_n_operands(arguments);
    const char *pair = cir__arguments_get(arguments, "methods");
    if (pair != NULL && cir__arguments_has(arguments, "method"))
        return cir__arguments_refuse(arguments, "give either --method or --methods");
    const char *comma = pair != NULL ? strchr(pair, ',') : NULL;
    if (pair != NULL &&
        (comma == NULL || comma == pair || comma[1] == '\0' || strchr(comma + 1, ',') != NULL))
        return cir__arguments_refuse(arguments,
                                     "--methods: \"%s\" is not two methods with a comma between them", pair);
    if (n_files == 2 || (n_files == 1 && pair != NULL))
        return CIR__DONE;
    return cir__arguments_refuse(arguments, "give two files of results, or one and --methods MA,MB");
}

static int run(const cir__arguments *arguments)
{
    int status = check_usage(arguments);
    if (status != CIR__DONE)
        return status;
    const char *const *paths = cir__arguments_operands(arguments);
    const bool is_one = cir__arguments_n_operands(arguments) == 1;
    const char *path_b = is_one ? paths[0] : paths[1];
    cir_results *a = NULL, *b = NULL;
    cir_error err;
    if (cir_results_open(paths[0], &a, &err) != CIR_OK ||
        (!is_one && cir_results_open(path_b, &b, &err) != CIR_OK)) {
        cir_results_close(a);
        return cir__session_fail(&err);
    }
    comparing self = {.a = a,
                      .b = is_one ? a : b,
                      .comparisons = json_array(),
                      .warnings = json_array(),
                      .forces = cir__arguments_has(arguments, "force"),
                      .prints_table = !cir__arguments_has(arguments, "json")};
    status = compare_named(&self, arguments, paths[0], path_b);
    if (status == CIR__DONE && !self.prints_table)
        cir__json_print(json_pack("{s:o, s:o, s:O, s:O}", "a", cir__json_text(paths[0]), "b",
                                  cir__json_text(path_b), "comparisons", self.comparisons, "warnings",
                                  self.warnings));
    json_decref(self.comparisons);
    json_decref(self.warnings);
    cir_results_close(a);
    cir_results_close(b);
    return status;
}

const cir__command cir__command_compare = {
    .name = "eval compare",
    .synopsis = "A.json [B.json] [options]",
    .summary = "test whether a method is significantly better",
    .flags = flags,
    .notes =
        "Files are those of cir eval --json. Without a choice, every method that both hold is compared. p is\n"
        "that of a paired permutation test: each instance's difference gets its sign at random.\n"
        "Metrics over other queries, galleries, relevant rows or another form of AP are refused.\n"
        "\n"
        "Examples:\n"
        "  cir eval compare before.json after.json\n"
        "  cir eval compare results.json --methods product,basic-\n",
    .run = run,
};
