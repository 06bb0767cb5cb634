/* cir eval --distractors. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/common/terminal_text.h"
#include "cli/eval/experiments.h"
#include "cli/eval/tie_text.h"

/* --pool-sizes "1000,2000" into sizes [CIR_N_POOLS]. */
static int read_sizes(const cir__arguments *arguments, size_t *sizes, size_t *n_out)
{
    const char *next = cir__arguments_get(arguments, "pool-sizes");
    *n_out = 0;
    while (next != NULL) {
        char *end = NULL;
        errno = 0;
        const unsigned long long size = strtoull(next, &end, 10);
        if (*next < '0' || *next > '9' || errno != 0 || (*end != ',' && *end != '\0') || size > SIZE_MAX)
            return cir__arguments_refuse(
                arguments, "--pool-sizes: \"%s\" is not a list of whole numbers with commas", next);
        if (*n_out == CIR_N_POOLS)
            return cir__arguments_refuse(arguments, "--pool-sizes: more than %d", CIR_N_POOLS);
        sizes[(*n_out)++] = (size_t)size;
        next = *end == ',' ? end + 1 : NULL;
    }
    return CIR__DONE;
}

static bool watch(void *context, size_t n_done, size_t n_total)
{
    cir__progress_draw(context, n_done, n_total, n_done, NULL);
    return !cir__session_is_interrupted();
}

/* Everything that the flags say. sizes: [CIR_N_POOLS], which options lend. */
static int read_options(const cir__arguments *arguments, cir_ap_form ap, size_t *sizes,
                        cir_distract_options *out)
{
    cir_settings settings;
    size_t mebibytes = 0;
    *out = (cir_distract_options){
        .pool_path = cir__arguments_get(arguments, "distractors"), .sizes = sizes, .ap = ap};
    if (!cir__arguments_count(arguments, "memory", 1, SIZE_MAX >> 20, &mebibytes))
        return CIR__USAGE;
    out->max_memory_bytes = mebibytes << 20;
    int status = read_sizes(arguments, sizes, &out->n_sizes);
    if (status == CIR__DONE)
        status = cir__session_init_settings(arguments, CIR_METHOD_DEFAULT, NULL, &settings);
    if (status == CIR__DONE)
        out->seed = settings.seed;
    return status;
}

/* The methods that can be ranked against a pool, with their settings and plain metrics [n_methods]. plain:
 * NULL before there are any; says then which methods are left out. Fails where they were asked for by name,
 * or none is left. */
static int choose(const cir__experiment *experiment, const json_t *plain, cir_settings *settings,
                  cir_distracted *methods, size_t *n_out)
{
    const char *given = cir__arguments_get(experiment->arguments, "method");
    const bool are_named = given != NULL && strcmp(given, "all") != 0;
    cir_error err;
    *n_out = 0;
    for (size_t i = 0; i < experiment->n_methods; i++) {
        cir_distracted *const method = &methods[*n_out];
        *method = (cir_distracted){.method = experiment->methods[i], .settings = &settings[*n_out]};
        const int status = cir__session_init_settings(experiment->arguments, experiment->methods[i], NULL,
                                                      &settings[*n_out]);
        if (status != CIR__DONE)
            return status;
        if (cir_eval_check_distract(experiment->dataset, method->method, method->settings, &err) != CIR_OK) {
            if (are_named)
                return cir__session_fail(&err);
            if (plain == NULL && !cir__arguments_has(experiment->arguments, "quiet"))
                fprintf(stderr, "cir: no distractors for %s: %s\n", cir_method_name(method->method),
                        err.message);
            continue;
        }
        const json_t *metrics = json_array_get(plain, i); /* methods come first, in their order */
        method->hard_mAP = json_number_value(json_object_get(metrics, "mAP"));
        method->hard_mmAP = json_number_value(json_object_get(metrics, "mmAP"));
        ++*n_out;
    }
    return *n_out > 0 ? CIR__DONE : cir__session_fail(&err);
}

