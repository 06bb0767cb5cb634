/* cir eval: methods on a data set with known answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/results.h"
#include "cli/session.h"

static const cir__flag flags[] = {
    {"features", 0, "DIR", "features that were computed elsewhere, instead of a data set"},
    {"benchmark", 0, "NAME", "the folder is of domain conversion: imagenet_r, nico, minidn or ltll"},
    {"method", 'm', "METHOD,...", "which methods, or \"all\" that the data allow (default)"},
    {"set", 's', "KEY=VALUE", "change a setting of every method; may be repeated"},
    {"ablation", 0, NULL, "add BASIC's steps one by one, as the paper's ablation table does"},
    {"ap", 0, "FORM", "average precision by the \"trapezoid\" rule (default) or the \"paper\"'s wording"},
    {"model", 0, "MODEL", "a model folder, or \"demo\" (default); for a data set of pictures"},
    {"precision", 0, "f32|bf16",
     "of the encoder's products (default f32; bf16 is faster where the processor has it)"},
    {"json", 0, "FILE", "write all results as JSON; - is standard output"},
    {"csv", 0, "DIR", "write a table of queries and one of instances for each method"},
    {0},
};

/* The paper's ablation: each row adds one step to the row before it. */
static const struct {
    const char *label;
    const char *settings[7];
} ablation[] = {
    {"raw product", {"centre=0", "normalise=0", "fuse=product", "contextualise=0", "project=0", "expand=0"}},
    {"+ centring", {"centre=1", "normalise=0", "fuse=product", "contextualise=0", "project=0", "expand=0"}},
    {"+ min-normalisation",
     {"centre=1", "normalise=1", "fuse=product", "contextualise=0", "project=0", "expand=0"}},
    {"+ Harris fusion",
     {"centre=1", "normalise=1", "fuse=harris", "contextualise=0", "project=0", "expand=0"}},
    {"+ contextualisation",
     {"centre=1", "normalise=1", "fuse=harris", "contextualise=1", "project=0", "expand=0"}},
    {"+ projection", {"centre=1", "normalise=1", "fuse=harris", "contextualise=1", "project=1", "expand=0"}},
    {"+ expansion", {"centre=1", "normalise=1", "fuse=harris", "contextualise=1", "project=1", "expand=1"}},
};
enum { N_ABLATION = sizeof ablation / sizeof ablation[0] };

typedef struct evaluating {
    const cir__arguments *arguments;
    const cir_dataset *dataset;
    cir_pool *pool;
    json_t *methods;
    cir_ap_form ap;
    bool prints_table;
} evaluating;

/* The name of a run's tables: that of the method, or "ablation-min-normalisation" of "+ min-normalisation".
 */
static void name_tables(cir_method method, const char *label, char *name, size_t size)
{
    snprintf(name, size, "%s%s", label != NULL ? "ablation-" : "",
             label != NULL ? label + (strncmp(label, "+ ", 2) == 0 ? 2 : 0) : cir_method_name(method));
    for (char *c = name; *c != '\0'; c++)
        if (*c == ' ' || *c == '/')
            *c = '-';
}

static int write_tables(const evaluating *self, const cir_eval_result *result, const char *label)
{
    const char *folder = cir__arguments_get(self->arguments, "csv");
    char name[128];
    cir_error err;
    if (folder == NULL)
        return CIR__DONE;
    name_tables(result->method, label, name, sizeof name);
    return cir_eval_write_csv(self->dataset, result, folder, name, &err) == CIR_OK ? CIR__DONE
                                                                                   : cir__session_fail(&err);
}

static double half_width(cir_interval interval)
{
    return (interval.high - interval.low) / 2;
}

/* A row for each source, a column for each target and one for their mean. */
static void print_pairs(const cir_dataset_info *info, const cir_eval_result *result, const char *label)
{
    const size_t n = info->n_domains;
    printf("%-22s", label);
    for (size_t t = 0; t < n; t++)
        printf(" %9s", info->domains[t]);
    printf(" %9s\n", "mean");
    for (size_t s = 0; s < n; s++) {
        printf("  from %-15s", info->domains[s]);
        for (size_t t = 0; t < n; t++)
            if (t == s)
                printf(" %9s", "-");
            else
                printf(" %9.2f", result->pairs[s * n + t]);
        printf(" %9.2f\n", result->sources[s]);
    }
    printf("  %-20s %*.2f\n\n", "AVG", (int)(10 * n + 9), result->average);
    fflush(stdout);
}

