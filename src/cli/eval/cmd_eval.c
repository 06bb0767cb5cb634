/* cir eval: methods on a data set with known answers. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/commands.h"
#include "cli/common/method_help.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/eval/eval_data.h"
#include "cli/eval/eval_table.h"
#include "cli/eval/experiments.h"
#include "cli/eval/taxonomies.h"
#include "cli/report/report.h"
#include "shared/clock.h"
#include "shared/destination.h"

static const cir__flag flags[] = {
    {"features", 0, "DIR", "features that were computed elsewhere, instead of a data set"},
    {"benchmark", 0, "NAME", "imagenet_r, nico, minidn, ltll (domain conversion), cirr, circo or fashioniq"},
    {"split", 0, "SPLIT", "of cirr and circo: \"val\" (default) or \"test\", whose answers a server keeps"},
    {"gallery", 0, "WHICH",
     "of fashioniq: images of its \"split\" (default), or only those \"used\" by queries"},
    {"submission", 0, "DIR", "write what the servers of cirr and circo take, for each method"},
    {"method", 'm', "METHOD,...", "which methods, or \"all\" that the data allow (default)"},
    {"set", 's', "KEY=VALUE ...", "change a setting of every method"},
    {"as-search", 0, "INDEX", "measure what cir search finds in this index of the data set's pictures"},
    {"ablation", 0, NULL,
     "add BASIC's steps one by one, as the paper's ablation table does, and the projection of the text"},
    {"sweep", 0, "SETTING[=V,...] ...", "also sweep weight, lambda, alpha or components"},
    {"distractors", 0, "POOL.npy", "also rank the positives against growing parts of a pool of features"},
    {"pool-sizes", 0, "N,...", "how many distractors (default: 1,000, 2,000, 5,000 … and all)"},
    {"memory", 0, "MIB", "what --distractors may take (default: 256)"},
    {"categories", 0, "FILE.csv ...", "also give means by category: instance,category or text,category"},
    {"ap", 0, "FORM", "average precision by the \"trapezoid\" rule (default) or the \"paper\"'s wording"},
    {"model", 0, "MODEL", "a model folder, or \"demo\" (default); for a data set of pictures"},
    {"cache", 0, "DIR", "where features of pictures are kept for the next run (~/.cache/cir), or \"none\""},
    {"no-exif-rotation", 0, NULL,
     "take pictures as they are stored, as the published code does; so too with --set variant=reference"},
    {"verify", 0, NULL, "check the pictures' files against checksums.sha256 first"},
    {"precision", 0, "auto|fast|f32|bf16|int8",
     "of the encoder's matrix products (default f32, so that metrics are the same on every machine; with "
     "--as-search that of cir search)"},
    {"json", 0, "FILE", "write all results as JSON; - is standard output"},
    {"report", 0, "FILE.html", "write one page with tables, charts, best and worst queries"},
    {"csv", 0, "DIR", "write a table of queries and one of instances for each method"},
    {0},
};

/* The paper's ablation, each row of which adds one step to the row before it, and the step beyond the
 * paper. */
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
    {"+ text projection",
     {"centre=1", "normalise=1", "fuse=harris", "contextualise=1", "project=1", "expand=1"}},
};
enum { N_ABLATION = sizeof ablation / sizeof ablation[0], CONTEXTUALISATION = 4, TEXT_PROJECTION = 7 };

typedef struct evaluating {
    const cir__arguments *arguments;
    const cir_dataset *dataset;
    cir_pool *pool;
    json_t *methods;
    json_t *experiments; /* members of the document beside the methods */
    cir__taxonomies taxonomies;
    cir_ap_form ap;
    bool prints_table;
    cir__eval_gaps gaps;
} evaluating;

/* The name of a run's tables: that of the method, or "ablation-min-normalisation" of "+
 * min-normalisation". */
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
    name_tables(result->method, label, name, sizeof name);
    const int status = cir__eval_data_submit(self->arguments, self->dataset, result, name);
    if (folder == NULL || status != CIR__DONE)
        return status;
    if (cir_eval_write_csv(self->dataset, result, folder, name, &err) != CIR_OK ||
        (self->taxonomies.n > 0 &&
         cir_categories_write_csv((const cir_categories *const *)self->taxonomies.all, self->taxonomies.n,
                                  self->dataset, result, folder, name, &err) != CIR_OK))
        return cir__session_fail(&err);
    return CIR__DONE;
}

