/* Positives against growing pools of random images, streamed.
 *
 * Every method is two linear functions and a pointwise fusion, so a block of the pool takes one matrix
 * product with the vectors of all queries of all methods, and then, for each query, a fused score a row and a
 * count of which positives it is above, or equal to. Nothing is sorted: a positive's place is that among the
 * positives and the number of rows above it. What depends on the pool itself is surveyed in a pass before. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "eval/distract/distract_runs.h"
#include "eval/metrics/metrics.h"

#define DEFAULT_BYTES ((size_t)256 << 20)

/* ---- what can be done ---- */

cir_status cir_eval_check_distract(const cir_dataset *dataset, cir_method method,
                                   const cir_settings *settings, cir_error *err)
{
    const cir_method_info *const info = cir_method_get_info(method);
    const cir_status status = cir_dataset_check(dataset, method, err);
    if (status != CIR_OK)
        return status;
    if (dataset->searched != NULL)
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: distractors take the place of what is searched, and an index is; choose one",
                         dataset->name);
    if (dataset->n_domains > 0)
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: a benchmark of domain conversion has no hard negatives that distractors could "
                         "replace; choose a data set of instances",
                         dataset->name);
    if (info->expansion == CIR_EXPANSION_WORDS && settings->expand)
        return cir__fail(err, CIR_ARGUMENT,
                         "method %s: its words come from the ranked images, which differ from pool to pool; "
                         "choose freedom-",
                         cir_method_name(method));
    if (info->needs_composed && dataset->composed.rows.n_rows > 0)
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: method %s ranks features of its own (database_composed.npy), which the "
                         "pool does not have; leave it out",
                         dataset->name, info->name);
    return CIR_OK;
}

/* 1, 2, 5 times powers of ten below n, and n. */
static void sizes_fill(size_t n, cir_distraction *out)
{
    static const size_t steps[] = {1, 2, 5};
    for (size_t decade = n > 1000 ? 1000 : 10; decade < n; decade *= 10)
        for (size_t i = 0; i < 3 && steps[i] * decade < n && out->n_sizes < CIR_N_POOLS - 1; i++)
            out->sizes[out->n_sizes++] = steps[i] * decade;
    out->sizes[out->n_sizes++] = n;
}

static cir_status sizes_choose(const cir_distract_options *options, size_t n_pool, cir_distraction *out,
                               cir_error *err)
{
    out->n_pool = n_pool;
    if (options->n_sizes == 0) {
        sizes_fill(n_pool, out);
        return CIR_OK;
    }
    if (options->n_sizes > CIR_N_POOLS)
        return cir__fail(err, CIR_ARGUMENT, "%zu sizes of the pool, more than the %d that are measured",
                         options->n_sizes, CIR_N_POOLS);
    for (size_t k = 0; k < options->n_sizes; k++) {
        const size_t size = options->sizes[k];
        if (size == 0 || (k > 0 && size <= out->sizes[k - 1]))
            return cir__fail(err, CIR_ARGUMENT,
                             "a pool of %zu is not larger than the one before; let sizes "
                             "ascend from 1",
                             size);
        if (size > n_pool)
            return cir__fail(err, CIR_SHAPE,
                             "%s: has %zu rows, fewer than the pool of %zu; name a smaller one",
                             options->pool_path, n_pool, size);
        out->sizes[out->n_sizes++] = size;
    }
    return CIR_OK;
}

/* How many workers the memory that is left allows; an error where not even one. */
static cir_status workers_choose(const cir_distract_options *options, size_t n_bytes, size_t worker_bytes,
                                 cir_pool *pool, size_t *n_out, cir_error *err)
{
    const size_t most = options->max_memory_bytes != 0 ? options->max_memory_bytes : DEFAULT_BYTES;
    const size_t n_threads = cir_pool_get_n_threads(pool);
    const size_t n = n_bytes < most ? (most - n_bytes) / worker_bytes : 0;

    *n_out = n < n_threads ? n : n_threads;
    if (n > 0)
        return CIR_OK;
    return cir__fail(
        err, CIR_LIMIT,
        "distractors: %zu MiB do not hold the queries and a block of the pool; allow %zu MiB, or "
        "take fewer methods or sizes",
        most >> 20, ((n_bytes + worker_bytes) >> 20) + 1);
}

