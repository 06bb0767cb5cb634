/* A method evaluated for one value of a setting after another. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cir/experiment.h"

/* The settings that can be swept. */
typedef struct swept {
    const char *key;
    bool weighs; /* from the photo alone at 0 to the words alone at 1 */
    const char *const *values;
    size_t n;
} swept;

#define VALUES(name, ...) static const char *const name[] = {__VA_ARGS__}
VALUES(weights, "0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4", "0.45", "0.5", "0.55", "0.6",
       "0.65", "0.7", "0.75", "0.8", "0.85", "0.9", "0.95", "1");
VALUES(lambdas, "0", "0.025", "0.05", "0.075", "0.1", "0.125", "0.15", "0.175", "0.2", "0.225", "0.25");
VALUES(alphas, "0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1");
VALUES(components, "10", "25", "50", "100", "150", "200", "250", "300", "400", "500");

#define SWEPT(key, weighs, values)                                                                           \
    {                                                                                                        \
        key, weighs, values, sizeof(values) / sizeof((values)[0])                                            \
    }
static const swept table[] = {
    SWEPT("weight", true, weights),
    SWEPT("lambda", false, lambdas),
    SWEPT("alpha", false, alphas),
    SWEPT("components", false, components),
};

static const swept *find(const char *key)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].key, key) == 0)
            return &table[i];
    return NULL;
}

static double value_of(const cir_settings *settings, const char *key)
{
    if (strcmp(key, "components") == 0)
        return (double)settings->components;
    return strcmp(key, "weight") == 0   ? settings->weight
           : strcmp(key, "lambda") == 0 ? settings->lambda
                                        : settings->alpha;
}

const char *const *cir_sweep_get_values(const char *key, size_t *n_out)
{
    const swept *const entry = find(key);
    *n_out = entry != NULL ? entry->n : 0;
    return entry != NULL ? entry->values : NULL;
}

bool cir_sweep_applies(const char *key, cir_method method)
{
    return find(key) != NULL && cir_setting_applies(key, method);
}

/* Puts a value into settings and its number into the sweep. */
static cir_status value_set(const char *text, size_t i, cir_settings *settings, cir_sweep *sweep,
                            cir_error *err)
{
    char key_value[128];

    snprintf(key_value, sizeof key_value, "%s=%.100s", sweep->key, text);
    const cir_status status = cir_settings_set(settings, key_value, err);
    if (status != CIR_OK)
        return status;
    sweep->values[i] = value_of(settings, sweep->key);
    if (i > 0 && !(sweep->values[i] > sweep->values[i - 1]))
        return cir__fail(err, CIR_ARGUMENT,
                         "sweep of %s: %.100s is not above the value before; let them ascend", sweep->key,
                         text);
    return CIR_OK;
}

/* All values in one pass. own: [n] settings with their values. */
static cir_status points_fill(const cir_dataset *dataset, const cir_settings *own, cir_ap_form ap,
                              cir_pool *pool, cir_sweep *sweep, cir_error *err)
{
    const size_t n = sweep->n;
    cir_run *runs = cir__new(n, sizeof *runs);
    cir_eval_result *results = cir__new(n, sizeof *results);
    cir_status status = CIR_OK;

    if (runs == NULL || results == NULL) {
        status = cir__fail_memory(err, "a sweep");
        goto exit;
    }
    for (size_t i = 0; i < n; i++)
        runs[i] = (cir_run){.method = sweep->method, .settings = &own[i]};
    status = cir_eval_run_all(dataset, runs, n, pool, results, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        status = cir_eval_result_set_ap(dataset, ap, &results[i], err);
        sweep->mAP[i] = results[i].mAP;
        sweep->mmAP[i] = results[i].mmAP;
        sweep->mAP_low[i] = results[i].mAP_low;
        sweep->mmAP_low[i] = results[i].mmAP_low;
        sweep->mAP_high[i] = results[i].mAP_high;
        sweep->mmAP_high[i] = results[i].mmAP_high;
        sweep->n_tied[i] = results[i].n_tied;
    }
    for (size_t i = 0; results != NULL && i < n; i++)
        cir_eval_result_done(&results[i]);
exit:
    free(runs);
    free(results);
    return status;
}

static double gain(const double *metrics, size_t n)
{
    double peak = metrics[0];
    for (size_t i = 1; i < n; i++)
        peak = fmax(peak, metrics[i]);
    return peak - fmax(metrics[0], metrics[n - 1]);
}

cir_status cir_eval_sweep(const cir_dataset *dataset, cir_method method, const cir_settings *settings,
                          const char *key, const char *const *values, size_t n, cir_ap_form ap,
                          cir_pool *pool, cir_sweep *sweep_out, cir_error *err)
{
    const swept *const entry = find(key);
    cir_settings *own = NULL;
    cir_status status = CIR_OK;

    cir__error_clear(err);
    memset(sweep_out, 0, sizeof *sweep_out);
    if (!cir_sweep_applies(key, method))
        return cir__fail(
            err, CIR_ARGUMENT,
            "sweep of %.100s: method %s does not change with it; sweep weight of sum, product and "
            "weicom, or lambda, alpha and components of basic- and basic",
            key, cir_method_name(method));
    sweep_out->key = entry->key;
    sweep_out->method = method;
    sweep_out->n = n;
    sweep_out->values = cir__new(n, 7 * sizeof *sweep_out->values);
    sweep_out->n_tied = cir__new(n, sizeof *sweep_out->n_tied);
    own = cir__new(n, sizeof *own);
    if (sweep_out->values == NULL || sweep_out->n_tied == NULL || own == NULL) {
        status = cir__fail_memory(err, "a sweep");
        goto exit;
    }
    sweep_out->mAP = sweep_out->values + n;
    sweep_out->mmAP = sweep_out->values + 2 * n;
    sweep_out->mAP_low = sweep_out->values + 3 * n;
    sweep_out->mmAP_low = sweep_out->values + 4 * n;
    sweep_out->mAP_high = sweep_out->values + 5 * n;
    sweep_out->mmAP_high = sweep_out->values + 6 * n;
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        own[i] = *settings;
        status = value_set(values[i], i, &own[i], sweep_out, err);
    }
    if (status == CIR_OK)
        status = points_fill(dataset, own, ap, pool, sweep_out, err);
    if (status != CIR_OK)
        goto exit;
    if (entry->weighs && n > 1 && sweep_out->values[0] <= 0 && sweep_out->values[n - 1] >= 1) {
        sweep_out->has_gain = true;
        sweep_out->mAP_gain = gain(sweep_out->mAP, n);
        sweep_out->mmAP_gain = gain(sweep_out->mmAP, n);
    }
exit:
    free(own);
    if (status != CIR_OK)
        cir_sweep_done(sweep_out);
    return status;
}

void cir_sweep_done(cir_sweep *sweep)
{
    free(sweep->values);
    free(sweep->n_tied);
    memset(sweep, 0, sizeof *sweep);
}