/* Everything that is wanted of one method's metrics. */
static int show_result(evaluating *self, cir_eval_result *result, const char *label)
{
    cir_error err;
    if (cir_eval_result_set_ap(self->dataset, self->ap, result, &err) != CIR_OK)
        return cir__session_fail(&err);
    if (self->prints_table)
        cir__eval_table_print_result(cir_dataset_get_info(self->dataset), result,
                                     label != NULL ? label : cir_method_name(result->method),
                                     json_array_size(self->methods) == 0);
    char *json;
    if (cir_results_format_method(self->dataset, result, label, &json, &err) != CIR_OK)
        return cir__session_fail(&err);
    json_t *metrics = json_loads(json, 0, NULL);
    cir_bytes_free(json);
    const int status = cir__taxonomies_add(&self->taxonomies, self->dataset, result, metrics);
    json_array_append_new(self->methods, metrics);
    self->gaps = cir__eval_data_find_gaps(self->dataset, result);
    return status == CIR__DONE ? write_tables(self, result, label) : status;
}

/* What is evaluated in one go: methods, and behind them the rows of the ablation. */
typedef struct line_up {
    size_t n;
    cir_run runs[CIR_N_METHODS + N_ABLATION];
    cir_settings settings[CIR_N_METHODS + N_ABLATION];
    cir_eval_result results[CIR_N_METHODS + N_ABLATION];
} line_up;

static int line_up_fill(const evaluating *self, const cir_method *methods, size_t n_methods, line_up *all)
{
    const size_t n_ablation = cir__arguments_has(self->arguments, "ablation") ? N_ABLATION : 0;
    int status = CIR__DONE;
    all->n = n_methods + n_ablation;
    for (size_t i = 0; i < all->n && status == CIR__DONE; i++) {
        const bool is_method = i < n_methods;
        all->runs[i] = (cir_run){is_method ? methods[i] : CIR_METHOD_BASIC, &all->settings[i]};
        status = cir__session_init_settings(self->arguments, all->runs[i].method,
                                            is_method ? NULL : ablation[i - n_methods].settings,
                                            &all->settings[i]);
        if (!is_method)
            all->settings[i].project_text = i - n_methods == TEXT_PROJECTION;
    }
    return status;
}

/* A row of the ablation whose step the data do not allow is the row before it: it is told, and left out. */
static bool is_applied(const evaluating *self, const cir_eval_result *result, size_t i_row)
{
    if (i_row != CONTEXTUALISATION || result->settings.contextualise)
        return true;
    if (self->prints_table)
        printf("%-20s not applied: there are no contextualised features\n", ablation[i_row].label);
    return false;
}

/* Whose minima were used, where they are another encoder's than perhaps the data's. */
static void tell_minima(const evaluating *self, const line_up *all)
{
    for (size_t i = 0; i < all->n && !cir__arguments_has(self->arguments, "quiet"); i++) {
        if (all->results[i].settings.minima_source != CIR_MINIMA_PAPER)
            continue;
        fprintf(
            stderr,
            "cir: min-normalisation by -0.077 and -0.117, which are CLIP ViT-L/14's, as this encoder's are "
            "not known (synthetic_image.npy and synthetic_text.npy); for another encoder set "
            "min_image=estimated min_text=estimated\n");
        return;
    }
}

