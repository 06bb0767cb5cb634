/* The metrics of one method: their memory, and what follows from those of all queries. */
#include "eval/run/result.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/statistics.h"
#include "eval/read/domains.h"

size_t cir_recall_at(size_t i)
{
    static const size_t cuts[CIR_N_RECALLS] = {1, 5, 10, 50};
    return i < CIR_N_RECALLS ? cuts[i] : 0;
}

/* Each query's instance, a number below *n_out; free() it. */
static size_t *instances_new(const cir_dataset *dataset, size_t *n_out)
{
    size_t *const instances = cir__new(dataset->info.n_queries, sizeof *instances);

    *n_out = dataset->classes.n > 0 ? dataset->classes.n : dataset->info.n_instances;
    for (size_t q = 0; instances != NULL && q < dataset->info.n_queries; q++)
        instances[q] = cir_dataset_get_query(dataset, q).instance_number;
    return instances;
}

/* Means that do not depend on the form of AP. */
static cir_status means_fill(const cir_dataset *dataset, const float *curves, cir_eval_result *result,
                             cir_error *err)
{
    size_t n_instances;
    size_t *const instances = instances_new(dataset, &n_instances);

    if (instances == NULL)
        return cir__fail_memory(err, "an evaluation");
    const cir_status status =
        cir__curve_average(curves, instances, result->n_queries, n_instances, result->curve, err);
    free(instances);
    for (size_t q = 0; q < result->n_queries; q++)
        for (size_t k = 0; k < CIR_N_RECALLS; k++) {
            const size_t place = q * CIR_N_RECALLS + k;
            result->recall[k] += result->query_recalls[place] * 100.0 / (double)result->n_queries;
            result->precision[k] += result->query_precisions[place] * 100.0 / (double)result->n_queries;
        }
    return status;
}

cir_status cir__result_summarise(const cir_dataset *dataset, const float *curves, cir_eval_result *result,
                                 cir_error *err)
{
    cir_status status = means_fill(dataset, curves, result, err);
    if (status == CIR_OK && dataset->triplets != NULL && dataset->triplets->has_answers)
        status = cir__triplets_summarise(dataset->triplets, result->query_metrics, &result->metrics,
                                         &result->n_metrics, err);
    return status == CIR_OK ? cir_eval_result_set_ap(dataset, CIR_AP_TRAPEZOID, result, err) : status;
}

const char *cir_ap_form_name(cir_ap_form form)
{
    return form == CIR_AP_PAPER ? "paper" : "trapezoid";
}

/* What the means are by the worst and by the best order of equal scores; the form of AP is set. */
static cir_status bounds_fill(const cir_dataset *dataset, const size_t *instances, size_t n_instances,
                              cir_eval_result *result, cir_error *err)
{
    const size_t n = result->n_queries;
    const double *const low = result->AP_bounds + 2 * (size_t)result->ap * n, *const high = low + n;
    const cir__metrics_means least = cir__metrics_average(low, instances, n, n_instances);
    const cir__metrics_means most = cir__metrics_average(high, instances, n, n_instances);

    result->AP_low = low;
    result->AP_high = high;
    result->n_tied = 0;
    for (size_t q = 0; q < n; q++)
        result->n_tied += low[q] < high[q];
    result->mAP_low = least.mAP;
    result->mmAP_low = least.mmAP;
    result->minmAP_low = least.minmAP;
    result->mAP_high = most.mAP;
    result->mmAP_high = most.mmAP;
    result->minmAP_high = most.minmAP;
    if (dataset->n_domains == 0)
        return CIR_OK;
    double *const scratch = cir__new(dataset->n_domains * (dataset->n_domains + 1), sizeof *scratch);
    if (scratch == NULL)
        return cir__fail_memory(err, "an evaluation");
    double *const sources = scratch + dataset->n_domains * dataset->n_domains;
    cir__domains_average(dataset, low, scratch, sources, &result->average_low);
    cir__domains_average(dataset, high, scratch, sources, &result->average_high);
    free(scratch);
    return CIR_OK;
}

cir_status cir_eval_result_set_ap(const cir_dataset *dataset, cir_ap_form form, cir_eval_result *result,
                                  cir_error *err)
{
    const size_t n_queries = result->n_queries;
    const double *const AP = result->AP_forms + form * n_queries;
    size_t n_instances;
    size_t *instances = instances_new(dataset, &n_instances);
    cir__groups groups = {0};
    cir_status status;

    cir__error_clear(err);
    if (instances == NULL)
        return cir__fail_memory(err, "an evaluation");
    if (result->AP == AP) { /* nothing changes */
        free(instances);
        return CIR_OK;
    }
    if ((status = cir__groups_new(AP, instances, n_queries, n_instances, &groups, err)) != CIR_OK ||
        (status = cir__groups_resample(&groups, 0, &result->mAP_interval, &result->mmAP_interval, err)) !=
            CIR_OK)
        goto exit;
    const cir__metrics_means means = cir__metrics_average(AP, instances, n_queries, n_instances);
    result->ap = form;
    result->n_instances = groups.n;
    result->AP = AP;
    result->mAP = means.mAP;
    result->mmAP = means.mmAP;
    result->minmAP = means.minmAP;
    status = bounds_fill(dataset, instances, n_instances, result, err);
    if (dataset->n_domains > 0)
        cir__domains_average(dataset, AP, result->pairs, result->sources, &result->average);
exit:
    cir__groups_done(&groups);
    free(instances);
    return status;
}

bool cir__result_new(const cir_dataset *dataset, cir_eval_result *result)
{
    const size_t n = result->n_queries, n_domains = dataset->n_domains;
    result->AP_forms = cir__new(n, CIR_N_AP_FORMS * sizeof *result->AP_forms);
    result->AP_bounds = cir__new(n, CIR_N_AP_FORMS * 2 * sizeof *result->AP_bounds);
    result->query_recalls = cir__new(n, CIR_N_RECALLS * sizeof *result->query_recalls);
    result->query_precisions = cir__new(n, CIR_N_RECALLS * sizeof *result->query_precisions);
    result->n_relevant = cir__new(n, sizeof *result->n_relevant);
    result->top = cir__new(n, CIR_N_TOP * sizeof *result->top);
    if (n_domains > 0) {
        result->pairs = cir__new(n_domains * (n_domains + 1), sizeof *result->pairs);
        if (result->pairs == NULL)
            return false;
        result->sources = result->pairs + n_domains * n_domains;
    }
    if (dataset->triplets != NULL) {
        result->query_metrics =
            cir__new(n, 3 * dataset->triplets->set->n_measures * sizeof *result->query_metrics);
        result->best = cir__new(n, CIR_N_BEST * sizeof *result->best);
        result->best_members = cir__new(n, CIR_N_BEST_MEMBERS * sizeof *result->best_members);
        if (result->query_metrics == NULL || result->best == NULL || result->best_members == NULL)
            return false;
    }
    return result->AP_forms != NULL && result->AP_bounds != NULL && result->query_recalls != NULL &&
           result->query_precisions != NULL && result->n_relevant != NULL && result->top != NULL;
}

void cir_eval_result_done(cir_eval_result *result)
{
    free(result->AP_forms);
    free(result->AP_bounds);
    free(result->query_recalls);
    free(result->query_precisions);
    free(result->n_relevant);
    free(result->top);
    free(result->pairs);
    free(result->metrics);
    free(result->query_metrics);
    free(result->best);
    free(result->best_members);
    memset(result, 0, sizeof *result);
}
