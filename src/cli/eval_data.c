#include "cli/eval_data.h"

#include <stdio.h>
#include <string.h>

#include "cli/session.h"

static bool is_triplets(const char *benchmark)
{
    return benchmark != NULL && (strcmp(benchmark, "cirr") == 0 || strcmp(benchmark, "circo") == 0 ||
                                 strcmp(benchmark, "fashioniq") == 0);
}

int cir__eval_data_check(const cir__arguments *arguments)
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

static bool watch(void *context, size_t n_done, size_t n_total)
{
    cir__progress_draw(context, n_done, n_total, n_done, NULL);
    return !cir__session_is_interrupted();
}

static cir_status open_features(const char *folder, const char *benchmark,
                                const cir_triplets_options *triplets, cir_dataset **dataset_out,
                                cir_error *err)
{
    if (is_triplets(benchmark))
        return cir_dataset_open_triplet_features(folder, triplets, dataset_out, err);
    return benchmark != NULL ? cir_dataset_open_domain_features(folder, benchmark, dataset_out, err)
                             : cir_dataset_open_features(folder, dataset_out, err);
}

int cir__eval_data_open(const cir__arguments *arguments, cir_pool *pool, const cir_model *model,
                        cir_dataset **dataset_out)
{
    const char *const features = cir__arguments_get(arguments, "features");
    const char *const benchmark = cir__arguments_get(arguments, "benchmark");
    const char *const gallery = cir__arguments_get(arguments, "gallery");
    const cir_triplets_options triplets = {.benchmark = benchmark,
                                           .split = cir__arguments_get(arguments, "split"),
                                           .ranks_used_images =
                                               gallery != NULL && strcmp(gallery, "used") == 0};
    cir_error err;
    cir_status status;

    if (features != NULL)
        status = open_features(features, benchmark, &triplets, dataset_out, &err);
    else {
        const char *folder = cir__arguments_operands(arguments)[0];
        cir__progress progress;
        cir__progress_init(&progress, arguments, "encoding");
        cir__session_catch_interrupts();
        if (is_triplets(benchmark))
            status = cir_dataset_open_triplet_images(folder, &triplets, model, pool, watch, &progress,
                                                     dataset_out, &err);
        else if (benchmark != NULL)
            status = cir_dataset_open_domain_images(folder, benchmark, model, pool, watch, &progress,
                                                    dataset_out, &err);
        else
            status = cir_dataset_open_images(folder, model, pool, watch, &progress, dataset_out, &err);
        cir__progress_clear(&progress);
    }
    return status == CIR_OK ? CIR__DONE : cir__session_fail(&err);
}

void cir__eval_data_print_head(const cir_dataset_info *info)
{
    printf("%s: %s %s, %zu queries, %zu database images; figures in %%\n\n", info->name, info->benchmark,
           info->split, info->n_queries, info->n_database);
}

/* A column is as wide as its name, or as 100.00. */
static int width_of(const cir_figure *figure)
{
    const int width = (int)strlen(figure->name);
    return width > 8 ? width : 8;
}

/* Figures of groups: a line for each group. */
static void print_groups(const cir_eval_result *result, const char *label)
{
    const cir_figure *const figures = result->figures;

    printf("%-20s", label);
    for (size_t i = 0; i < result->n_figures && strcmp(figures[i].group, figures[0].group) == 0; i++)
        printf("  %*s", width_of(&figures[i]), figures[i].name);
    for (size_t i = 0; i < result->n_figures; i++) {
        if (i == 0 || strcmp(figures[i].group, figures[i - 1].group) != 0)
            printf("\n  %-18s", figures[i].group);
        printf("  %*.2f", width_of(&figures[i]), figures[i].value);
    }
    printf("\n\n");
}

/* Figures of the whole: a line for each method. */
static void print_whole(const cir_eval_result *result, const char *label, bool is_first)
{
    const cir_figure *const figures = result->figures;

    if (is_first) {
        printf("%-20s", "method");
        for (size_t i = 0; i < result->n_figures && figures[i].group == NULL; i++)
            printf("  %*s", width_of(&figures[i]), figures[i].name);
        printf("\n");
    }
    printf("%-20s", label);
    for (size_t i = 0; i < result->n_figures && figures[i].group == NULL; i++)
        printf("  %*.2f", width_of(&figures[i]), figures[i].value);
    printf("\n");
}

void cir__eval_data_print(const cir_eval_result *result, const char *label, bool is_first)
{
    if (result->n_figures == 0)
        return;
    if (result->figures[0].group != NULL)
        print_groups(result, label);
    else
        print_whole(result, label, is_first);
    fflush(stdout);
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
        fprintf(stderr, "cir: %s/%s.*: for the server\n", folder, name);
    return CIR__DONE;
}