static int evaluate_methods(evaluating *self, const cir_method *methods, size_t n_methods)
{
    const bool has_one_table = cir_dataset_get_info(self->dataset)->n_domains == 0 &&
                               cir_dataset_get_info(self->dataset)->benchmark == NULL;
    line_up *all = calloc(1, sizeof *all);
    cir_error err;
    if (all == NULL) {
        fprintf(stderr, "cir: out of memory\n");
        return CIR__FAILED;
    }
    int status = line_up_fill(self, methods, n_methods, all);
    if (status == CIR__DONE &&
        cir_eval_run_all(self->dataset, all->runs, all->n, self->pool, all->results, &err) != CIR_OK)
        status = cir__session_fail(&err);
    if (status == CIR__DONE)
        tell_minima(self, all);
    if (status == CIR__DONE && self->prints_table && has_one_table)
        cir__eval_table_print_head();
    for (size_t i = 0; i < all->n && status == CIR__DONE; i++) {
        if (i == n_methods && self->prints_table && has_one_table)
            printf("\n");
        if (i >= n_methods && !is_applied(self, &all->results[i], i - n_methods))
            continue;
        status = show_result(self, &all->results[i], i < n_methods ? NULL : ablation[i - n_methods].label);
    }
    for (size_t i = 0; i < all->n; i++)
        cir_eval_result_done(&all->results[i]);
    free(all);
    return status;
}

