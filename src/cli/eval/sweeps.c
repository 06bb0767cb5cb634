/* cir eval --sweep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/session.h"
#include "cli/eval/experiments.h"
#include "cli/eval/tie_text.h"

enum { MAX_VALUES = 200 };

/* One --sweep, taken apart. */
typedef struct sweep_given {
    char text[2048]; /* that key and values point into */
    const char *key;
    const char *given[MAX_VALUES]; /* those of the command line */
    const char *const *values;     /* those, or the usual ones */
    size_t n;
} sweep_given;

/* "lambda" or "lambda=0,0.1,0.2". */
static int sweep_read(const cir__arguments *arguments, const char *text, sweep_given *out)
{
    if (strlen(text) >= sizeof out->text)
        return cir__arguments_refuse(arguments, "--sweep: the list is too long");
    strcpy(out->text, text);
    char *equals = strchr(out->text, '=');
    if (equals != NULL)
        *equals = '\0';
    out->key = out->text;
    out->values = cir_sweep_get_values(out->key, &out->n);
    if (out->values == NULL)
        return cir__arguments_refuse(
            arguments, "--sweep: \"%s\" is not one of weight, lambda, alpha and components", out->key);
    if (equals == NULL)
        return CIR__DONE;
    char *rest = NULL;
    out->n = 0;
    out->values = out->given;
    for (char *value = strtok_r(equals + 1, ",", &rest); value != NULL; value = strtok_r(NULL, ",", &rest)) {
        cir_settings settings;
        char key_value[2100];
        cir_error err;
        if (out->n == MAX_VALUES)
            return cir__arguments_refuse(arguments, "--sweep: more than %d values", MAX_VALUES);
        cir_settings_init(&settings, sizeof settings, CIR_METHOD_DEFAULT);
        snprintf(key_value, sizeof key_value, "%s=%s", out->key, value);
        if (cir_settings_set(&settings, key_value, &err) != CIR_OK)
            return cir__arguments_refuse(arguments, "--sweep: %s", err.message);
        if (out->n > 0 && strtod(value, NULL) <= strtod(out->given[out->n - 1], NULL))
            return cir__arguments_refuse(arguments,
                                         "--sweep: %s does not lie above %s; let the values ascend", value,
                                         out->given[out->n - 1]);
        out->given[out->n++] = value;
    }
    if (out->n < 2)
        return cir__arguments_refuse(arguments, "--sweep: \"%s\" names fewer than two values", text);
    return CIR__DONE;
}

/* Whether an earlier --sweep is of the same setting. */
static bool is_repeated(const cir__arguments *arguments, const char *text)
{
    const size_t n_key = strcspn(text, "=");
    const char *before;
    for (size_t i = 0; (before = cir__arguments_next(arguments, "sweep", &i)) != text;)
        if (strcspn(before, "=") == n_key && memcmp(before, text, n_key) == 0)
            return true;
    return false;
}

int cir__experiments_check_sweeps(const cir__arguments *arguments, const cir_method *methods,
                                  size_t n_methods)
{
    sweep_given sweep;
    const char *text;
    for (size_t i = 0; (text = cir__arguments_next(arguments, "sweep", &i)) != NULL;) {
        const int status = sweep_read(arguments, text, &sweep);
        bool applies = false;
        for (size_t m = 0; m < n_methods; m++)
            applies = applies || cir_sweep_applies(sweep.key, methods[m]);
        if (status != CIR__DONE)
            return status;
        if (is_repeated(arguments, text))
            return cir__arguments_refuse(arguments, "--sweep: %s is there twice; give one list of values",
                                         sweep.key);
        if (!applies)
            return cir__arguments_refuse(
                arguments, "--sweep: %s changes none of the methods; add %s to --method", sweep.key,
                strcmp(sweep.key, "weight") == 0 ? "sum, product or weicom" : "basic- or basic");
    }
    return CIR__DONE;
}

static json_t *numbers_json(const double *numbers, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_real(numbers[i]));
    return array;
}

static bool has_ties(const cir_sweep *sweep)
{
    for (size_t i = 0; i < sweep->n; i++)
        if (sweep->n_tied[i] > 0)
            return true;
    return false;
}

