#include "eval/distract/distract_runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "method/baseline.h"
#include "method/row.h"

/* Queries that are composed together. */
#define CHUNK_QUERIES 64

/* ---- what is asked of the pool ---- */

/* The query before its image is expanded. */
static cir_status compose_plain(const cir__distract_run *run, const cir_dataset *dataset, size_t q,
                                cir_composed *composed_out, cir_error *err)
{
    cir_settings settings = run->settings;
    const cir_rows rows = cir__dataset_get_rows(dataset, dataset->queries[q].instance);

    settings.expand = false;
    return cir__compose_all(&run->composing, q, q + 1, &rows, &settings, composed_out, err);
}

static cir_status ask(cir__distract_runs *all, cir__distract_run *run, cir_error *err)
{
    const cir_dataset *const dataset = all->dataset;
    cir__survey *const survey = &all->survey;
    const size_t n_queries = dataset->info.n_queries;
    cir_status status = CIR_OK;

    if (run->kind == CIR__STEADY)
        return CIR_OK;
    run->image_vectors = cir__new(n_queries, sizeof *run->image_vectors);
    run->text_vectors = cir__new(n_queries, sizeof *run->text_vectors);
    if (run->image_vectors == NULL || run->text_vectors == NULL)
        return cir__fail_memory(err, "distractors");
    if (run->kind == CIR__EXPANDED && run->settings.neighbours > survey->n_nearest)
        survey->n_nearest = run->settings.neighbours;
    for (size_t q = 0; q < n_queries && status == CIR_OK; q++) {
        if (run->kind == CIR__MEASURED) {
            const float *const text = cir__dataset_get_text(dataset, dataset->query_text, q);
            status = cir__query_vectors_put(&survey->measured, cir__dataset_get_image(dataset, q),
                                            &run->image_vectors[q], err);
            if (status == CIR_OK)
                status = cir__query_vectors_put(&survey->measured, text, &run->text_vectors[q], err);
            continue;
        }
        cir_composed composed;
        status = compose_plain(run, dataset, q, &composed, err);
        if (status == CIR_OK)
            status = cir__query_vectors_put(&survey->nearest, composed.query.a, &run->image_vectors[q], err);
        cir_composed_done(&composed);
    }
    return status;
}

cir_status cir__distract_runs_new(const cir_dataset *dataset, const cir__stream *stream,
                                  const cir_distracted *methods, size_t n, cir_pool *pool,
                                  cir__distract_runs *runs_out, cir_error *err)
{
    const size_t dim = dataset->info.dim;
    cir_status status = CIR_OK;

    *runs_out = (cir__distract_runs){
        .dataset = dataset,
        .stream = stream,
        .n = n,
        .shared.dim = dim,
        .survey = {.stream = stream, .measured.dim = dim, .nearest.dim = dim, .n_nearest = 1}};
    runs_out->runs = cir__new(n, sizeof *runs_out->runs);
    if (runs_out->runs == NULL)
        return cir__fail_memory(err, "distractors");
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        cir__distract_run *const run = &runs_out->runs[i];
        const cir_method method = methods[i].method;
        run->settings = *methods[i].settings;
        const cir_method_info *const info = cir_method_get_info(method);
        if (info->needs_similarity_stats)
            run->kind = CIR__MEASURED;
        else if (info->expansion == CIR_EXPANSION_FEATURE && run->settings.expand)
            run->kind = CIR__EXPANDED;
        status = cir__composing_new(dataset, method, &run->settings, pool, &run->composing, err);
        if (status == CIR_OK)
            status = ask(runs_out, run, err);
    }
    return status;
}

bool cir__distract_runs_need_survey(const cir__distract_runs *runs)
{
    return runs->survey.measured.n + runs->survey.nearest.n > 0;
}

/* ---- counts ---- */

/* A chunk of one group's queries. */
typedef struct entering {
    const cir__distract_runs *all;
    cir__group *group;
    size_t begin;
    cir_composed composed[CHUNK_QUERIES];
    cir_error errors[CHUNK_QUERIES];
} entering;

