/* Evaluation of one method on one data set, query by query. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "eval/dataset.h"
#include "eval/fit.h"
#include "eval/metrics.h"
#include "eval/statistics.h"
#include "eval/words.h"
#include "method/baseline.h"
#include "method/basic.h"
#include "method/weicom.h"

const size_t cir_recall_at[CIR_N_RECALLS] = {1, 5, 10, 50};

/* One run while it goes. */
typedef struct run {
    const cir_dataset *dataset;
    cir_eval_result *result;
    const cir__fit *fit;     /* of BASIC */
    const cir__words *words; /* of FREEDOM */
    pthread_mutex_t lock;
    size_t failed_query; /* the first that failed; n_queries: none */
    cir_error failure;   /* its error */
} run;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Composed elsewhere: the score is the plain similarity. */
static cir_status external_compose(const cir_dataset *dataset, size_t q, cir_composed *composed_out,
                                   cir_error *err)
{
    const size_t dim = dataset->composed_dim;
    const cir_settings none = {.weight = 0.5};

    return cir__baseline_compose(CIR_METHOD_IMAGE, &none, dim, dataset->query_composed + q * dim, NULL,
                                 composed_out, err);
}

static cir_status compose(const run *job, size_t q, const cir_rows *rows, cir_composed *composed_out,
                          cir_error *err)
{
    const cir_eval_result *const result = job->result;
    const size_t dim = job->dataset->info.dim;
    const float *const image = job->dataset->query_image + q * dim;
    const float *const text = job->dataset->query_text + q * dim;

    if (cir__method_is_baseline(result->method))
        return cir__baseline_compose(result->method, &result->settings, dim, image, text, composed_out, err);
    if (result->method == CIR_METHOD_WEICOM)
        return cir__weicom_compose(&result->settings, rows, NULL, image, text, composed_out, err);
    if (cir__method_is_freedom(result->method))
        return cir__words_compose(job->words, job->dataset, &result->settings, q, composed_out, err);
    if (result->method == CIR_METHOD_EXTERNAL)
        return external_compose(job->dataset, q, composed_out, err);
    return cir__basic_compose(cir__fit_get(job->fit, job->dataset->queries[q].instance), &result->settings,
                              rows, NULL, image, job->fit->material.query_text + q * dim, composed_out, err);
}

/* A ranking's figures. ranks: scratch for as many numbers as there are hits. */
static void judge(const run *job, size_t q, const cir_hit *hits, size_t n_hits, size_t *ranks)
{
    const cir_dataset *const dataset = job->dataset;
    const cir__item *const query = &dataset->queries[q];
    const size_t begin = dataset->instance_begin[query->instance],
                 end = dataset->instance_begin[query->instance + 1];
    size_t n_relevant = 0, n_found = 0;

    for (size_t i = begin; i < end; i++)
        n_relevant += dataset->items[i].text == query->text;
    for (size_t rank = 0; rank < n_hits; rank++)
        if (dataset->items[begin + hits[rank].id].text == query->text)
            ranks[n_found++] = rank;
    cir_eval_result *const result = job->result;
    result->n_relevant[q] = n_relevant;
    result->AP_forms[CIR_AP_TRAPEZOID * result->n_queries + q] = cir__metrics_ap(ranks, n_found, n_relevant);
    result->AP_forms[CIR_AP_PAPER * result->n_queries + q] =
        cir__metrics_ap_paper(ranks, n_found, n_relevant);
    for (size_t k = 0; k < CIR_N_RECALLS; k++) {
        const size_t place = q * CIR_N_RECALLS + k;
        result->query_recalls[place] = cir__metrics_recall(ranks, n_found, n_relevant, cir_recall_at[k]);
        result->query_precisions[place] =
            cir__metrics_precision(ranks, n_found, n_relevant, cir_recall_at[k]);
    }
    for (size_t i = 0; i < CIR_N_TOP; i++)
        result->top[q * CIR_N_TOP + i] = i < n_hits ? dataset->item_rows[begin + hits[i].id] : SIZE_MAX;
}

static cir_status rank_query(const run *job, size_t q, cir_error *err)
{
    const size_t instance = job->dataset->queries[q].instance;
    const cir_rows rows = job->result->method == CIR_METHOD_EXTERNAL
                              ? cir__dataset_get_composed_rows(job->dataset, instance)
                              : cir__dataset_get_rows(job->dataset, instance);
    cir_composed composed = {0};
    cir_hit *hits = cir__new_unset(rows.n_rows, sizeof *hits);
    size_t *ranks = cir__new_unset(rows.n_rows, sizeof *ranks);
    size_t n_hits = 0;
    cir_status status = CIR_OK;

    if (hits == NULL || ranks == NULL) {
        status = cir__fail_memory(err, "a ranking");
        goto exit;
    }
    if (rows.n_rows > 0) {
        status = compose(job, q, &rows, &composed, err);
        if (status == CIR_OK)
            status = cir_search_top(&rows, &composed.query, rows.n_rows, NULL, hits, &n_hits, err);
    }
    if (status == CIR_OK)
        judge(job, q, hits, n_hits, ranks);
exit:
    cir_composed_done(&composed);
    free(hits);
    free(ranks);
    return status;
}

