#include "cli/eval/eval_data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/eval/tie_text.h"

static bool is_triplets(const char *benchmark)
{
    return benchmark != NULL && (strcmp(benchmark, "cirr") == 0 || strcmp(benchmark, "circo") == 0 ||
                                 strcmp(benchmark, "fashioniq") == 0);
}

/* What only some benchmarks know. */
static int check_benchmark(const cir__arguments *arguments)
{
    const char *const benchmark = cir__arguments_get(arguments, "benchmark");
    const char *const split = cir__arguments_get(arguments, "split");
    const char *const gallery = cir__arguments_get(arguments, "gallery");

    if (is_triplets(benchmark)) {
        if (split != NULL && strcmp(split, "val") != 0 && strcmp(split, "test") != 0)
            return cir__arguments_refuse(arguments, "--split: \"%s\" is neither \"val\" nor \"test\"", split);
        if (gallery != NULL && strcmp(gallery, "split") != 0 && strcmp(gallery, "used") != 0)
            return cir__arguments_refuse(arguments, "--gallery: \"%s\" is neither \"split\" nor \"used\"",
                                         gallery);
        if (gallery != NULL && strcmp(benchmark, "fashioniq") != 0)
            return cir__arguments_refuse(arguments, "--gallery is for --benchmark fashioniq");
        if (cir__arguments_has(arguments, "submission") && strcmp(benchmark, "fashioniq") == 0)
            return cir__arguments_refuse(arguments, "--submission: no server takes fashioniq's");
        if (split != NULL && strcmp(split, "test") == 0 && strcmp(benchmark, "fashioniq") != 0 &&
            !cir__arguments_has(arguments, "submission"))
            return cir__arguments_refuse(
                arguments, "--split test: its answers are kept by its server; give --submission DIR too");
        return CIR__DONE;
    }
    static const char *const flags[] = {"split", "gallery", "submission"};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (cir__arguments_has(arguments, flags[i]))
            return cir__arguments_refuse(arguments, "--%s is for --benchmark cirr, circo and fashioniq",
                                         flags[i]);
    return CIR__DONE;
}

int cir__eval_data_check(const cir__arguments *arguments)
{
    if (cir__arguments_has(arguments, "features") &&
        (cir__arguments_has(arguments, "cache") || cir__arguments_has(arguments, "verify") ||
         cir__arguments_has(arguments, "no-exif-rotation")))
        return cir__arguments_refuse(arguments,
                                     "--cache, --verify and --no-exif-rotation are for data sets of "
                                     "pictures, not --features");
    if (cir__arguments_has(arguments, "as-search") &&
        (cir__arguments_has(arguments, "features") || cir__arguments_has(arguments, "cache") ||
         cir__arguments_has(arguments, "distractors")))
        return cir__arguments_refuse(arguments,
                                     "--as-search takes features and rows from the index: leave out "
                                     "--features, --cache and --distractors");
    return check_benchmark(arguments);
}

static bool watch(void *context, size_t n_done, size_t n_total)
{
    cir__progress_draw(context, n_done, n_total, n_done, NULL);
    return !cir__session_is_interrupted();
}

/* The folder of --cache, or the user's by the XDG Base Directory Specification; NULL: none. free() it. */
static char *cache_folder(const cir__arguments *arguments)
{
    const char *const given = cir__arguments_get(arguments, "cache");
    const char *const xdg = getenv("XDG_CACHE_HOME"), *const home = getenv("HOME");
    char *base = NULL, *folder = NULL;

    if (given != NULL)
        return strcmp(given, "none") == 0 ? NULL : strdup(given);
    if (xdg != NULL && xdg[0] == '/')
        base = strdup(xdg);
    else if (home == NULL || home[0] != '/' || asprintf(&base, "%s/.cache", home) < 0)
        return NULL;
    /* Nobody asked for this one: where it cannot be, there is none. */
    if (base != NULL && ((mkdir(base, 0700) != 0 && errno != EEXIST) || access(base, W_OK) != 0)) {
        free(base);
        return NULL;
    }
    if (base == NULL || asprintf(&folder, "%s/cir", base) < 0)
        folder = NULL;
    free(base);
    return folder;
}

static void print_report(const char *folder, const cir_cache_report *report)
{
    char found[32], encoded[32];

    if (report->problem[0] != '\0')
        fprintf(stderr, "cir: cache: %s\n", report->problem);
    if (report->n_found + report->n_encoded == 0)
        return;
    fprintf(stderr, "cir: cache %s: %s pictures found, %s encoded; %.1f MB (--cache none leaves it out)\n",
            folder, cir__count_text(report->n_found, found), cir__count_text(report->n_encoded, encoded),
            (double)report->size_bytes / 1e6);
}