static void print_result(const cir_dataset_info *info, const cir_eval_result *result, const char *label)
{
    if (info->n_domains > 0) {
        print_pairs(info, result, label);
        return;
    }
    printf("%-20s %6.2f ±%5.2f %6.2f ±%5.2f %6.2f ", label, result->mmAP, half_width(result->mmAP_interval),
           result->mAP, half_width(result->mAP_interval), result->minmAP);
    for (size_t i = 0; i < CIR_N_RECALLS; i++)
        printf(" %6.2f", result->recall[i]);
    printf("\n");
    fflush(stdout);
}

static int evaluate(evaluating *self, cir_method method, const cir_settings *settings, const char *label)
{
    cir_error err;
    cir_eval_result result;
    if (cir_eval_run(self->dataset, method, settings, self->pool, &result, &err) != CIR_OK)
        return cir__session_fail(&err);
    if (cir_eval_result_set_ap(self->dataset, self->ap, &result, &err) != CIR_OK) {
        cir_eval_result_done(&result);
        return cir__session_fail(&err);
    }
    if (self->prints_table)
        print_result(cir_dataset_get_info(self->dataset), &result,
                     label != NULL ? label : cir_method_name(method));
    json_array_append_new(self->methods, cir__results_method_json(self->dataset, &result, label));
    int status = write_tables(self, &result, label);
    cir_eval_result_done(&result);
    return status;
}

/* Applies --set after the method's own defaults, so that a person's word is the last. */
static int init_settings(const evaluating *self, cir_method method, const char *const *own,
                         cir_settings *settings)
{
    cir_error err;
    cir_settings_init(settings, method);
    for (; own != NULL && *own != NULL; own++)
        if (cir_settings_set(settings, *own, &err) != CIR_OK)
            return cir__session_fail(&err);
    const char *key_value;
    for (size_t i = 0; (key_value = cir__arguments_next(self->arguments, "set", &i)) != NULL;)
        if (cir_settings_set(settings, key_value, &err) != CIR_OK)
            return cir__arguments_refuse(self->arguments, "--set: %s", err.message);
    return CIR__DONE;
}

static int evaluate_methods(evaluating *self, const cir_method *methods, size_t n_methods)
{
    cir_settings settings;
    int status = CIR__DONE;
    const bool has_domains = cir_dataset_get_info(self->dataset)->n_domains > 0;
    if (self->prints_table && !has_domains) {
        printf("%-20s %6s %6s %6s %6s %6s ", "method", "mmAP", "", "mAP", "", "minmAP");
        for (size_t i = 0; i < CIR_N_RECALLS; i++)
            printf("  R@%-3zu", cir_recall_at[i]);
        printf("\n");
    }
    for (size_t i = 0; i < n_methods && status == CIR__DONE; i++) {
        status = init_settings(self, methods[i], NULL, &settings);
        if (status == CIR__DONE)
            status = evaluate(self, methods[i], &settings, NULL);
    }
    if (!cir__arguments_has(self->arguments, "ablation"))
        return status;
    if (self->prints_table && !has_domains)
        printf("\n");
    for (size_t i = 0; i < N_ABLATION && status == CIR__DONE; i++) {
        status = init_settings(self, CIR_METHOD_BASIC, ablation[i].settings, &settings);
        if (status == CIR__DONE)
            status = evaluate(self, CIR_METHOD_BASIC, &settings, ablation[i].label);
    }
    return status;
}

