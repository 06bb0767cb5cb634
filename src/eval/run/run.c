/* Evaluation of methods on one data set. All methods of a run rank a gallery together: its rows are read
 * once, and what methods have in common, as the plain similarities of a photo, is computed once. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/ties.h"
#include "eval/run/compose.h"
#include "eval/run/result.h"
#include "eval/run/score.h"

/* Queries that are ranked together share one pass over the rows: at most so many, and so many bytes of
 * scores. */
#define BATCH_QUERIES 64
#define BATCH_BYTES ((size_t)64 << 20)

/* A method that is evaluated. */
typedef struct judged {
    cir_eval_result *result;
    cir__composing composing;
    float *curves;     /* [n_queries, CIR_N_CURVE] */
    cir_status status; /* of its summary */
    cir_error failure;
} judged;

/* One run while it goes. */
typedef struct run {
    const cir_dataset *dataset;
    judged *methods; /* [n_methods] */
    size_t n_methods;
    pthread_mutex_t lock;
    size_t *batch_begin; /* [n_batches + 1] */
    size_t n_batches;
    size_t failed_batch; /* the first that failed; SIZE_MAX: none */
    cir_error failure;   /* its error */
} run;

/* What ranking one batch of queries takes, by all methods that rank the same rows. */
typedef struct batch {
    const cir_dataset *dataset;
    cir_rows rows;
    cir_composed *composed; /* [methods, end − begin] */
    cir__scores scores;
    size_t *relevant;          /* [n_rows] scratch */
    cir__tie *ties, *resolved; /* [n_rows] scratch */
} batch;

/* Benchmarks with metrics of their own, which may leave out a row: mends ties and top, and
 * returns the new length of the latter. */
static size_t judge_triplets(const batch *self, cir_eval_result *result, size_t q, const float *scores,
                             size_t n_ties, cir_hit top[CIR_N_TOP])
{
    const cir_dataset *const dataset = self->dataset;
    const size_t *const rows = dataset->item_rows + dataset->instance_begin[dataset->queries[q].instance];
    size_t *const best = result->best + q * CIR_N_BEST;
    size_t *const members = result->best_members + q * CIR_N_BEST_MEMBERS;
    size_t n_top = 0;

    const size_t n_measures = dataset->triplets->set->n_measures;
    double *measures[3];
    for (size_t order = 0; order < 3; order++)
        measures[order] = result->query_metrics + (order * result->n_queries + q) * n_measures;
    cir__triplets_judge(dataset->triplets, q, scores, self->rows.n_rows, self->relevant, self->ties, n_ties,
                        self->resolved, measures, best, members);
    for (; n_top < CIR_N_TOP && best[n_top] != SIZE_MAX; n_top++)
        top[n_top].id = best[n_top];
    for (size_t i = 0; i < CIR_N_BEST && best[i] != SIZE_MAX; i++)
        best[i] = rows[best[i]];
    for (size_t i = 0; i < CIR_N_BEST_MEMBERS && members[i] != SIZE_MAX; i++)
        members[i] = rows[members[i]];
    return n_top;
}

/* AP in its forms: expected, and by the worst and the best order of equal scores. */
static void judge_ap(batch *self, cir_eval_result *result, size_t q, size_t n_ties, size_t n_relevant)
{
    static double (*const forms[CIR_N_AP_FORMS])(const cir__tie *, size_t, size_t) = {
        [CIR_AP_TRAPEZOID] = cir__metrics_ap, [CIR_AP_PAPER] = cir__metrics_ap_paper};
    const size_t n = result->n_queries;

    for (size_t form = 0; form < CIR_N_AP_FORMS; form++) {
        double *const bounds = result->AP_bounds + 2 * form * n + q;
        bounds[0] = bounds[n] = result->AP_forms[form * n + q] = forms[form](self->ties, n_ties, n_relevant);
        if (!cir__ties_matter(self->ties, n_ties))
            continue;
        cir__ties_resolve(self->ties, n_ties, CIR__ORDER_WORST, self->resolved);
        bounds[0] = forms[form](self->resolved, n_ties, n_relevant);
        cir__ties_resolve(self->ties, n_ties, CIR__ORDER_BEST, self->resolved);
        bounds[n] = forms[form](self->resolved, n_ties, n_relevant);
    }
}