/* ---- counting ---- */

typedef struct counting {
    cir__distract_runs *runs;
    size_t most_images;  /* vectors of the group that has most of its own */
    float *shared, *own; /* [n_workers, vectors, CIR__BLOCK_ROWS] products */
    float *rows;         /* [n_workers, 3, CIR__BLOCK_ROWS] */
    uint64_t *tallies;   /* [n_workers, 2, most_positives] */
    const cir_distract_options *options;
    size_t n_passes, i_pass; /* for who watches */
} counting;

static size_t counting_worker_bytes(const counting *job)
{
    const cir__distract_runs *const all = job->runs;
    return cir__stream_worker_bytes(all->stream) +
           (all->shared.n + job->most_images + 3) * CIR__BLOCK_ROWS * sizeof(float) +
           2 * all->most_positives * sizeof(uint64_t);
}

static const float *products_at(const float *products, size_t vector, size_t n)
{
    return vector == SIZE_MAX ? NULL : products + vector * n;
}

static void count_block(void *context, const cir__block *block, size_t i_worker)
{
    counting *const job = context;
    cir__distract_runs *const all = job->runs;
    const size_t n_sizes = all->stream->n_sizes;
    float *const shared = job->shared + i_worker * all->shared.n * CIR__BLOCK_ROWS,
                 *const own = job->own + i_worker * job->most_images * CIR__BLOCK_ROWS,
                 *const rows = job->rows + i_worker * 3 * CIR__BLOCK_ROWS;
    const cir__rank_counts_scratch scratch = {rows, rows + CIR__BLOCK_ROWS,
                                              rows + 2 * (size_t)CIR__BLOCK_ROWS,
                                              job->tallies + i_worker * 2 * all->most_positives};

    cir__query_vectors_multiply(&all->shared, block->rows, block->n, shared);
    for (size_t g = 0; g < all->n_groups; g++) {
        cir__group *const group = &all->groups[g];
        const bool is_steady = group->i_size == SIZE_MAX, has_own = group->images.n > 0;
        const size_t *const ends = is_steady ? block->ends : &block->ends[group->i_size];
        const size_t n_levels = is_steady ? n_sizes : 1, n = ends[n_levels - 1];
        if (n == 0)
            continue;
        cir__query_vectors_multiply(&group->images, block->rows, n, own);
        for (size_t q = 0; q < all->dataset->info.n_queries; q++) {
            cir__rank_counts *const counted = &group->counts[q];
            cir__rank_counts_add(counted,
                                 has_own ? products_at(own, counted->image.vector, n)
                                         : products_at(shared, counted->image.vector, block->n),
                                 products_at(shared, counted->text.vector, block->n), ends, n_levels,
                                 &scratch);
        }
    }
}

/* Rows of this pass among those of all. */
static bool watch(void *context, size_t n_done, size_t n_total)
{
    const counting *const job = context;
    return job->options->watch == NULL ||
           job->options->watch(job->options->watch_context, job->i_pass * n_total + n_done,
                               job->n_passes * n_total);
}

static cir_status survey(counting *job, cir_pool *pool, cir_error *err)
{
    cir__survey *const asked = &job->runs->survey;
    size_t n_workers;

    job->n_passes = 2;
    cir_status status = workers_choose(job->options, cir__survey_bytes(asked),
                                       cir__survey_worker_bytes(asked), pool, &n_workers, err);
    if (status == CIR_OK)
        status = cir__survey_run(asked, pool, n_workers, watch, job, err);
    job->i_pass = 1;
    return status;
}