int cir__experiments_check_flags(const cir__arguments *arguments)
{
    static const char *const files[] = {"distractors", "categories"};
    cir_distract_options options;
    size_t sizes[CIR_N_POOLS];
    const char *path;
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++)
        for (size_t i = 0; (path = cir__arguments_next(arguments, files[f], &i)) != NULL;)
            if (access(path, R_OK) != 0) {
                fprintf(stderr, "cir: %s: cannot be read: %s; name a file\n", path, strerror(errno));
                return CIR__FAILED;
            }
    if (cir__arguments_has(arguments, "distractors"))
        return read_options(arguments, CIR_AP_TRAPEZOID, sizes, &options);
    if (cir__arguments_has(arguments, "pool-sizes") || cir__arguments_has(arguments, "memory"))
        return cir__arguments_refuse(arguments, "--pool-sizes and --memory are for --distractors");
    return CIR__DONE;
}

/* What --distractors asks for; lends itself to options and methods. */
typedef struct wanted {
    cir_distract_options options;
    size_t sizes[CIR_N_POOLS];
    cir_settings settings[CIR_N_METHODS];
    cir_distracted methods[CIR_N_METHODS];
    size_t n_methods;
} wanted;

/* plain: as choose has it. free() it; NULL after a message, with the exit status. */
static wanted *wanted_new(const cir__experiment *experiment, const json_t *plain, int *status_out)
{
    wanted *self = calloc(1, sizeof *self);
    if (self == NULL) {
        fprintf(stderr, "cir: out of memory\n");
        *status_out = CIR__FAILED;
        return NULL;
    }
    *status_out = read_options(experiment->arguments, experiment->ap, self->sizes, &self->options);
    if (*status_out == CIR__DONE)
        *status_out = choose(experiment, plain, self->settings, self->methods, &self->n_methods);
    if (*status_out == CIR__DONE)
        return self;
    free(self);
    return NULL;
}

int cir__experiments_check_distractors(const cir__experiment *experiment)
{
    int status = CIR__DONE;
    cir_error err;
    if (!cir__arguments_has(experiment->arguments, "distractors"))
        return CIR__DONE;
    wanted *self = wanted_new(experiment, NULL, &status);
    if (self != NULL && cir_eval_check_distract_pool(experiment->dataset, &self->options, &err) != CIR_OK)
        status = cir__session_fail(&err);
    free(self);
    return status;
}

/* ---- results ---- */

static json_t *numbers_json(const double *numbers, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_real(numbers[i]));
    return array;
}

static const char *const crossing_keys[] = {
    [CIR_CROSSING_AT] = "at", [CIR_CROSSING_BEYOND] = "beyond", [CIR_CROSSING_BELOW] = "below"};

static json_t *crossing_json(const cir_crossing *crossing)
{
    return json_pack("{s:f}", crossing_keys[crossing->kind], crossing->n);
}

/* What ties with the pool leave open, where they matter to some query. */
static void ties_json(json_t *object, const cir_distracted *method, size_t n_sizes)
{
    json_t *n_tied = json_array();
    size_t n = 0;
    for (size_t k = 0; k < n_sizes; k++) {
        n += method->n_tied[k];
        json_array_append_new(n_tied, json_integer((json_int_t)method->n_tied[k]));
    }
    json_t *members = json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "n_tied", n_tied, "mAP_low", numbers_json(method->mAP_low, n_sizes),
        "mAP_high", numbers_json(method->mAP_high, n_sizes), "mmAP_low",
        numbers_json(method->mmAP_low, n_sizes), "mmAP_high", numbers_json(method->mmAP_high, n_sizes));
    if (n > 0)
        json_object_update(object, members);
    json_decref(members);
}