/* A query's positives as rows [n, dim], and behind them room for n_more; free() it. */
static float *positives_new(const cir_dataset *dataset, size_t q, size_t n_more, size_t *n_out)
{
    const cir__item *const query = &dataset->queries[q];
    const cir_rows gallery = cir__dataset_get_rows(dataset, query->instance);
    const cir__item *const items = dataset->items + dataset->instance_begin[query->instance];
    size_t n = 0, n_floats;

    for (size_t r = 0; r < gallery.n_rows; r++)
        n += items[r].label == query->label;
    float *const rows =
        cir__size_mul(n + n_more, gallery.dim, &n_floats) ? cir__new_unset(n_floats, sizeof *rows) : NULL;
    *n_out = n;
    for (size_t r = 0, i = 0; rows != NULL && r < gallery.n_rows; r++)
        if (items[r].label == query->label)
            cir__row_copy(&gallery, r, rows + i++ * gallery.dim);
    return rows;
}

/* Standardises a similarity over the positives and the pool, as WeiCom does over what it ranks. products:
 * [n] of the positives. */
static void standardise(const cir__survey *survey, size_t survey_vector, size_t i_size, const float *products,
                        size_t n, cir__rank_counts_branch *vector)
{
    double sums[3];
    cir__survey_get_sums(survey, survey_vector, i_size, sums);
    for (size_t i = 0; i < n; i++) {
        sums[0] += 1;
        sums[1] += (double)products[i];
        sums[2] += (double)products[i] * (double)products[i];
    }
    const double mean = sums[1] / sums[0];
    const double variance = sums[0] > 1 ? (sums[2] - sums[1] * mean) / (sums[0] - 1) : 0;
    const double scale = variance > 0 ? 1 / sqrt(variance) : 0;
    vector->scale = (float)scale;
    vector->offset = (float)(-mean * scale);
}