static void rank_task(void *context, size_t i_task, size_t i_thread)
{
    run *const job = context;
    cir_error err;

    (void)i_thread;
    if (rank_query(job, i_task, &err) == CIR_OK)
        return;
    pthread_mutex_lock(&job->lock);
    if (i_task < job->failed_query) {
        job->failed_query = i_task;
        job->failure = err;
    }
    pthread_mutex_unlock(&job->lock);
}

/* Means over queries that do not depend on the form of AP. */
static void summarise(cir_eval_result *result)
{
    for (size_t q = 0; q < result->n_queries; q++)
        for (size_t k = 0; k < CIR_N_RECALLS; k++) {
            const size_t place = q * CIR_N_RECALLS + k;
            result->recall[k] += result->query_recalls[place] * 100.0 / (double)result->n_queries;
            result->precision[k] += result->query_precisions[place] * 100.0 / (double)result->n_queries;
        }
}

const char *cir_ap_form_name(cir_ap_form form)
{
    return form == CIR_AP_PAPER ? "paper" : "trapezoid";
}

cir_status cir_eval_result_set_ap(const cir_dataset *dataset, cir_ap_form form, cir_eval_result *result,
                                  cir_error *err)
{
    const size_t n_queries = result->n_queries;
    const double *const AP = result->AP_forms + form * n_queries;
    size_t *instances = cir__new(n_queries, sizeof *instances);
    cir__groups groups = {0};
    cir_status status;

    cir__error_clear(err);
    if (instances == NULL)
        return cir__fail_memory(err, "an evaluation");
    for (size_t q = 0; q < n_queries; q++)
        instances[q] = dataset->queries[q].instance;
    if ((status = cir__groups_new(AP, instances, n_queries, dataset->info.n_instances, &groups, err)) !=
            CIR_OK ||
        (status = cir__groups_resample(&groups, 0, &result->mAP_interval, &result->mmAP_interval, err)) !=
            CIR_OK)
        goto exit;
    const cir__metrics_means means =
        cir__metrics_average(AP, instances, n_queries, dataset->info.n_instances);
    result->ap = form;
    result->AP = AP;
    result->mAP = means.mAP;
    result->mmAP = means.mmAP;
    result->minmAP = means.minmAP;
exit:
    cir__groups_done(&groups);
    free(instances);
    return status;
}

static bool result_new(cir_eval_result *result)
{
    const size_t n = result->n_queries;
    result->AP_forms = cir__new(n, CIR_N_AP_FORMS * sizeof *result->AP_forms);
    result->query_recalls = cir__new(n, CIR_N_RECALLS * sizeof *result->query_recalls);
    result->query_precisions = cir__new(n, CIR_N_RECALLS * sizeof *result->query_precisions);
    result->n_relevant = cir__new(n, sizeof *result->n_relevant);
    result->top = cir__new(n, CIR_N_TOP * sizeof *result->top);
    return result->AP_forms != NULL && result->query_recalls != NULL && result->query_precisions != NULL &&
           result->n_relevant != NULL && result->top != NULL;
}

cir_status cir_eval_run(const cir_dataset *dataset, cir_method method, const cir_settings *settings,
                        cir_pool *pool, cir_eval_result *result_out, cir_error *err)
{
    const size_t n_queries = dataset->info.n_queries;
    const double begin = seconds_now();
    cir__fit fit = {0};
    cir__words words = {0};
    run job = {.dataset = dataset,
               .result = result_out,
               .fit = &fit,
               .words = &words,
               .lock = PTHREAD_MUTEX_INITIALIZER,
               .failed_query = n_queries};
    cir_status status = CIR_OK;

    cir__error_clear(err);
    *result_out = (cir_eval_result){.method = method, .settings = *settings, .n_queries = n_queries};
    if (!result_new(result_out)) {
        status = cir__fail_memory(err, "an evaluation");
        goto exit;
    }
    status = cir_dataset_check(dataset, method, err);
    if (status == CIR_OK && cir__method_is_freedom(method))
        status = cir__words_new(dataset, settings, pool, &words, err);
    if (status == CIR_OK && cir__method_is_basic(method))
        status = cir__fit_new(dataset, &result_out->settings, pool, &fit, err);
    if (status != CIR_OK)
        goto exit;
    cir__pool_run(pool, n_queries, rank_task, &job);
    if (job.failed_query < n_queries) {
        status = job.failure.status;
        if (err != NULL)
            *err = job.failure;
        goto exit;
    }
    summarise(result_out);
    status = cir_eval_result_set_ap(dataset, CIR_AP_TRAPEZOID, result_out, err);
    result_out->seconds = seconds_now() - begin;
exit:
    cir__fit_done(&fit);
    cir__words_done(&words);
    if (status != CIR_OK)
        cir_eval_result_done(result_out);
    return status;
}

void cir_eval_result_done(cir_eval_result *result)
{
    free(result->AP_forms);
    free(result->query_recalls);
    free(result->query_precisions);
    free(result->n_relevant);
    free(result->top);
    memset(result, 0, sizeof *result);
}