static void tell_checksum(void *context, const char *path, cir_checksum_state state)
{
    cir__progress_clear(context);
    fputs("cir: ", stderr);
    cir__put_text(stderr, path);
    fprintf(stderr, ": is %s by checksums.sha256\n", cir_checksum_state_name(state));
}

/* Where --verify asks for it: CIR__FAILED, after a line for each, where files are not what was published. */
static int verify(const cir__arguments *arguments, const char *folder, cir_pool *pool)
{
    cir__progress progress;
    size_t n_files, n_bad;
    cir_error err;

    if (!cir__arguments_has(arguments, "verify"))
        return CIR__DONE;
    cir__progress_init(&progress, arguments, "verifying");
    cir__session_catch_interrupts();
    const cir_status status =
        cir_dataset_verify(folder, pool, tell_checksum, &progress, watch, &progress, &n_files, &n_bad, &err);
    cir__progress_clear(&progress);
    if (status != CIR_OK)
        return cir__session_fail(&err);
    if (n_bad > 0)
        fprintf(
            stderr,
            "cir: %s: %zu of %zu files are not what was published; fetch them again, or leave out --verify\n",
            folder, n_bad, n_files);
    else if (!cir__arguments_has(arguments, "quiet"))
        fprintf(stderr, "cir: %s: all %zu files are what was published\n", folder, n_files);
    return n_bad > 0 ? CIR__FAILED : CIR__DONE;
}

static cir_status open_features(const char *folder, const char *benchmark,
                                const cir_dataset_triplets_options *triplets, cir_pool *pool,
                                cir_dataset **dataset_out, cir_error *err)
{
    if (is_triplets(benchmark))
        return cir_dataset_open_triplet_features(folder, triplets, pool, dataset_out, err);
    return benchmark != NULL ? cir_dataset_open_domain_features(folder, benchmark, pool, dataset_out, err)
                             : cir_dataset_open_features(folder, pool, dataset_out, err);
}

static int open_pictures(const cir__arguments *arguments, const cir_dataset_triplets_options *triplets,
                         cir_pool *pool, const cir_model *model, const cir_index *searched,
                         cir_dataset **dataset_out)
{
    const char *const folder = cir__arguments_operands(arguments)[0];
    const char *const benchmark = cir__arguments_get(arguments, "benchmark");
    cir_cache_report report;
    cir__progress progress;
    cir_error err;

    cir_settings settings;
    int verified = cir__session_init_settings(arguments, CIR_METHOD_DEFAULT, NULL, &settings);
    if (verified == CIR__DONE)
        verified = verify(arguments, folder, pool);
    if (verified != CIR__DONE)
        return verified;
    char *const cache = searched == NULL ? cache_folder(arguments) : NULL;
    cir__progress_init(&progress, arguments, "encoding");
    cir__session_catch_interrupts();
    const cir_dataset_images_options options = {.domains = is_triplets(benchmark) ? NULL : benchmark,
                                                .triplets = is_triplets(benchmark) ? triplets : NULL,
                                                .cache = cache,
                                                .is_cache_optional = !cir__arguments_has(arguments, "cache"),
                                                .ignore_exif_rotation =
                                                    cir__arguments_has(arguments, "no-exif-rotation") ||
                                                    settings.variant == CIR_VARIANT_REFERENCE,
                                                .watch = watch,
                                                .context = &progress,
                                                .searched = searched};
    const cir_status status =
        cir_dataset_open_images(folder, &options, model, pool, &report, dataset_out, &err);
    cir__progress_clear(&progress);
    if (cache != NULL && !cir__arguments_has(arguments, "quiet"))
        print_report(cache, &report);
    free(cache);
    return status == CIR_OK ? CIR__DONE : cir__session_fail(&err);
}

int cir__eval_data_open(const cir__arguments *arguments, cir_pool *pool, const cir_model *model,
                        const cir_collection *searched, cir_dataset **dataset_out)
{
    const char *const features = cir__arguments_get(arguments, "features");
    const char *const benchmark = cir__arguments_get(arguments, "benchmark");
    const char *const gallery = cir__arguments_get(arguments, "gallery");
    const cir_dataset_triplets_options triplets = {.benchmark = benchmark,
                                                   .split = cir__arguments_get(arguments, "split"),
                                                   .ranks_used_images =
                                                       gallery != NULL && strcmp(gallery, "used") == 0};
    cir_error err;

    if (searched != NULL) {
        const cir_collection_info *const info = cir_collection_get_info(searched);
        return open_pictures(arguments, &triplets, pool, info->model, info->index, dataset_out);
    }
    if (features == NULL)
        return open_pictures(arguments, &triplets, pool, model, NULL, dataset_out);
    return open_features(features, benchmark, &triplets, pool, dataset_out, &err) == CIR_OK
               ? CIR__DONE
               : cir__session_fail(&err);
}