static cir_status count(counting *job, cir_pool *pool, cir_error *err)
{
    cir__distract_runs *const all = job->runs;
    size_t n_workers;

    for (size_t g = 0; g < all->n_groups; g++)
        if (all->groups[g].images.n > job->most_images)
            job->most_images = all->groups[g].images.n;
    cir_status status = workers_choose(job->options, cir__distract_runs_bytes(all),
                                       counting_worker_bytes(job), pool, &n_workers, err);
    if (status != CIR_OK)
        return status;
    const size_t n_items = n_workers * CIR__BLOCK_ROWS;
    job->shared = cir__new_unset(n_items, all->shared.n * sizeof *job->shared);
    job->own = cir__new_unset(n_items, job->most_images * sizeof *job->own);
    job->rows = cir__new_unset(n_items, 3 * sizeof *job->rows);
    job->tallies = cir__new(n_workers, 2 * all->most_positives * sizeof *job->tallies);
    if (job->shared == NULL || job->own == NULL || job->rows == NULL || job->tallies == NULL)
        return cir__fail_memory(err, "distractors");
    return cir__stream_run(all->stream, pool, n_workers, count_block, job, watch, job, err);
}

/* ---- metrics ---- */

static cir_crossing find_crossing(const cir_distraction *pool, const double *metrics, double hard)
{
    const size_t *const sizes = pool->sizes;
    const size_t n = pool->n_sizes;
    size_t k = 0;

    while (k < n && metrics[k] > hard)
        k++;
    if (k == n)
        return (cir_crossing){CIR_CROSSING_BEYOND, (double)sizes[n - 1]};
    if (k == 0 && metrics[0] < hard)
        return (cir_crossing){CIR_CROSSING_BELOW, (double)sizes[0]};
    if (k == 0)
        return (cir_crossing){CIR_CROSSING_AT, (double)sizes[0]};
    const double before = log((double)sizes[k - 1]), after = log((double)sizes[k]);
    const double part = (metrics[k - 1] - hard) / (metrics[k - 1] - metrics[k]);
    return (cir_crossing){CIR_CROSSING_AT, exp(before + part * (after - before))};
}

/* What judging a group takes. */
typedef struct judging {
    cir_ap_form form;
    cir__tie *ties, *resolved; /* [most_positives] */
    double *AP;                /* [3, n_queries], by cir__tie_order */
    size_t *instances;         /* [n_queries] */
} judging;

static cir_status judging_new(const cir__distract_runs *all, cir_ap_form form, judging *out, cir_error *err)
{
    const size_t n_queries = all->dataset->info.n_queries;

    *out = (judging){.form = form,
                     .ties = cir__new(all->most_positives, sizeof *out->ties),
                     .resolved = cir__new(all->most_positives, sizeof *out->resolved),
                     .AP = cir__new(n_queries, 3 * sizeof *out->AP),
                     .instances = cir__new(n_queries, sizeof *out->instances)};
    if (out->ties == NULL || out->resolved == NULL || out->AP == NULL || out->instances == NULL)
        return cir__fail_memory(err, "distractors");
    for (size_t q = 0; q < n_queries; q++)
        out->instances[q] = cir_dataset_get_query(all->dataset, q).instance_number;
    return CIR_OK;
}

static void judging_done(judging *self)
{
    free(self->ties);
    free(self->resolved);
    free(self->AP);
    free(self->instances);
}

/* A group's metrics at one of its levels, which is the size number k of the pool. */
static void judge(const cir__distract_runs *all, const cir__group *group, size_t level, size_t k,
                  judging *self, cir_distracted *method)
{
    const size_t n_queries = all->dataset->info.n_queries, n_instances = all->dataset->info.n_instances;
    double *const AP = self->AP, *const low = AP + CIR__ORDER_WORST * n_queries,
                  *const high = AP + CIR__ORDER_BEST * n_queries;

    method->n_tied[k] = 0;
    for (size_t q = 0; q < n_queries; q++) {
        const size_t n = group->counts[q].n_positives;
        const size_t n_ties = cir__rank_counts_ties(&group->counts[q], level, self->ties);
        for (size_t order = CIR__ORDER_ANY; order <= CIR__ORDER_BEST; order++) {
            cir__ties_resolve(self->ties, n_ties, (cir__tie_order)order, self->resolved);
            AP[order * n_queries + q] = self->form == CIR_AP_PAPER
                                            ? cir__metrics_ap_paper(self->resolved, n_ties, n)
                                            : cir__metrics_ap(self->resolved, n_ties, n);
        }
        method->n_tied[k] += cir__ties_matter(self->ties, n_ties);
    }
    const cir__metrics_means means = cir__metrics_average(AP, self->instances, n_queries, n_instances),
                             least = cir__metrics_average(low, self->instances, n_queries, n_instances),
                             most = cir__metrics_average(high, self->instances, n_queries, n_instances);
    method->mAP[k] = means.mAP;
    method->mmAP[k] = means.mmAP;
    method->mAP_low[k] = least.mAP;
    method->mmAP_low[k] = least.mmAP;
    method->mAP_high[k] = most.mAP;
    method->mmAP_high[k] = most.mmAP;
}