/* The metrics of query q by one method, from the scores of the batch's composed query number i. */
static void judge(batch *self, const judged *method, size_t q, size_t i_composed)
{
    const cir_dataset *const dataset = self->dataset;
    cir_eval_result *const result = method->result;
    const cir__item *const query = &dataset->queries[q];
    const size_t first = dataset->instance_begin[query->instance], n = self->rows.n_rows;
    size_t n_relevant = 0, n_ties = 0, n_top = 0;
    const cir__tie *const ties = self->ties;
    cir_hit top[CIR_N_TOP];

    if (n > 0) {
        const float *scores =
            cir__scores_get(&self->scores, &self->composed[i_composed], i_composed, CIR_N_TOP, top, &n_top);
        n_relevant = cir__dataset_find_relevant(dataset, q, self->relevant);
        n_ties = cir__ties_find(scores, n, self->relevant, n_relevant, self->ties);
        if (dataset->triplets != NULL)
            n_top = judge_triplets(self, result, q, scores, n_ties, top);
    }
    result->n_relevant[q] = n_relevant;
    cir__curve_fill(ties, n_ties, n_relevant, method->curves + q * CIR_N_CURVE);
    judge_ap(self, result, q, n_ties, n_relevant);
    for (size_t k = 0; k < CIR_N_RECALLS; k++) {
        const size_t place = q * CIR_N_RECALLS + k;
        result->query_recalls[place] = cir__metrics_recall(ties, n_ties, n_relevant, cir_recall_at(k));
        result->query_precisions[place] = cir__metrics_precision(ties, n_ties, n_relevant, cir_recall_at(k));
    }
    for (size_t i = 0; i < CIR_N_TOP; i++)
        result->top[q * CIR_N_TOP + i] = i < n_top ? dataset->item_rows[first + top[i].id] : SIZE_MAX;
}

static void batch_done(batch *self, size_t n_composed)
{
    for (size_t i = 0; self->composed != NULL && i < n_composed; i++)
        cir_composed_done(&self->composed[i]);
    free(self->composed);
    cir__scores_done(&self->scores);
    free(self->relevant);
    free(self->ties);
    free(self->resolved);
}

/* Whether a method ranks features that were composed elsewhere. */
static bool ranks_composed(const judged *method)
{
    return cir_method_get_info(method->result->method)->needs_composed;
}

/* Ranks by the external method, or by all others: their rows may differ. */
static cir_status rank_some(const run *job, size_t begin, size_t end, bool is_external, cir_error *err)
{
    const size_t instance = job->dataset->queries[begin].instance, n_queries = end - begin;
    batch self = {.dataset = job->dataset,
                  .rows = is_external ? cir__dataset_get_composed_rows(job->dataset, instance)
                                      : cir__dataset_get_rows(job->dataset, instance)};
    size_t n_composed = 0;
    cir_status status = CIR_OK;

    self.composed = cir__new(job->n_methods, n_queries * sizeof *self.composed);
    self.relevant = cir__new_unset(self.rows.n_rows, sizeof *self.relevant);
    self.ties = cir__new_unset(self.rows.n_rows, sizeof *self.ties);
    self.resolved = cir__new_unset(self.rows.n_rows, sizeof *self.resolved);
    if (self.composed == NULL || self.relevant == NULL || self.ties == NULL || self.resolved == NULL)
        status = cir__fail_memory(err, "a ranking");
    for (size_t m = 0; m < job->n_methods && status == CIR_OK; m++) {
        if (ranks_composed(&job->methods[m]) != is_external)
            continue;
        if (self.rows.n_rows > 0)
            status = cir__compose_all(&job->methods[m].composing, begin, end, &self.rows, NULL,
                                      self.composed + n_composed, err);
        n_composed += n_queries;
    }
    if (status == CIR_OK && self.rows.n_rows > 0 && n_composed > 0)
        status = cir__scores_new(&self.rows, self.composed, n_composed, &self.scores, err);
    if (status == CIR_OK)
        status = cir__mapped_check(self.rows.f16 != NULL ? (const void *)self.rows.f16 : self.rows.f32, err);
    for (size_t m = 0, i = 0; m < job->n_methods && status == CIR_OK; m++)
        if (ranks_composed(&job->methods[m]) == is_external)
            for (size_t q = begin; q < end; q++)
                judge(&self, &job->methods[m], q, i++);
    batch_done(&self, n_composed);
    return status;
}

static void rank_task(void *context, size_t i_task, size_t i_thread)
{
    run *const job = context;
    const size_t begin = job->batch_begin[i_task], end = job->batch_begin[i_task + 1];
    cir_error err;

    (void)i_thread;
    if (rank_some(job, begin, end, false, &err) == CIR_OK && rank_some(job, begin, end, true, &err) == CIR_OK)
        return;
    pthread_mutex_lock(&job->lock);
    if (i_task < job->failed_batch) {
        job->failed_batch = i_task;
        job->failure = err;
    }
    pthread_mutex_unlock(&job->lock);
}