/* "basic-,product" or "all" into methods [CIR_N_METHODS]. */
static int read_methods(const cir__arguments *arguments, cir_method *methods, size_t *n_out)
{
    const char *given = cir__arguments_get(arguments, "method");
    *n_out = 0;
    if (given == NULL || strcmp(given, "all") == 0) {
        cir_method_list(methods);
        *n_out = CIR_N_METHODS;
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

/* Whether results can be written where they are wanted, before the work that makes them. */
static int check_destinations(const cir__arguments *arguments)
{
    const char *json = cir__arguments_get(arguments, "json"), *page = cir__arguments_get(arguments, "report"),
               *csv = cir__arguments_get(arguments, "csv");
    cir_error err;
    if ((json != NULL && strcmp(json, "-") != 0 &&
         cir__destination_check(json, "the file of results", &err) != CIR_OK) ||
        (page != NULL && cir__destination_check(page, "the report", &err) != CIR_OK) ||
        (csv != NULL && cir__destination_check_folder(csv, "tables", &err) != CIR_OK))
        return cir__session_fail(&err);
    return CIR__DONE;
}

static int write_report(const evaluating *self, const json_t *document)
{
    const char *path = cir__arguments_get(self->arguments, "report");
    const bool has_pictures = !cir__arguments_has(self->arguments, "features");
    const cir__report report = {.document = document,
                                .dataset = self->dataset,
                                .folder = has_pictures ? cir__arguments_operands(self->arguments)[0] : NULL,
                                .pool = self->pool};
    cir_error err;
    if (path == NULL || cir__report_write(&report, path, &err) == CIR_OK)
        return CIR__DONE;
    return cir__session_fail(&err);
}

/* Writes everything as one document. */
static int write_results(const evaluating *self, double seconds)
{
    const char *path = cir__arguments_get(self->arguments, "json");
    if (path == NULL && !cir__arguments_has(self->arguments, "report"))
        return CIR__DONE;
    cir_protocol protocol;
    cir_error err;
    char *json;
    if (cir_dataset_get_protocol(self->dataset, self->pool, &protocol, &err) != CIR_OK ||
        cir_results_format(self->dataset, &protocol, self->ap, seconds, &json, &err) != CIR_OK)
        return cir__session_fail(&err);
    json_t *document = json_loads(json, 0, NULL);
    cir_bytes_free(json);
    json_object_set(document, "methods", self->methods);
    json_object_update(document, self->experiments);
    json_object_set_new(document, "n_queries_without_relevant",
                        json_integer((json_int_t)self->gaps.n_without_relevant));
    json_object_set_new(document, "n_queries_without_database",
                        json_integer((json_int_t)self->gaps.n_without_database));
    cir__taxonomies_describe(&self->taxonomies, document);
    const int status = write_report(self, document);
    if (path == NULL)
        json_decref(document);
    else if (strcmp(path, "-") == 0)
        cir__json_print(document);
    else if (cir__json_write(document, path, &err) != CIR_OK)
        return cir__session_fail(&err);
    return status;
}

/* What was evaluated is written even where an experiment fails, or is interrupted. */
static int measure(evaluating *self, const cir_method *methods, size_t n_methods, double started)
{
    const cir__experiment experiment = {.arguments = self->arguments,
                                        .dataset = self->dataset,
                                        .pool = self->pool,
                                        .ap = self->ap,
                                        .methods = methods,
                                        .n_methods = n_methods,
                                        .prints_table = self->prints_table};
    int status = cir__experiments_check_distractors(&experiment);
    if (status == CIR__DONE)
        status = cir__taxonomies_open(self->arguments, self->dataset, &self->taxonomies);
    if (status == CIR__DONE)
        status = evaluate_methods(self, methods, n_methods);
    if (status != CIR__DONE)
        return status;
    if (self->prints_table) {
        cir__eval_data_print_gaps(cir_dataset_get_info(self->dataset), &self->gaps);
        cir__taxonomies_print(&self->taxonomies, self->methods);
    }
    status = cir__experiments_sweep(&experiment, self->experiments);
    if (status == CIR__DONE)
        status = cir__experiments_distract(&experiment, self->methods, self->experiments);
    const int written = write_results(self, cir__clock_seconds() - started);
    return status != CIR__DONE ? status : written;
}

/* The index of --as-search and its model, as cir search opens them. */
static int open_searched(const cir__arguments *arguments, cir_pool *pool, cir_collection **searched_out)
{
    cir_collection_options options;
    cir_error err;
    cir_collection_options_init(&options, sizeof options);
    options.model_path = cir__arguments_get(arguments, "model");
    bool is_named = options.model_path != NULL;
    options.open_model = cir__session_open_model_of_index;
    options.open_model_context = &is_named;
    options.pool = pool;
    int status = cir__session_read_precision(arguments, CIR_PRECISION_AUTO, &options.precision);
    if (status == CIR__DONE && cir_collection_open(cir__arguments_get(arguments, "as-search"), &options,
                                                   searched_out, &err) != CIR_OK)
        status = cir__session_fail(&err);
    return status;
}

static int run(const cir__arguments *arguments)
{
    bool has_features = cir__arguments_has(arguments, "features");
    if (cir__arguments_n_operands(arguments) != (has_features ? 0 : 1))
        return cir__arguments_refuse(arguments, "give either one DATASET or --features DIR");
    cir_method methods[CIR_N_METHODS];
    size_t n_methods;
    cir_ap_form ap;
    int status = cir__eval_data_check(arguments);
    if (status == CIR__DONE)
        status = read_methods(arguments, methods, &n_methods);
    if (status == CIR__DONE)
        status = read_ap(arguments, &ap);
    if (status == CIR__DONE)
        status = cir__experiments_check_sweeps(arguments, methods, n_methods);
    if (status == CIR__DONE)
        status = cir__experiments_check_flags(arguments);
    if (status == CIR__DONE)
        status = check_destinations(arguments);
    if (status != CIR__DONE)
        return status;
    const char *json = cir__arguments_get(arguments, "json");
    evaluating self = {.arguments = arguments,
                       .methods = json_array(),
                       .experiments = json_object(),
                       .ap = ap,
                       .prints_table = json == NULL || strcmp(json, "-") != 0};
    double started = cir__clock_seconds();
    const char *as_search = cir__arguments_get(arguments, "as-search");
    cir_model *model = NULL;
    cir_collection *searched = NULL;
    cir_dataset *dataset = NULL;
    status = cir__session_open_pool(arguments, &self.pool);
    if (status == CIR__DONE && as_search != NULL)
        status = open_searched(arguments, self.pool, &searched);
    else if (status == CIR__DONE && !has_features)
        status = cir__session_open_model(arguments, NULL, CIR_PRECISION_F32, &model);
    if (status == CIR__DONE)
        status = cir__eval_data_open(arguments, self.pool, model, searched, &dataset);
    self.dataset = dataset;
    if (status == CIR__DONE) {
        const cir_dataset_info *info = cir_dataset_get_info(dataset);
        char wording[PATH_MAX + 96];
        snprintf(wording, sizeof wording, "%s%s%s", ap == CIR_AP_PAPER ? ", AP in the paper's wording" : "",
                 as_search != NULL ? ", as cir search finds in " : "", as_search != NULL ? as_search : "");
        if (self.prints_table && info->benchmark != NULL)
            cir__eval_data_print_head(info);
        else if (self.prints_table && info->n_domains > 0)
            printf("%s: %zu queries, %zu domains, %zu database images; mAP in %%%s\n\n", info->name,
                   info->n_queries, info->n_domains, info->n_database, wording);
        else if (self.prints_table)
            printf("%s: %zu queries, %zu instances, %zu database images; metrics in %%%s\n\n", info->name,
                   info->n_queries, info->n_instances, info->n_database, wording);
        if (!cir__arguments_has(arguments, "quiet"))
            cir__eval_data_print_remarks(info);
        choose_possible(&self, methods, &n_methods);
        status = measure(&self, methods, n_methods, started);
    }
    json_decref(self.methods);
    json_decref(self.experiments);
    cir__taxonomies_close(&self.taxonomies);
    cir_dataset_close(dataset);
    cir_collection_close(searched);
    cir_model_close(model);
    cir_pool_free(self.pool);
    return status;
}

const cir__command cir__command_eval = {
    .name = "eval",
    .synopsis = "(DATASET | --features DIR) [options]",
    .summary = "measure methods on a data set with known answers",
    .flags = flags,
    .print_tables = cir__method_help_eval,
    .notes =
        "DATASET is a folder in i-CIR's layout (query_files.csv, database_files.csv and the pictures, or WebDataset\n"
        "shards, query/*.tar and database/*.tar). Each query ranks the database of its own instance. mmAP is\n"
        "the i-CIR column of the paper; ± is half the 95 % interval over instances (both ends are in the JSON).\n"
        "Images with equal scores count in any order: metrics are expected values, \"ties\" the worst and the best.\n"
        "cir eval compare tests whether one method is significantly better.\n"
        "\n"
        "With --as-search each query is searched for in INDEX as cir search does by default: the index' features and\n"
        "model, means and minima fitted to all of it, its rows as neighbours. Of the answer, the rows of the query's own\n"
        "database count; photos that the data set does not list are left out.\n"
        "\n"
        "With --benchmark the folder holds FREEDOM's lists, \"path domain class\" separated by spaces:\n"
        "full_files.csv (imagenet_r, where imgnet_targets.txt does too, and ltll), or query_files.csv and\n"
        "database_files.csv (nico, minidn). With --features, database_image.npy has a row for each line of the\n"
        "database's list, query_image.npy (nico, minidn) of the queries', and query_text.npy one for each domain,\n"
        "in this order:\n"
        "  imagenet_r  photo cartoon origami toy sculpture\n"
        "  nico        autumn dimlight grass outdoor rock water\n"
        "  minidn      clipart painting photo sketch\n"
        "  ltll        Today Archive\n"
        "These are the words of the queries; the lists themselves say real (imagenet_r, minidn), dim (nico), New and\n"
        "Old (ltll).\n"
        "AVG is the column of the paper.\n"
        "\n"
        "CIRR, CIRCO and FashionIQ are read from the folders that they are published in:\n"
        "  cirr       captions/, image_splits/, pictures in img_raw/\n"
        "  circo      annotations/, COCO2017_unlabeled/\n"
        "  fashioniq  captions/, image_splits/, pictures in images/\n"
        "With --features, database_image.npy beside these has a row for each image of the split's list (fashioniq:\n"
        "dress, shirt, toptee one after another), and query_text.npy one for each query.\n"
        "\n"
        "Examples:\n"
        "  cir eval icir --model ~/models/clip-vit-large-patch14 --ablation\n"
        "  cir eval data/ltll --benchmark ltll --model ~/models/clip-vit-large-patch14\n"
        "  cir eval CIRR --benchmark cirr --split test --submission out --model ~/models/clip-vit-large-patch14\n"
        "  cir eval --features features/ --method basic,product --set variant=reference --json results.json\n"
        "  cir eval icir --ablation --report icir.html\n"
        "  cir eval icir --as-search icir.cir\n",
    .run = run,
};