void cir__eval_data_print_head(const cir_dataset_info *info)
{
    printf("%s: %s %s, %zu queries, %zu database images; metrics in %%\n\n", info->name, info->benchmark,
           info->split, info->n_queries, info->n_database);
}

/* A column is as wide as its name, or as 100.00. */
static int width_of(const cir_metric *metric)
{
    const int width = (int)strlen(metric->name);
    return width > 8 ? width : 8;
}

/* Metrics of groups: a line for each group. */
static void print_groups(const cir_eval_result *result, const char *label)
{
    const cir_metric *const metrics = result->metrics;

    printf("%-20s", label);
    for (size_t i = 0; i < result->n_metrics && strcmp(metrics[i].group, metrics[0].group) == 0; i++)
        printf("  %*s", width_of(&metrics[i]), metrics[i].name);
    for (size_t i = 0; i < result->n_metrics; i++) {
        if (i == 0 || strcmp(metrics[i].group, metrics[i - 1].group) != 0)
            printf("\n  %-18s", metrics[i].group);
        printf("  %*.2f", width_of(&metrics[i]), metrics[i].value);
    }
    printf("\n\n");
}

/* Metrics of the whole: a line for each method. */
static void print_whole(const cir_eval_result *result, const char *label, bool is_first)
{
    const cir_metric *const metrics = result->metrics;

    if (is_first) {
        printf("%-20s", "method");
        for (size_t i = 0; i < result->n_metrics && metrics[i].group == NULL; i++)
            printf("  %*s", width_of(&metrics[i]), metrics[i].name);
        printf("\n");
    }
    printf("%-20s", label);
    for (size_t i = 0; i < result->n_metrics && metrics[i].group == NULL; i++)
        printf("  %*.2f", width_of(&metrics[i]), metrics[i].value);
    printf("\n");
}

/* A line for each metric that equal scores leave open. */
static void print_ties(const cir_eval_result *result)
{
    char name[96];

    for (size_t i = 0; i < result->n_metrics; i++) {
        const cir_metric *const metric = &result->metrics[i];
        if (!(metric->low < metric->high))
            continue;
        snprintf(name, sizeof name, "  %s%s%s", metric->group != NULL ? metric->group : "",
                 metric->group != NULL ? " " : "", metric->name);
        cir__tie_text_print(name, metric->value, metric->low, metric->high, result->n_tied,
                            result->n_queries);
        printf("\n");
    }
}

void cir__eval_data_print(const cir_eval_result *result, const char *label, bool is_first)
{
    if (result->n_metrics == 0)
        return;
    if (result->metrics[0].group != NULL)
        print_groups(result, label);
    else
        print_whole(result, label, is_first);
    print_ties(result);
    fflush(stdout);
}

void cir__eval_data_print_remarks(const cir_dataset_info *info)
{
    for (size_t i = 0; i < info->n_remarks; i++) {
        fputs("cir: ", stderr);
        cir__put_text(stderr, info->remarks[i]);
        fputs("\n", stderr);
    }
}

cir__eval_gaps cir__eval_data_find_gaps(const cir_dataset *dataset, const cir_eval_result *result)
{
    cir__eval_gaps gaps = {0};

    if (!cir_dataset_get_info(dataset)->has_answers)
        return gaps;
    for (size_t q = 0; q < result->n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        gaps.n_without_relevant += result->n_relevant[q] == 0;
        if (query.n_database > 0)
            continue;
        if (gaps.n_without_database++ == 0)
            gaps.instance = query.instance;
    }
    return gaps;
}

void cir__eval_data_print_gaps(const cir_dataset_info *info, const cir__eval_gaps *gaps)
{
    if (gaps->n_without_relevant == 0)
        return;
    printf("\n%zu of %zu queries have nothing relevant to find and count 0", gaps->n_without_relevant,
           info->n_queries);
    if (gaps->n_without_database > 0) {
        printf("; %zu of them, as instance ", gaps->n_without_database);
        cir__put_text(stdout, gaps->instance);
        printf(", %s no database rows", gaps->n_without_database == 1 ? "has" : "have");
    }
    printf("\n");
}

int cir__eval_data_submit(const cir__arguments *arguments, const cir_dataset *dataset,
                          const cir_eval_result *result, const char *name)
{
    const char *const folder = cir__arguments_get(arguments, "submission");
    cir_error err;

    if (folder == NULL)
        return CIR__DONE;
    if (cir_eval_write_submission(dataset, result, folder, name, &err) != CIR_OK)
        return cir__session_fail(&err);
    if (!cir__arguments_has(arguments, "quiet"))
        fprintf(stderr, "cir: %s/%s.*: written for the evaluation server\n", folder, name);
    return CIR__DONE;
}