static json_t *distraction_json(const char *path, const cir_distraction *pool, const cir_distracted *methods,
                                size_t n_methods)
{
    json_t *sizes = json_array(), *list = json_array();
    for (size_t k = 0; k < pool->n_sizes; k++)
        json_array_append_new(sizes, json_integer((json_int_t)pool->sizes[k]));
    for (size_t i = 0; i < n_methods; i++) {
        const cir_distracted *const method = &methods[i];
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:{s:f, s:f}, s:{s:o, s:o}}", "method",
                                              cir_method_name(method->method), "mAP",
                                              numbers_json(method->mAP, pool->n_sizes), "mmAP",
                                              numbers_json(method->mmAP, pool->n_sizes), "hard_negatives",
                                              "mAP", method->hard_mAP, "mmAP", method->hard_mmAP, "crossing",
                                              "mAP", crossing_json(&method->mAP_crossing), "mmAP",
                                              crossing_json(&method->mmAP_crossing)));
        ties_json(json_array_get(list, i), method, pool->n_sizes);
    }
    return json_pack("{s:o, s:I, s:o, s:o}", "pool", cir__json_text(path), "n", (json_int_t)pool->n_pool,
                     "sizes", sizes, "methods", list);
}

/* mmAP: a row for each size, a column for each method. */
static void print_distraction(const char *path, const cir_distraction *pool, const cir_distracted *methods,
                              size_t n, size_t n_queries)
{
    static const char *const signs[] = {
        [CIR_CROSSING_AT] = "", [CIR_CROSSING_BEYOND] = ">", [CIR_CROSSING_BELOW] = "<"};
    char count[32];
    char *shown = cir__terminal_text_new(path);
    printf("\npositives against %s\n%-20s", shown != NULL ? shown : "", "distractors");
    free(shown);
    for (size_t m = 0; m < n; m++)
        printf(" %11s", cir_method_name(methods[m].method));
    printf("   mmAP\n");
    for (size_t k = 0; k < pool->n_sizes; k++) {
        printf("%-20s", cir__count_text(pool->sizes[k], count));
        for (size_t m = 0; m < n; m++)
            printf(" %11.2f", methods[m].mmAP[k]);
        printf("\n");
    }
    printf("%-20s", "hard negatives");
    for (size_t m = 0; m < n; m++)
        printf(" %11.2f", methods[m].hard_mmAP);
    printf("\n%-20s", "equal at");
    for (size_t m = 0; m < n; m++) {
        const cir_crossing *const crossing = &methods[m].mmAP_crossing;
        char text[40];
        snprintf(text, sizeof text, "%s%s", signs[crossing->kind],
                 cir__count_text((size_t)(crossing->n + 0.5), count));
        printf(" %11s", text);
    }
    printf("\n");
    for (size_t m = 0; m < n; m++)
        for (size_t k = 0; k < pool->n_sizes; k++) {
            char name[96];
            if (methods[m].n_tied[k] == 0)
                continue;
            snprintf(name, sizeof name, "  %s against %s: mmAP", cir_method_name(methods[m].method),
                     cir__count_text(pool->sizes[k], count));
            cir__tie_text_print(name, methods[m].mmAP[k], methods[m].mmAP_low[k], methods[m].mmAP_high[k],
                                methods[m].n_tied[k], n_queries);
            printf("\n");
        }
    fflush(stdout);
}

int cir__experiments_distract(const cir__experiment *experiment, const json_t *plain, json_t *results)
{
    int status = CIR__DONE;
    cir_distraction pool;
    cir_error err;
    cir__progress progress;
    if (!cir__arguments_has(experiment->arguments, "distractors"))
        return CIR__DONE;
    wanted *self = wanted_new(experiment, plain, &status);
    if (self == NULL)
        return status;
    cir__progress_init(&progress, experiment->arguments, "reading distractors");
    cir__session_catch_interrupts();
    self->options.watch = watch;
    self->options.watch_context = &progress;
    const bool is_done = cir_eval_distract(experiment->dataset, &self->options, self->methods,
                                           self->n_methods, experiment->pool, &pool, &err) == CIR_OK;
    cir__progress_clear(&progress);
    if (is_done) {
        const char *path = self->options.pool_path;
        if (experiment->prints_table)
            print_distraction(path, &pool, self->methods, self->n_methods,
                              cir_dataset_get_info(experiment->dataset)->n_queries);
        json_object_set_new(results, "distractors",
                            distraction_json(path, &pool, self->methods, self->n_methods));
    }
    free(self);
    return is_done ? CIR__DONE : cir__session_fail(&err);
}
