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
#include "eval/compose.h"
#include "eval/curve.h"
#include "eval/dataset.h"
#include "eval/domains.h"
#include "eval/metrics.h"
#include "eval/prompt.h"
#include "eval/score.h"
#include "eval/statistics.h"

const size_t cir_recall_at[CIR_N_RECALLS] = {1, 5, 10, 50};

/* Queries that are ranked together share one matrix product. */
#define BATCH_QUERIES 64

/* One run while it goes. */
typedef struct run {
    const cir_dataset *dataset;
    cir_eval_result *result;
    const cir__composing *composing;
    float *curves; /* [n_queries, CIR_N_CURVE] */
    pthread_mutex_t lock;
    size_t *batch_begin; /* [n_batches + 1] */
    size_t n_batches;
    size_t failed_batch; /* the first that failed; SIZE_MAX: none */
    cir_error failure;   /* its error */
} run;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* What ranking one batch of queries takes. */
typedef struct batch {
    size_t begin, end; /* queries */
    cir_rows rows;
    cir_composed composed[BATCH_QUERIES];
    cir__scores scores;
    size_t *relevant, *ranks; /* [n_rows] scratch */
} batch;

/* A query's figures from its scores. */
static void judge(const run *job, batch *self, size_t q)
{
    const cir_dataset *const dataset = job->dataset;
    const cir__item *const query = &dataset->queries[q];
    const size_t first = dataset->instance_begin[query->instance], n = self->rows.n_rows;
    size_t n_relevant = 0, n_top = 0;
    size_t *const ranks = self->ranks;
    cir_hit top[CIR_N_TOP];

    if (n > 0) {
        const size_t i = q - self->begin;
        const float *scores = cir__scores_get(&self->scores, &self->composed[i], i, CIR_N_TOP, top, &n_top);
        for (size_t r = 0; r < n; r++)
            if (dataset->items[first + r].label == query->label)
                self->relevant[n_relevant++] = r;
        cir__scores_rank(scores, n, self->relevant, n_relevant, ranks);
    }
    cir_eval_result *const result = job->result;
    result->n_relevant[q] = n_relevant;
    cir__curve_fill(ranks, n_relevant, job->curves + q * CIR_N_CURVE);
    result->AP_forms[CIR_AP_TRAPEZOID * result->n_queries + q] =
        cir__metrics_ap(ranks, n_relevant, n_relevant);
    result->AP_forms[CIR_AP_PAPER * result->n_queries + q] =
        cir__metrics_ap_paper(ranks, n_relevant, n_relevant);
    for (size_t k = 0; k < CIR_N_RECALLS; k++) {
        const size_t place = q * CIR_N_RECALLS + k;
        result->query_recalls[place] = cir__metrics_recall(ranks, n_relevant, n_relevant, cir_recall_at[k]);
        result->query_precisions[place] =
            cir__metrics_precision(ranks, n_relevant, n_relevant, cir_recall_at[k]);
    }
    for (size_t i = 0; i < CIR_N_TOP; i++)
        result->top[q * CIR_N_TOP + i] = i < n_top ? dataset->item_rows[first + top[i].id] : SIZE_MAX;
}

static cir_status rank_batch(const run *job, size_t begin, size_t end, cir_error *err)
{
    const size_t instance = job->dataset->queries[begin].instance;
    batch self = {.begin = begin,
                  .end = end,
                  .rows = job->result->method == CIR_METHOD_EXTERNAL
                              ? cir__dataset_get_composed_rows(job->dataset, instance)
                              : cir__dataset_get_rows(job->dataset, instance)};
    cir_status status = CIR_OK;

    self.relevant = cir__new_unset(self.rows.n_rows, sizeof *self.relevant);
    self.ranks = cir__new_unset(self.rows.n_rows, sizeof *self.ranks);
    if (self.relevant == NULL || self.ranks == NULL) {
        status = cir__fail_memory(err, "a ranking");
        goto exit;
    }
    if (self.rows.n_rows > 0) {
        status = cir__compose_all(job->composing, begin, end, &self.rows, self.composed, err);
        if (status == CIR_OK)
            status = cir__scores_new(&self.rows, self.composed, end - begin, &self.scores, err);
    }
    for (size_t q = begin; q < end && status == CIR_OK; q++)
        judge(job, &self, q);
exit:
    for (size_t i = 0; i < end - begin; i++)
        cir_composed_done(&self.composed[i]);
    cir__scores_done(&self.scores);
    free(self.relevant);
    free(self.ranks);
    return status;
}

static void rank_task(void *context, size_t i_task, size_t i_thread)
{
    run *const job = context;
    cir_error err;

    (void)i_thread;
    if (rank_batch(job, job->batch_begin[i_task], job->batch_begin[i_task + 1], &err) == CIR_OK)
        return;
    pthread_mutex_lock(&job->lock);
    if (i_task < job->failed_batch) {
        job->failed_batch = i_task;
        job->failure = err;
    }
    pthread_mutex_unlock(&job->lock);
}

/* Cuts the queries into batches of one gallery each. Their borders do not depend on the threads, nor do the
 * answers. */
