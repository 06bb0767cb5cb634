/* Evaluation of one method on one data set: fit what all queries share, then rank query by query. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "eval/dataset.h"
#include "eval/material.h"
#include "eval/metrics.h"
#include "linalg/rows.h"
#include "method/baseline.h"
#include "method/basic.h"
#include "method/sample.h"

const size_t cir_recall_at[CIR_N_RECALLS] = {1, 5, 10, 50};

/* What is fitted before the queries. */
typedef struct fitted {
    cir__material material;
    float *text_mean;           /* [dim], NULL: not centred */
    cir__projection projection; /* used where the settings project */
    size_t n_basics;            /* 1, or one for each instance that is asked for */
    cir__basic *basics;         /* [n_basics] */
    float *image_means;         /* [n_basics, dim] where each database has its own */
} fitted;

/* One run while it goes. */
typedef struct run {
    const cir_dataset *dataset;
    cir_eval_result *result;
    const fitted *fit;
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

/* The rows that an instance's queries rank. */
static cir_rows instance_rows(const cir_dataset *dataset, size_t instance)
{
    const size_t begin = dataset->instance_begin[instance], dim = dataset->info.dim;
    return (cir_rows){.n_rows = dataset->instance_begin[instance + 1] - begin,
                      .dim = dim,
                      .f32 = dataset->item_features + begin * dim};
}

/* mv and mt for one image mean: as set, of the synthetic pairs, estimated from the database that a model
 * encoded, or the paper's. */
static cir_status minima_fit(const cir_dataset *dataset, const cir_settings *settings, const fitted *fit,
                             const float *image_mean, cir_pool *pool, cir__minima *minima_out, cir_error *err)
{
    const size_t dim = dataset->info.dim;
    size_t ids[CIR__SAMPLE_IMAGES], n_ids;
    cir_status status = CIR_OK;

    *minima_out = (cir__minima){.image = settings->min_image, .text = settings->min_text};
    if (settings->has_min_image && settings->has_min_text)
        return CIR_OK;
    if (dataset->synthetic_image != NULL) {
        status = cir__minima_fit(dataset->synthetic_image, dataset->n_synthetic_image,
                                 dataset->synthetic_text, dataset->n_synthetic_text, dim, image_mean,
                                 fit->text_mean, pool, minima_out, err);
    } else if (dataset->model != NULL) {
        const cir_rows all = {.n_rows = dataset->info.n_database, .dim = dim, .f32 = dataset->item_features};
        status = cir__sample_minima(&all, fit->material.objects, fit->material.n_objects, image_mean,
                                    fit->text_mean, settings->seed, pool, minima_out, ids, &n_ids, err);
    }
    if (settings->has_min_image)
        minima_out->image = settings->min_image;
    if (settings->has_min_text)
        minima_out->text = settings->min_text;
    if (status == CIR_OK && (minima_out->image == 0.0 || minima_out->text == 0.0))
        status = cir__fail(
            err, CIR_ARGUMENT,
            "%s: the smallest similarity of the synthetic pairs is 0, which scores cannot be divided "
            "by; set min_image and min_text",
            dataset->name);
    return status;
}

/* Everything of BASIC that does not depend on the query. */
static cir_status fit_new(const cir_dataset *dataset, cir_settings *settings, cir_pool *pool, fitted *fit,
                          cir_error *err)
{
    const size_t dim = dataset->info.dim;
    cir__material *const material = &fit->material;
    cir_status status = cir__material_get(dataset, settings, pool, material, err);

    if (status != CIR_OK)
        return status;
    if (settings->centre) {
        const cir__row_set objects = {.n_rows = material->n_objects, .dim = dim, .f32 = material->objects};
        fit->text_mean = cir__new(dim, sizeof *fit->text_mean);
        if (fit->text_mean == NULL)
            return cir__fail_memory(err, "a mean feature");
        status = cir__rows_mean(&objects, pool, fit->text_mean, NULL, err);
    }
    if (status == CIR_OK && settings->project)
        status =
            cir__projection_fit(material->objects, material->n_objects, material->styles, material->n_styles,
                                dim, fit->text_mean, settings, pool, &fit->projection, err);
    if (status != CIR_OK)
        return status;

    fit->n_basics = material->has_own_means ? dataset->info.n_instances : 1;
    fit->basics = cir__new(fit->n_basics, sizeof *fit->basics);
    fit->image_means = cir__new(material->has_own_means ? fit->n_basics : 0, dim * sizeof *fit->image_means);
    if (fit->basics == NULL || fit->image_means == NULL)
        return cir__fail_memory(err, "mean features");
    for (size_t i = 0; i < fit->n_basics && status == CIR_OK; i++) {
        const float *image_mean = material->image_mean;
        const cir_rows rows = instance_rows(dataset, i);
        if (material->has_own_means && rows.n_rows > 0) {
            const cir__row_set set = {.n_rows = rows.n_rows, .dim = dim, .f32 = rows.f32};
            status = cir__rows_mean(&set, pool, fit->image_means + i * dim, NULL, err);
            image_mean = fit->image_means + i * dim;
        }
        fit->basics[i] = (cir__basic){.dim = dim,
                                      .image_mean = image_mean,
                                      .text_mean = fit->text_mean,
                                      .projection = settings->project ? &fit->projection : NULL};
        if (status == CIR_OK && settings->normalise)
            status = minima_fit(dataset, settings, fit, image_mean, pool, &fit->basics[i].minima, err);
    }
    return status;
}

static void fit_done(fitted *fit)
{
    cir__material_done(&fit->material);
    cir__projection_done(&fit->projection);
    free(fit->text_mean);
    free(fit->basics);
    free(fit->image_means);
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
    const fitted *const fit = job->fit;
    const cir__basic *const basic = &fit->basics[fit->n_basics == 1 ? 0 : job->dataset->queries[q].instance];
    return cir__basic_compose(basic, &result->settings, rows, NULL, image, fit->material.query_text + q * dim,
                              composed_out, err);
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
    const cir_rows rows = instance_rows(job->dataset, job->dataset->queries[q].instance);
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
    fitted fit = {0};
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
        status = fit_new(dataset, &result_out->settings, pool, &fit, err);
    if (status != CIR_OK)
        goto exit;
    if (fit.n_basics == 1 && result_out->settings.normalise) {
        result_out->settings.has_min_image = result_out->settings.has_min_text = true;
        result_out->settings.min_image = fit.basics[0].minima.image;
        result_out->settings.min_text = fit.basics[0].minima.text;
    }

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
    fit_done(&fit);
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