static cir_status summarise(const cir__distract_runs *all, const cir_distract_options *options,
                            const cir_distraction *pool, cir_distracted *methods, cir_error *err)
{
    judging self;
    const cir_status status = judging_new(all, options->ap, &self, err);

    for (size_t g = 0; status == CIR_OK && g < all->n_groups; g++) {
        const cir__group *const group = &all->groups[g];
        const bool is_steady = group->i_size == SIZE_MAX;
        for (size_t level = 0; level < (is_steady ? pool->n_sizes : 1); level++)
            judge(all, group, level, is_steady ? level : group->i_size, &self, &methods[group->i_method]);
    }
    for (size_t i = 0; status == CIR_OK && i < all->n; i++) {
        cir_distracted *const method = &methods[i];
        method->mAP_crossing = find_crossing(pool, method->mAP, method->hard_mAP);
        method->mmAP_crossing = find_crossing(pool, method->mmAP, method->hard_mmAP);
    }
    judging_done(&self);
    return status;
}

static size_t count_vectors(const cir__distract_runs *all)
{
    size_t n = all->survey.measured.n + all->survey.nearest.n + all->shared.n;
    for (size_t g = 0; g < all->n_groups; g++) /* the largest pool's: every row meets them */
        if (all->groups[g].i_size == all->stream->n_sizes - 1)
            n += all->groups[g].images.n;
    return n;
}

cir_status cir_eval_check_distract_pool(const cir_dataset *dataset, const cir_distract_options *options,
                                        cir_error *err)
{
    cir__stream stream = {0};
    cir_distraction sizes = {0};

    cir__error_clear(err);
    cir_status status = cir__stream_open(options->pool_path, dataset->info.dim, options->seed, &stream, err);
    if (status == CIR_OK)
        status = sizes_choose(options, stream.n_rows, &sizes, err);
    cir__stream_close(&stream);
    return status;
}

cir_status cir_eval_distract(const cir_dataset *dataset, const cir_distract_options *options,
                             cir_distracted *methods, size_t n_methods, cir_pool *pool,
                             cir_distraction *distraction_out, cir_error *err)
{
    cir__stream stream = {0};
    cir__distract_runs runs = {0};
    counting job = {.runs = &runs, .options = options, .n_passes = 1};
    cir_status status = CIR_OK;

    cir__error_clear(err);
    *distraction_out = (cir_distraction){0};
    for (size_t i = 0; i < n_methods && status == CIR_OK; i++)
        status = cir_eval_check_distract(dataset, methods[i].method, methods[i].settings, err);
    if (status == CIR_OK)
        status = cir__stream_open(options->pool_path, dataset->info.dim, options->seed, &stream, err);
    if (status == CIR_OK)
        status = sizes_choose(options, stream.n_rows, distraction_out, err);
    if (status != CIR_OK)
        goto exit;
    stream.sizes = distraction_out->sizes;
    stream.n_sizes = distraction_out->n_sizes;
    if ((status = cir__distract_runs_new(dataset, &stream, methods, n_methods, pool, &runs, err)) != CIR_OK ||
        (cir__distract_runs_need_survey(&runs) && (status = survey(&job, pool, err)) != CIR_OK) ||
        (status = cir__distract_runs_compose(&runs, pool, err)) != CIR_OK ||
        (status = count(&job, pool, err)) != CIR_OK)
        goto exit;
    distraction_out->n_vectors = count_vectors(&runs);
    status = summarise(&runs, options, distraction_out, methods, err);
exit:
    free(job.shared);
    free(job.own);
    free(job.rows);
    free(job.tallies);
    cir__distract_runs_done(&runs);
    cir__stream_close(&stream);
    if (status != CIR_OK)
        *distraction_out = (cir_distraction){0};
    return status;
}