static void batches_cut(run *job)
{
    const cir__item *const queries = job->dataset->queries;
    const size_t n_queries = job->dataset->info.n_queries;

    for (size_t q = 0; q < n_queries; q++)
        if (job->n_batches == 0 || q - job->batch_begin[job->n_batches - 1] == BATCH_QUERIES ||
            queries[q].instance != queries[q - 1].instance)
            job->batch_begin[job->n_batches++] = q;
    job->batch_begin[job->n_batches] = n_queries;
}

/* Each query's instance, a number below *n_out; free() it. */
static size_t *instances_new(const cir_dataset *dataset, size_t *n_out)
{
    size_t *const instances = cir__new(dataset->info.n_queries, sizeof *instances);

    *n_out = dataset->n_domains > 0 ? dataset->classes.n : dataset->info.n_instances;
    for (size_t q = 0; instances != NULL && q < dataset->info.n_queries; q++)
        instances[q] = cir_dataset_get_query(dataset, q).instance_number;
    return instances;
}

/* Means that do not depend on the form of AP. */
static cir_status summarise(const run *job, cir_eval_result *result, cir_error *err)
{
    size_t n_instances;
    size_t *const instances = instances_new(job->dataset, &n_instances);

    if (instances == NULL)
        return cir__fail_memory(err, "an evaluation");
    const cir_status status =
        cir__curve_average(job->curves, instances, result->n_queries, n_instances, result->curve, err);
    free(instances);
    for (size_t q = 0; q < result->n_queries; q++)
        for (size_t k = 0; k < CIR_N_RECALLS; k++) {
            const size_t place = q * CIR_N_RECALLS + k;
            result->recall[k] += result->query_recalls[place] * 100.0 / (double)result->n_queries;
            result->precision[k] += result->query_precisions[place] * 100.0 / (double)result->n_queries;
        }
    return status;
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
    size_t n_instances;
    size_t *instances = instances_new(dataset, &n_instances);
    cir__groups groups = {0};
    cir_status status;

    cir__error_clear(err);
    if (instances == NULL)
        return cir__fail_memory(err, "an evaluation");
    if ((status = cir__groups_new(AP, instances, n_queries, n_instances, &groups, err)) != CIR_OK ||
        (status = cir__groups_resample(&groups, 0, &result->mAP_interval, &result->mmAP_interval, err)) !=
            CIR_OK)
        goto exit;
    const cir__metrics_means means = cir__metrics_average(AP, instances, n_queries, n_instances);
    result->ap = form;
    result->AP = AP;
    result->mAP = means.mAP;
    result->mmAP = means.mmAP;
    result->minmAP = means.minmAP;
    if (dataset->n_domains > 0)
        cir__domains_average(dataset, AP, result->pairs, result->sources, &result->average);
exit:
    cir__groups_done(&groups);
    free(instances);
    return status;
}

static bool result_new(const cir_dataset *dataset, cir_eval_result *result)
{
    const size_t n = result->n_queries, n_domains = dataset->n_domains;
    result->AP_forms = cir__new(n, CIR_N_AP_FORMS * sizeof *result->AP_forms);
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
    return result->AP_forms != NULL && result->query_recalls != NULL && result->query_precisions != NULL &&
           result->n_relevant != NULL && result->top != NULL;
}

cir_status cir_eval_run(const cir_dataset *dataset, cir_method method, const cir_settings *settings,
                        cir_pool *pool, cir_eval_result *result_out, cir_error *err)
{
    const size_t n_queries = dataset->info.n_queries;
    const double begin = seconds_now();
    cir__composing composing = {0};
    run job = {.dataset = dataset,
               .result = result_out,
               .composing = &composing,
               .lock = PTHREAD_MUTEX_INITIALIZER,
               .failed_batch = SIZE_MAX};
    cir_status status = CIR_OK;

    cir__error_clear(err);
    *result_out = (cir_eval_result){.method = method, .settings = *settings, .n_queries = n_queries};
    job.batch_begin = cir__new(n_queries + 1, sizeof *job.batch_begin);
    job.curves = cir__new_unset(n_queries, CIR_N_CURVE * sizeof *job.curves);
    if (!result_new(dataset, result_out) || job.batch_begin == NULL || job.curves == NULL) {
        status = cir__fail_memory(err, "an evaluation");
        goto exit;
    }
    status = cir__composing_new(dataset, method, &result_out->settings, pool, &composing, err);
    if (status == CIR_OK)
        status = cir__prompt_describe(dataset, method, &result_out->settings, result_out->prompt, err);
    if (status != CIR_OK)
        goto exit;
    batches_cut(&job);
    cir__pool_run(pool, job.n_batches, rank_task, &job);
    if (job.failed_batch != SIZE_MAX) {
        status = job.failure.status;
        if (err != NULL)
            *err = job.failure;
        goto exit;
    }
    status = summarise(&job, result_out, err);
    if (status == CIR_OK)
        status = cir_eval_result_set_ap(dataset, CIR_AP_TRAPEZOID, result_out, err);
    result_out->seconds = seconds_now() - begin;
exit:
    cir__composing_done(&composing);
    free(job.batch_begin);
    free(job.curves);
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
    free(result->pairs);
    memset(result, 0, sizeof *result);
}
