/* Evaluation of one method on one data set, query by query. */
#include <pthread.h>
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
#include "method/baseline.h"
#include "method/basic.h"

const size_t cir_recall_at[CIR_N_RECALLS] = {1, 5, 10, 50};

/* One run while it goes. */
typedef struct run {
    const cir_dataset *dataset;
    cir_eval_result *result;
    const cir__fit *fit;
    double *recalls; /* [n_queries, CIR_N_RECALLS] */
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

static cir_status compose(const run *job, size_t q, const cir_rows *rows, cir_composed *composed_out,
                          cir_error *err)
{
    const cir_eval_result *const result = job->result;
    const size_t dim = job->dataset->info.dim;
    const float *const image = job->dataset->query_image + q * dim;

    if (cir__method_is_baseline(result->method))
        return cir__baseline_compose(result->method, &result->settings, dim, image,
                                     job->dataset->query_text + q * dim, composed_out, err);
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
    job->result->AP[q] = cir__metrics_ap(ranks, n_found, n_relevant);
    for (size_t k = 0; k < CIR_N_RECALLS; k++)
        job->recalls[q * CIR_N_RECALLS + k] =
            cir__metrics_recall(ranks, n_found, n_relevant, cir_recall_at[k]);
    for (size_t i = 0; i < CIR_N_TOP; i++)
        job->result->top[q * CIR_N_TOP + i] = i < n_hits ? dataset->item_rows[begin + hits[i].id] : SIZE_MAX;
}

static cir_status rank_query(const run *job, size_t q, cir_error *err)
{
    const cir_rows rows = cir__dataset_get_rows(job->dataset, job->dataset->queries[q].instance);
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

/* Means of the queries' figures into the result. */
static cir_status summarise(const run *job, cir_error *err)
{
    const size_t n_queries = job->dataset->info.n_queries;
    cir_eval_result *const result = job->result;
    size_t *instances = cir__new(n_queries, sizeof *instances);

    if (instances == NULL)
        return cir__fail_memory(err, "an evaluation");
    for (size_t q = 0; q < n_queries; q++) {
        instances[q] = job->dataset->queries[q].instance;
        for (size_t k = 0; k < CIR_N_RECALLS; k++)
            result->recall[k] += job->recalls[q * CIR_N_RECALLS + k] * 100.0 / (double)n_queries;
    }
    const cir__metrics_means means =
        cir__metrics_average(result->AP, instances, n_queries, job->dataset->info.n_instances);
    result->mAP = means.mAP;
    result->mmAP = means.mmAP;
    result->minmAP = means.minmAP;
    free(instances);
    return CIR_OK;
}

cir_status cir_eval_run(const cir_dataset *dataset, cir_method method, const cir_settings *settings,
                        cir_pool *pool, cir_eval_result *result_out, cir_error *err)
{
    const size_t n_queries = dataset->info.n_queries;
    const double begin = seconds_now();
    cir__fit fit = {0};
    run job = {.dataset = dataset,
               .result = result_out,
               .fit = &fit,
               .lock = PTHREAD_MUTEX_INITIALIZER,
               .failed_query = n_queries};
    cir_status status = CIR_OK;

    cir__error_clear(err);
    *result_out = (cir_eval_result){.method = method, .settings = *settings, .n_queries = n_queries};
    result_out->AP = cir__new(n_queries, sizeof *result_out->AP);
    result_out->top = cir__new(n_queries, CIR_N_TOP * sizeof *result_out->top);
    job.recalls = cir__new(n_queries, CIR_N_RECALLS * sizeof *job.recalls);
    if (result_out->AP == NULL || result_out->top == NULL || job.recalls == NULL) {
        status = cir__fail_memory(err, "an evaluation");
        goto exit;
    }
    if (!cir__method_is_baseline(method))
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
    status = summarise(&job, err);
    result_out->seconds = seconds_now() - begin;
exit:
    cir__fit_done(&fit);
    free(job.recalls);
    if (status != CIR_OK)
        cir_eval_result_done(result_out);
    return status;
}

void cir_eval_result_done(cir_eval_result *result)
{
    free(result->AP);
    free(result->top);
    memset(result, 0, sizeof *result);
}