static json_t *sweep_json(const cir_sweep *sweep)
{
    json_t *object =
        json_pack("{s:s, s:s, s:o, s:o, s:o}", "setting", sweep->key, "method",
                  cir_method_name(sweep->method), "values", numbers_json(sweep->values, sweep->n), "mAP",
                  numbers_json(sweep->mAP, sweep->n), "mmAP", numbers_json(sweep->mmAP, sweep->n));
    if (has_ties(sweep)) {
        json_t *n_tied = json_array();
        for (size_t i = 0; i < sweep->n; i++)
            json_array_append_new(n_tied, json_integer((json_int_t)sweep->n_tied[i]));
        json_object_set_new(object, "n_tied", n_tied);
        json_object_set_new(object, "mAP_low", numbers_json(sweep->mAP_low, sweep->n));
        json_object_set_new(object, "mAP_high", numbers_json(sweep->mAP_high, sweep->n));
        json_object_set_new(object, "mmAP_low", numbers_json(sweep->mmAP_low, sweep->n));
        json_object_set_new(object, "mmAP_high", numbers_json(sweep->mmAP_high, sweep->n));
    }
    if (sweep->has_gain)
        json_object_set_new(object, "gain",
                            json_pack("{s:f, s:f}", "mAP", sweep->mAP_gain, "mmAP", sweep->mmAP_gain));
    return object;
}

/* What equal scores leave open: a line for each value that they matter to. */
static void print_ties(const cir_sweep *sweep, size_t n_queries)
{
    char name[64];
    for (size_t i = 0; i < sweep->n; i++) {
        if (sweep->n_tied[i] == 0)
            continue;
        snprintf(name, sizeof name, "  %s at %g: mmAP", cir_method_name(sweep->method), sweep->values[i]);
        cir__tie_text_print(name, sweep->mmAP[i], sweep->mmAP_low[i], sweep->mmAP_high[i], sweep->n_tied[i],
                            n_queries);
        printf("\n");
    }
}

/* mmAP: a row for each value, a column for each method. */
static void print_sweeps(const cir_sweep *sweeps, size_t n, size_t n_queries)
{
    printf("\nsweep of %-11s", sweeps[0].key);
    for (size_t m = 0; m < n; m++)
        printf(" %9s", cir_method_name(sweeps[m].method));
    printf("   mmAP\n");
    for (size_t i = 0; i < sweeps[0].n; i++) {
        printf("%-20g", sweeps[0].values[i]);
        for (size_t m = 0; m < n; m++)
            printf(" %9.2f", sweeps[m].mmAP[i]);
        printf("\n");
    }
    if (sweeps[0].has_gain) {
        printf("%-20s", "composition gain");
        for (size_t m = 0; m < n; m++)
            printf(" %+9.2f", sweeps[m].mmAP_gain);
        printf("\n");
    }
    for (size_t m = 0; m < n; m++)
        print_ties(&sweeps[m], n_queries);
    fflush(stdout);
}

/* One setting, all methods that it changes. */
static int sweep_all(const cir__experiment *experiment, const sweep_given *given, json_t *out)
{
    cir_sweep sweeps[CIR_N_METHODS];
    cir_settings settings;
    cir_error err;
    size_t n = 0;
    int status = CIR__DONE;
    for (size_t m = 0; m < experiment->n_methods && status == CIR__DONE && n < CIR_N_METHODS; m++) {
        const cir_method method = experiment->methods[m];
        if (!cir_sweep_applies(given->key, method))
            continue;
        status = cir__session_init_settings(experiment->arguments, method, NULL, &settings);
        if (status != CIR__DONE)
            break;
        if (cir_eval_sweep(experiment->dataset, method, &settings, given->key, given->values, given->n,
                           experiment->ap, experiment->pool, &sweeps[n], &err) != CIR_OK)
            status = cir__session_fail(&err);
        else
            json_array_append_new(out, sweep_json(&sweeps[n++]));
    }
    if (status == CIR__DONE && n > 0 && experiment->prints_table)
        print_sweeps(sweeps, n, cir_dataset_get_info(experiment->dataset)->n_queries);
    while (n > 0)
        cir_sweep_done(&sweeps[--n]);
    return status;
}

int cir__experiments_sweep(const cir__experiment *experiment, json_t *results)
{
    sweep_given given;
    const char *text;
    int status = CIR__DONE;
    if (!cir__arguments_has(experiment->arguments, "sweep"))
        return CIR__DONE;
    json_t *sweeps = json_array();
    for (size_t i = 0;
         status == CIR__DONE && (text = cir__arguments_next(experiment->arguments, "sweep", &i)) != NULL;) {
        status = sweep_read(experiment->arguments, text, &given);
        if (status == CIR__DONE)
            status = sweep_all(experiment, &given, sweeps);
    }
    json_object_set_new(results, "sweeps", sweeps);
    return status;
}