/* "basic-,product" or "all" into methods [CIR_N_METHODS]. */
static int read_methods(const cir__arguments *arguments, cir_method *methods, size_t *n_out)
{
    static const cir_method all[] = {CIR_METHOD_TEXT,          CIR_METHOD_IMAGE,   CIR_METHOD_SUM,
                                     CIR_METHOD_PRODUCT,       CIR_METHOD_WEICOM,  CIR_METHOD_EXTERNAL,
                                     CIR_METHOD_FREEDOM_MINUS, CIR_METHOD_FREEDOM, CIR_METHOD_BASIC_MINUS,
                                     CIR_METHOD_BASIC};
    const char *given = cir__arguments_get(arguments, "method");
    *n_out = 0;
    if (given == NULL || strcmp(given, "all") == 0) {
        memcpy(methods, all, sizeof all);
        *n_out = sizeof all / sizeof all[0];
        return CIR__DONE;
    }
    char names[256];
    if (strlen(given) >= sizeof names)
        return cir__arguments_refuse(arguments, "--method: the list is too long");
    strcpy(names, given);
    char *rest = NULL;
    for (char *name = strtok_r(names, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        cir_error err;
        if (*n_out == CIR_N_METHODS)
            return cir__arguments_refuse(arguments, "--method: more than the %d there are", CIR_N_METHODS);
        if (cir_method_parse(name, &methods[(*n_out)++], &err) != CIR_OK)
            return cir__arguments_refuse(arguments, "--method: %s", err.message);
    }
    return CIR__DONE;
}

static int read_ap(const cir__arguments *arguments, cir_ap_form *ap_out)
{
    const char *given = cir__arguments_get(arguments, "ap");
    for (*ap_out = 0; given != NULL && *ap_out < CIR_N_AP_FORMS; (*ap_out)++)
        if (strcmp(given, cir_ap_form_name(*ap_out)) == 0)
            return CIR__DONE;
    *ap_out = CIR_AP_TRAPEZOID;
    if (given == NULL)
        return CIR__DONE;
    return cir__arguments_refuse(arguments, "--ap: \"%s\" is neither \"trapezoid\" nor \"paper\"", given);
}

/* Of "all" methods, leaves out those that the data set does not allow, and says so. */
static void choose_possible(const evaluating *self, cir_method *methods, size_t *n)
{
    const char *given = cir__arguments_get(self->arguments, "method");
    if (given != NULL && strcmp(given, "all") != 0)
        return;
    size_t n_possible = 0;
    for (size_t i = 0; i < *n; i++) {
        cir_error err;
        if (cir_dataset_check(self->dataset, methods[i], &err) == CIR_OK)
            methods[n_possible++] = methods[i];
        else if (!cir__arguments_has(self->arguments, "quiet"))
            fprintf(stderr, "cir: method %s is left out: %s\n", cir_method_name(methods[i]), err.message);
    }
    *n = n_possible;
}

static bool watch(void *context, size_t n_done, size_t n_total)
{
    cir__progress_draw(context, n_done, n_total, n_done, NULL);
    return !cir__session_is_interrupted();
}

static int open_dataset(const cir__arguments *arguments, cir_pool *pool, const cir_model *model,
                        cir_dataset **dataset_out)
{
    cir_error err;
    cir_status status;
    const char *features = cir__arguments_get(arguments, "features");
    const char *benchmark = cir__arguments_get(arguments, "benchmark");
    if (features != NULL)
        status = benchmark != NULL ? cir_dataset_open_domain_features(features, benchmark, dataset_out, &err)
                                   : cir_dataset_open_features(features, dataset_out, &err);
    else {
        const char *folder = cir__arguments_operands(arguments)[0];
        cir__progress progress;
        cir__progress_init(&progress, arguments, "encoding");
        cir__session_catch_interrupts();
        status = benchmark != NULL
                     ? cir_dataset_open_domain_images(folder, benchmark, model, pool, watch, &progress,
                                                      dataset_out, &err)
                     : cir_dataset_open_images(folder, model, pool, watch, &progress, dataset_out, &err);
        cir__progress_clear(&progress);
    }
    return status == CIR_OK ? CIR__DONE : cir__session_fail(&err);
}

/* Writes everything as one document, or drops it. */
static int write_results(const evaluating *self, double seconds)
{
    const char *path = cir__arguments_get(self->arguments, "json");
    if (path == NULL) {
        json_decref(self->methods);
        return CIR__DONE;
    }
    cir_protocol protocol;
    cir_error err;
    if (cir_dataset_get_protocol(self->dataset, self->pool, &protocol, &err) != CIR_OK) {
        json_decref(self->methods);
        return cir__session_fail(&err);
    }
    json_t *document = cir__results_json(self->dataset, &protocol, self->ap, seconds, self->methods);
    if (strcmp(path, "-") == 0) {
        cir__json_print(document);
        return CIR__DONE;
    }
    if (cir__json_write(document, path) != 0) {
        fprintf(stderr, "cir: %s: cannot be written; name a file in a folder you may write to\n", path);
        return CIR__FAILED;
    }
    return CIR__DONE;
}

static int run(const cir__arguments *arguments)
{
    bool has_features = cir__arguments_has(arguments, "features");
    if (cir__arguments_n_operands(arguments) != (has_features ? 0 : 1))
        return cir__arguments_refuse(arguments, "give either one DATASET or --features DIR");
    cir_method methods[CIR_N_METHODS];
    size_t n_methods;
    cir_ap_form ap;
    int status = read_methods(arguments, methods, &n_methods);
    if (status == CIR__DONE)
        status = read_ap(arguments, &ap);
    if (status != CIR__DONE)
        return status;
    const char *json = cir__arguments_get(arguments, "json");
    evaluating self = {.arguments = arguments,
                       .methods = json_array(),
                       .ap = ap,
                       .prints_table = json == NULL || strcmp(json, "-") != 0};
    double started = cir__session_seconds();
    cir_model *model = NULL;
    cir_dataset *dataset = NULL;
    status = cir__session_open_pool(arguments, &self.pool);
    if (status == CIR__DONE && !has_features)
        status = cir__session_open_model(arguments, NULL, &model);
    if (status == CIR__DONE)
        status = open_dataset(arguments, self.pool, model, &dataset);
    self.dataset = dataset;
    if (status == CIR__DONE) {
        const cir_dataset_info *info = cir_dataset_get_info(dataset);
        const char *wording = ap == CIR_AP_PAPER ? ", AP in the paper's wording" : "";
        if (self.prints_table && info->n_domains > 0)
            printf("%s: %zu queries, %zu domains, %zu database images; mAP in %%%s\n\n", info->name,
                   info->n_queries, info->n_domains, info->n_database, wording);
        else if (self.prints_table)
            printf("%s: %zu queries, %zu instances, %zu database images; figures in %%%s\n\n", info->name,
                   info->n_queries, info->n_instances, info->n_database, wording);
        choose_possible(&self, methods, &n_methods);
        status = evaluate_methods(&self, methods, n_methods);
    }
    if (status == CIR__DONE)
        status = write_results(&self, cir__session_seconds() - started);
    else
        json_decref(self.methods);
    cir_dataset_close(dataset);
    cir_model_close(model);
    cir_pool_free(self.pool);
    return status;
}

const cir__command cir__command_eval = {
    .name = "eval",
    .synopsis = "(DATASET | --features DIR) [options]",
    .summary = "measure methods on a data set with known answers",
    .flags = flags,
    .notes =
        "DATASET is a folder in i-CIR's layout (query_files.csv, database_files.csv and the pictures). "
        "Each query\n"
        "ranks the database of its own instance. mmAP is the i-CIR column of the paper; ± is half the 95 %\n"
        "interval over instances (both ends are in the JSON). cir eval compare tells whether one method is "
        "better.\n\n"
        "With --benchmark the folder holds FREEDOM's lists, \"path domain class\" separated by spaces:\n"
        "full_files.csv (imagenet_r, where imgnet_targets.txt does too, and ltll), or query_files.csv and\n"
        "database_files.csv (nico, minidn). With --features, database_image.npy has a row for each line "
        "of the\n"
        "database's list, query_image.npy (nico, minidn) of the queries', and query_text.npy one for each "
        "domain,\n"
        "in this order:\n"
        "  imagenet_r  photo cartoon origami toy sculpture\n"
        "  nico        autumn dimlight grass outdoor rock water\n"
        "  minidn      clipart painting photo sketch\n"
        "  ltll        Today Archive\n"
        "AVG is the column of the paper.\n\n"
        "Examples:\n"
        "  cir eval icir --model ~/models/clip-vit-large-patch14 --ablation\n"
        "  cir eval data/ltll --benchmark ltll --model ~/models/clip-vit-large-patch14\n"
        "  cir eval --features features/ --method basic,product --set variant=reference --json "
        "results.json\n",
    .run = run,
};