static int compare_down(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* Products of one vector with rows; NULL for a vector that is not there. */
static const float *products_of(const float *vector, const float *rows, size_t n, size_t dim, float *out)
{
    if (vector == NULL)
        return NULL;
    cir__query_vectors_multiply(&(cir__query_vectors){.dim = dim, .n = 1, .weights = (float *)vector}, rows,
                                n, out);
    return out;
}

/* Fills in all counts but the numbers of its vectors, from its composed query. */
static cir_status counts_fill(const entering *self, size_t q, const cir_composed *composed,
                              const float *positives, size_t n, cir__rank_counts *counted, cir_error *err)
{
    const cir__distract_runs *const all = self->all;
    const cir__distract_run *const run = self->group->run;
    const size_t n_levels = self->group->i_size == SIZE_MAX ? all->stream->n_sizes : 1;
    float *const room = cir__new_unset(n + 1, 5 * sizeof *room);
    size_t n_counts;

    *counted = (cir__rank_counts){.image = {.scale = 1, .offset = composed->query.a0},
                                  .text = {.scale = 1, .offset = composed->query.b0},
                                  .fusion = composed->query.fusion,
                                  .n_positives = n};
    counted->scores = cir__new_unset(n, sizeof *counted->scores);
    if (cir__size_mul(n, n_levels, &n_counts)) {
        counted->outranks = cir__new(n_counts, sizeof *counted->outranks);
        counted->equals = cir__new(n_counts, sizeof *counted->equals);
    }
    if (room == NULL || counted->scores == NULL || counted->outranks == NULL || counted->equals == NULL) {
        free(room);
        return cir__fail_memory(err, "distractors");
    }
    const size_t dim = all->dataset->info.dim;
    const float *const image = products_of(composed->query.a, positives, n, dim, room),
                       *const text = products_of(composed->query.b, positives, n, dim, room + n);
    if (run->kind == CIR__MEASURED) {
        standardise(&all->survey, run->image_vectors[q], self->group->i_size, image, n, &counted->image);
        standardise(&all->survey, run->text_vectors[q], self->group->i_size, text, n, &counted->text);
        counted->fusion = (cir_fusion){.kind = CIR_FUSION_GAUSS, .weight = (float)run->settings.weight};
    }
    counted->image.vector = image != NULL ? 0 : SIZE_MAX;
    counted->text.vector = text != NULL ? 0 : SIZE_MAX;
    cir__rank_counts_score(counted, image, text, n,
                           &(cir__rank_counts_scratch){room + 2 * n, room + 3 * n, counted->scores, NULL});
    qsort(counted->scores, n, sizeof *counted->scores, compare_down);
    free(room);
    return CIR_OK;
}

/* Behind the positives, the rows of the pool that query expansion may take: composing picks among both. */
static cir_status nearest_fill(const entering *self, size_t q, float *rows, size_t *n, cir_error *err)
{
    const cir__survey *const survey = &self->all->survey;
    const size_t dim = self->all->dataset->info.dim, vector = self->group->run->image_vectors[q];
    cir_hit *const hits = cir__new_unset(survey->n_nearest, sizeof *hits);
    size_t *const ids = cir__new_unset(survey->n_nearest, sizeof *ids);
    cir_status status = CIR_OK;

    if (hits == NULL || ids == NULL)
        status = cir__fail_memory(err, "distractors");
    else {
        const size_t n_near = cir__survey_get_nearest(survey, vector, self->group->i_size, hits, ids);
        for (size_t i = 0; i < n_near; i++)
            cir__stream_get_row(self->all->stream, ids[i], rows + (*n)++ * dim);
    }
    free(hits);
    free(ids);
    return status;
}

static cir_status enter(entering *self, size_t q, cir_composed *composed, cir_error *err)
{
    const cir_dataset *const dataset = self->all->dataset;
    const cir__distract_run *const run = self->group->run;
    const bool expands = run->kind == CIR__EXPANDED;
    size_t n_positives = 0;
    float *const rows = positives_new(dataset, q, expands ? self->all->survey.n_nearest : 0, &n_positives);
    const float *const image = cir__dataset_get_image(dataset, q);
    cir_status status = rows != NULL ? CIR_OK : cir__fail_memory(err, "distractors");
    cir_rows ranked = {.n_rows = n_positives, .dim = dataset->info.dim, .f32 = rows};

    if (status == CIR_OK && expands)
        status = nearest_fill(self, q, rows, &ranked.n_rows, err);
    if (status == CIR_OK && run->kind == CIR__MEASURED)
        status = cir__baseline_query(CIR_METHOD_SUM, &run->settings, ranked.dim, image,
                                     cir__dataset_get_text(dataset, dataset->query_text, q), composed, err);
    else if (status == CIR_OK)
        status = cir__compose_all(&run->composing, q, q + 1, &ranked, NULL, composed, err);
    if (status == CIR_OK)
        status = counts_fill(self, q, composed, rows, n_positives, &self->group->counts[q], err);
    free(rows);
    return status;
}

static void enter_task(void *context, size_t i_task, size_t i_thread)
{
    entering *const self = context;
    (void)i_thread;
    self->errors[i_task].status = CIR_OK;
    const cir_status status =
        enter(self, self->begin + i_task, &self->composed[i_task], &self->errors[i_task]);
    self->errors[i_task].status = status;
}

/* Gives the vectors of a composed query their numbers. */
static cir_status vectors_put(cir__distract_runs *all, cir__group *group, const cir_query *query,
                              cir__rank_counts *counted, cir_error *err)
{
    cir__query_vectors *const images = group->run->kind == CIR__EXPANDED ? &group->images : &all->shared;
    const cir_status status = cir__query_vectors_put(images, query->a, &counted->image.vector, err);
    return status == CIR_OK ? cir__query_vectors_put(&all->shared, query->b, &counted->text.vector, err)
                            : status;
}

static cir_status group_enter(cir__distract_runs *all, cir__group *group, cir_pool *pool, cir_error *err)
{
    const size_t n_queries = all->dataset->info.n_queries;
    cir_status status = CIR_OK;
    entering *const self = cir__new(1, sizeof *self);

    group->images.dim = all->dataset->info.dim;
    group->counts = cir__new(n_queries, sizeof *group->counts);
    if (self == NULL || group->counts == NULL) {
        free(self);
        return cir__fail_memory(err, "distractors");
    }
    self->all = all;
    self->group = group;
    for (size_t begin = 0; begin < n_queries && status == CIR_OK; begin += CHUNK_QUERIES) {
        const size_t left = n_queries - begin, n = left < CHUNK_QUERIES ? left : CHUNK_QUERIES;
        memset(self->composed, 0, sizeof self->composed);
        self->begin = begin;
        cir__pool_run(pool, n, enter_task, self);
        for (size_t i = 0; i < n; i++) {
            cir__rank_counts *const counted = &group->counts[begin + i];
            if (status == CIR_OK && (status = self->errors[i].status) != CIR_OK && err != NULL)
                *err = self->errors[i];
            if (status == CIR_OK)
                status = vectors_put(all, group, &self->composed[i].query, counted, err);
            if (counted->n_positives > all->most_positives)
                all->most_positives = counted->n_positives;
            cir_composed_done(&self->composed[i]);
        }
    }
    free(self);
    return status;
}

cir_status cir__distract_runs_compose(cir__distract_runs *runs, cir_pool *pool, cir_error *err)
{
    const size_t n_sizes = runs->stream->n_sizes;
    cir_status status = CIR_OK;

    runs->groups = cir__new(runs->n, n_sizes * sizeof *runs->groups);
    if (runs->groups == NULL)
        return cir__fail_memory(err, "distractors");
    for (size_t i = 0; i < runs->n; i++) {
        const cir__distract_run *const run = &runs->runs[i];
        const bool is_steady = run->kind == CIR__STEADY;
        for (size_t k = 0; k < (is_steady ? 1 : n_sizes) && status == CIR_OK; k++) {
            cir__group *const group = &runs->groups[runs->n_groups++];
            *group = (cir__group){.run = run, .i_method = i, .i_size = is_steady ? SIZE_MAX : k};
            status = group_enter(runs, group, pool, err);
        }
    }
    return status;
}

size_t cir__distract_runs_bytes(const cir__distract_runs *runs)
{
    const size_t n_queries = runs->dataset->info.n_queries, n_sizes = runs->stream->n_sizes;
    size_t n_bytes = runs->shared.capacity * runs->shared.dim * sizeof(float);

    for (size_t g = 0; g < runs->n_groups; g++) {
        const cir__group *const group = &runs->groups[g];
        const size_t n_levels = group->i_size == SIZE_MAX ? n_sizes : 1;
        n_bytes += group->images.capacity * group->images.dim * sizeof(float);
        for (size_t q = 0; q < n_queries; q++)
            n_bytes += sizeof *group->counts +
                       group->counts[q].n_positives * (sizeof(float) + 2 * n_levels * sizeof(uint64_t));
    }
    return n_bytes;
}

void cir__distract_runs_done(cir__distract_runs *runs)
{
    for (size_t g = 0; g < runs->n_groups; g++) {
        cir__group *const group = &runs->groups[g];
        for (size_t q = 0; group->counts != NULL && q < runs->dataset->info.n_queries; q++) {
            free(group->counts[q].scores);
            free((void *)group->counts[q].outranks);
            free((void *)group->counts[q].equals);
        }
        free(group->counts);
        cir__query_vectors_done(&group->images);
    }
    for (size_t i = 0; runs->runs != NULL && i < runs->n; i++) {
        cir__composing_done(&runs->runs[i].composing);
        free(runs->runs[i].image_vectors);
        free(runs->runs[i].text_vectors);
    }
    free(runs->groups);
    free(runs->runs);
    cir__query_vectors_done(&runs->shared);
    cir__survey_done(&runs->survey);
    memset(runs, 0, sizeof *runs);
}