/* How many queries of an instance are ranked together. */
static size_t batch_size(const run *job, size_t instance)
{
    const size_t *const begin = &job->dataset->instance_begin[instance];
    const size_t n_rows = begin[1] - begin[0],
                 query_bytes = 2 * job->n_methods * (n_rows + 1) * sizeof(float);
    const size_t n = BATCH_BYTES / query_bytes;
    return n < 1 ? 1 : n > BATCH_QUERIES ? BATCH_QUERIES : n;
}

/* Cuts the queries into batches of one gallery each. Their borders do not depend on the threads, nor do the
 * answers. */
static void batches_cut(run *job)
{
    const cir__item *const queries = job->dataset->queries;
    const size_t n_queries = job->dataset->info.n_queries;

    for (size_t q = 0; q < n_queries; q++)
        if (job->n_batches == 0 || queries[q].instance != queries[q - 1].instance ||
            q - job->batch_begin[job->n_batches - 1] == batch_size(job, queries[q].instance))
            job->batch_begin[job->n_batches++] = q;
    job->batch_begin[job->n_batches] = n_queries;
}

/* Takes memory and makes every method ready. */
static cir_status run_new(run *job, const cir_run *runs, cir_pool *pool, cir_eval_result *results,
                          cir_error *err)
{
    const size_t n_queries = job->dataset->info.n_queries;

    for (size_t m = 0; m < job->n_methods; m++)
        results[m] = (cir_eval_result){
            .method = runs[m].method, .settings = *runs[m].settings, .n_queries = n_queries};
    job->methods = cir__new(job->n_methods, sizeof *job->methods);
    job->batch_begin = cir__new(n_queries + 1, sizeof *job->batch_begin);
    if (job->methods == NULL || job->batch_begin == NULL)
        return cir__fail_memory(err, "an evaluation");
    for (size_t m = 0; m < job->n_methods; m++) {
        judged *const method = &job->methods[m];
        method->result = &results[m];
        method->curves = cir__new_unset(n_queries, CIR_N_CURVE * sizeof *method->curves);
        if (method->curves == NULL || !cir__result_new(job->dataset, method->result))
            return cir__fail_memory(err, "an evaluation");
        cir_status status = cir__composing_new(job->dataset, method->result->method,
                                               &method->result->settings, pool, &method->composing, err);
        if (status != CIR_OK)
            return status;
        cir__composing_describe_prompt(&method->composing, method->result->prompt);
    }
    return CIR_OK;
}

static void summarise_task(void *context, size_t i_task, size_t i_thread)
{
    const run *const job = context;
    judged *const method = &job->methods[i_task];

    (void)i_thread;
    method->status = cir__result_summarise(job->dataset, method->curves, method->result, &method->failure);
}

static cir_status run_summarise(run *job, cir_pool *pool, cir_error *err)
{
    cir__pool_run(pool, job->n_methods, summarise_task, job);
    for (size_t m = 0; m < job->n_methods; m++)
        if (job->methods[m].status != CIR_OK) {
            if (err != NULL)
                *err = job->methods[m].failure;
            return job->methods[m].status;
        }
    return CIR_OK;
}

static void run_done(run *job)
{
    for (size_t m = 0; job->methods != NULL && m < job->n_methods; m++) {
        cir__composing_done(&job->methods[m].composing);
        free(job->methods[m].curves);
    }
    free(job->methods);
    free(job->batch_begin);
}

cir_status cir_eval_run_all(const cir_dataset *dataset, const cir_run *runs, size_t n_runs, cir_pool *pool,
                            cir_eval_result *results_out, cir_error *err)
{
    run job = {
        .dataset = dataset, .n_methods = n_runs, .lock = PTHREAD_MUTEX_INITIALIZER, .failed_batch = SIZE_MAX};

    cir__error_clear(err);
    cir_status status = run_new(&job, runs, pool, results_out, err);
    if (status == CIR_OK) {
        batches_cut(&job);
        cir__pool_run(pool, job.n_batches, rank_task, &job);
        if (job.failed_batch != SIZE_MAX) {
            status = job.failure.status;
            if (err != NULL)
                *err = job.failure;
        }
    }
    if (status == CIR_OK)
        status = run_summarise(&job, pool, err);
    for (size_t m = 0; m < n_runs && status != CIR_OK; m++)
        cir_eval_result_done(&results_out[m]);
    run_done(&job);
    return status;
}

cir_status cir_eval_run(const cir_dataset *dataset, cir_method method, const cir_settings *settings,
                        cir_pool *pool, cir_eval_result *result_out, cir_error *err)
{
    const cir_run one = {.method = method, .settings = settings};
    return cir_eval_run_all(dataset, &one, 1, pool, result_out, err);
}
