#include "eval/distract/entrants.h"

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
static cir_status compose_plain(const cir__entrant *entrant, const cir_dataset *dataset, size_t q,
                                cir_composed *composed_out, cir_error *err)
{
    cir_settings settings = entrant->settings;
    const cir_rows rows = cir__dataset_get_rows(dataset, dataset->queries[q].instance);

    settings.expand = false;
    return cir__compose_all(&entrant->composing, q, q + 1, &rows, &settings, composed_out, err);
}

static cir_status ask(cir__entrants *all, cir__entrant *entrant, cir_error *err)
{
    const cir_dataset *const dataset = all->dataset;
    cir__survey *const survey = &all->survey;
    const size_t n_queries = dataset->info.n_queries;
    cir_status status = CIR_OK;

    if (entrant->kind == CIR__STEADY)
        return CIR_OK;
    entrant->image_sides = cir__new(n_queries, sizeof *entrant->image_sides);
    entrant->text_sides = cir__new(n_queries, sizeof *entrant->text_sides);
    if (entrant->image_sides == NULL || entrant->text_sides == NULL)
        return cir__fail_memory(err, "distractors");
    if (entrant->kind == CIR__EXPANDED && entrant->settings.neighbours > survey->n_nearest)
        survey->n_nearest = entrant->settings.neighbours;
    for (size_t q = 0; q < n_queries && status == CIR_OK; q++) {
        if (entrant->kind == CIR__MEASURED) {
            const float *const text = cir__dataset_get_text(dataset, dataset->query_text, q);
            status = cir__sides_put(&survey->measured, cir__dataset_get_image(dataset, q),
                                    &entrant->image_sides[q], err);
            if (status == CIR_OK)
                status = cir__sides_put(&survey->measured, text, &entrant->text_sides[q], err);
            continue;
        }
        cir_composed composed;
        status = compose_plain(entrant, dataset, q, &composed, err);
        if (status == CIR_OK)
            status = cir__sides_put(&survey->nearest, composed.query.a, &entrant->image_sides[q], err);
        cir_composed_done(&composed);
    }
    return status;
}

cir_status cir__entrants_new(const cir_dataset *dataset, const cir__stream *stream,
                             const cir_distracted *methods, size_t n, cir_pool *pool,
                             cir__entrants *entrants_out, cir_error *err)
{
    const size_t dim = dataset->info.dim;
    cir_status status = CIR_OK;

    *entrants_out = (cir__entrants){
        .dataset = dataset,
        .stream = stream,
        .n = n,
        .shared.dim = dim,
        .survey = {.stream = stream, .measured.dim = dim, .nearest.dim = dim, .n_nearest = 1}};
    entrants_out->entrants = cir__new(n, sizeof *entrants_out->entrants);
    if (entrants_out->entrants == NULL)
        return cir__fail_memory(err, "distractors");
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        cir__entrant *const entrant = &entrants_out->entrants[i];
        const cir_method method = methods[i].method;
        entrant->settings = *methods[i].settings;
        const cir_method_info *const info = cir_method_get_info(method);
        if (info->needs_spreads)
            entrant->kind = CIR__MEASURED;
        else if (info->expansion == CIR_EXPANSION_FEATURE && entrant->settings.expand)
            entrant->kind = CIR__EXPANDED;
        status = cir__composing_new(dataset, method, &entrant->settings, pool, &entrant->composing, err);
        if (status == CIR_OK)
            status = ask(entrants_out, entrant, err);
    }
    return status;
}

bool cir__entrants_need_survey(const cir__entrants *entrants)
{
    return entrants->survey.measured.n + entrants->survey.nearest.n > 0;
}

/* ---- contests ---- */

/* A chunk of one group's queries. */
typedef struct entering {
    const cir__entrants *all;
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
static void standardise(const cir__survey *survey, size_t survey_side, size_t i_size, const float *products,
                        size_t n, cir__contest_side *side)
{
    double sums[3];
    cir__survey_get_sums(survey, survey_side, i_size, sums);
    for (size_t i = 0; i < n; i++) {
        sums[0] += 1;
        sums[1] += (double)products[i];
        sums[2] += (double)products[i] * (double)products[i];
    }
    const double mean = sums[1] / sums[0];
    const double variance = sums[0] > 1 ? (sums[2] - sums[1] * mean) / (sums[0] - 1) : 0;
    const double scale = variance > 0 ? 1 / sqrt(variance) : 0;
    side->scale = (float)scale;
    side->offset = (float)(-mean * scale);
}

static int compare_down(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* Products of one side with rows; NULL for a side that is not there. */
static const float *products_of(const float *side, const float *rows, size_t n, size_t dim, float *out)
{
    if (side == NULL)
        return NULL;
    cir__sides_multiply(&(cir__sides){.dim = dim, .n = 1, .weights = (float *)side}, rows, n, out);
    return out;
}

/* Fills in all of a contest but the numbers of its sides, from its composed query. */
static cir_status contest_fill(const entering *self, size_t q, const cir_composed *composed,
                               const float *positives, size_t n, cir__contest *contest, cir_error *err)
{
    const cir__entrants *const all = self->all;
    const cir__entrant *const entrant = self->group->entrant;
    const size_t n_levels = self->group->i_size == SIZE_MAX ? all->stream->n_sizes : 1;
    float *const room = cir__new_unset(n + 1, 5 * sizeof *room);
    size_t n_counts;

    *contest = (cir__contest){.image = {.scale = 1, .offset = composed->query.a0},
                              .text = {.scale = 1, .offset = composed->query.b0},
                              .fusion = composed->query.fusion,
                              .n_positives = n};
    contest->scores = cir__new_unset(n, sizeof *contest->scores);
    if (cir__size_mul(n, n_levels, &n_counts)) {
        contest->outranks = cir__new(n_counts, sizeof *contest->outranks);
        contest->equals = cir__new(n_counts, sizeof *contest->equals);
    }
    if (room == NULL || contest->scores == NULL || contest->outranks == NULL || contest->equals == NULL) {
        free(room);
        return cir__fail_memory(err, "distractors");
    }
    const size_t dim = all->dataset->info.dim;
    const float *const image = products_of(composed->query.a, positives, n, dim, room),
                       *const text = products_of(composed->query.b, positives, n, dim, room + n);
    if (entrant->kind == CIR__MEASURED) {
        standardise(&all->survey, entrant->image_sides[q], self->group->i_size, image, n, &contest->image);
        standardise(&all->survey, entrant->text_sides[q], self->group->i_size, text, n, &contest->text);
        contest->fusion = (cir_fusion){.kind = CIR_FUSE_GAUSS, .weight = (float)entrant->settings.weight};
    }
    contest->image.side = image != NULL ? 0 : SIZE_MAX;
    contest->text.side = text != NULL ? 0 : SIZE_MAX;
    cir__contest_score(contest, image, text, n,
                       &(cir__contest_scratch){room + 2 * n, room + 3 * n, contest->scores, NULL});
    qsort(contest->scores, n, sizeof *contest->scores, compare_down);
    free(room);
    return CIR_OK;
}

/* Behind the positives, the rows of the pool that query expansion may take: composing picks among both. */
static cir_status nearest_fill(const entering *self, size_t q, float *rows, size_t *n, cir_error *err)
{
    const cir__survey *const survey = &self->all->survey;
    const size_t dim = self->all->dataset->info.dim, side = self->group->entrant->image_sides[q];
    cir_hit *const hits = cir__new_unset(survey->n_nearest, sizeof *hits);
    size_t *const ids = cir__new_unset(survey->n_nearest, sizeof *ids);
    cir_status status = CIR_OK;

    if (hits == NULL || ids == NULL)
        status = cir__fail_memory(err, "distractors");
    else {
        const size_t n_near = cir__survey_get_nearest(survey, side, self->group->i_size, hits, ids);
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
    const cir__entrant *const entrant = self->group->entrant;
    const bool expands = entrant->kind == CIR__EXPANDED;
    size_t n_positives = 0;
    float *const rows = positives_new(dataset, q, expands ? self->all->survey.n_nearest : 0, &n_positives);
    const float *const image = cir__dataset_get_image(dataset, q);
    cir_status status = rows != NULL ? CIR_OK : cir__fail_memory(err, "distractors");
    cir_rows ranked = {.n_rows = n_positives, .dim = dataset->info.dim, .f32 = rows};

    if (status == CIR_OK && expands)
        status = nearest_fill(self, q, rows, &ranked.n_rows, err);
    if (status == CIR_OK && entrant->kind == CIR__MEASURED)
        status = cir__baseline_query(CIR_METHOD_SUM, &entrant->settings, ranked.dim, image,
                                     cir__dataset_get_text(dataset, dataset->query_text, q), composed, err);
    else if (status == CIR_OK)
        status = cir__compose_all(&entrant->composing, q, q + 1, &ranked, NULL, composed, err);
    if (status == CIR_OK)
        status = contest_fill(self, q, composed, rows, n_positives, &self->group->contests[q], err);
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

/* Gives the sides of a composed query their numbers. */
static cir_status sides_put(cir__entrants *all, cir__group *group, const cir_query *query,
                            cir__contest *contest, cir_error *err)
{
    cir__sides *const images = group->entrant->kind == CIR__EXPANDED ? &group->images : &all->shared;
    const cir_status status = cir__sides_put(images, query->a, &contest->image.side, err);
    return status == CIR_OK ? cir__sides_put(&all->shared, query->b, &contest->text.side, err) : status;
}

static cir_status group_enter(cir__entrants *all, cir__group *group, cir_pool *pool, cir_error *err)
{
    const size_t n_queries = all->dataset->info.n_queries;
    cir_status status = CIR_OK;
    entering *const self = cir__new(1, sizeof *self);

    group->images.dim = all->dataset->info.dim;
    group->contests = cir__new(n_queries, sizeof *group->contests);
    if (self == NULL || group->contests == NULL) {
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
            cir__contest *const contest = &group->contests[begin + i];
            if (status == CIR_OK && (status = self->errors[i].status) != CIR_OK && err != NULL)
                *err = self->errors[i];
            if (status == CIR_OK)
                status = sides_put(all, group, &self->composed[i].query, contest, err);
            if (contest->n_positives > all->most_positives)
                all->most_positives = contest->n_positives;
            cir_composed_done(&self->composed[i]);
        }
    }
    free(self);
    return status;
}

cir_status cir__entrants_enter(cir__entrants *entrants, cir_pool *pool, cir_error *err)
{
    const size_t n_sizes = entrants->stream->n_sizes;
    cir_status status = CIR_OK;

    entrants->groups = cir__new(entrants->n, n_sizes * sizeof *entrants->groups);
    if (entrants->groups == NULL)
        return cir__fail_memory(err, "distractors");
    for (size_t i = 0; i < entrants->n; i++) {
        const cir__entrant *const entrant = &entrants->entrants[i];
        const bool is_steady = entrant->kind == CIR__STEADY;
        for (size_t k = 0; k < (is_steady ? 1 : n_sizes) && status == CIR_OK; k++) {
            cir__group *const group = &entrants->groups[entrants->n_groups++];
            *group = (cir__group){.entrant = entrant, .i_method = i, .i_size = is_steady ? SIZE_MAX : k};
            status = group_enter(entrants, group, pool, err);
        }
    }
    return status;
}

size_t cir__entrants_bytes(const cir__entrants *entrants)
{
    const size_t n_queries = entrants->dataset->info.n_queries, n_sizes = entrants->stream->n_sizes;
    size_t n_bytes = entrants->shared.capacity * entrants->shared.dim * sizeof(float);

    for (size_t g = 0; g < entrants->n_groups; g++) {
        const cir__group *const group = &entrants->groups[g];
        const size_t n_levels = group->i_size == SIZE_MAX ? n_sizes : 1;
        n_bytes += group->images.capacity * group->images.dim * sizeof(float);
        for (size_t q = 0; q < n_queries; q++)
            n_bytes += sizeof *group->contests +
                       group->contests[q].n_positives * (sizeof(float) + 2 * n_levels * sizeof(uint64_t));
    }
    return n_bytes;
}

void cir__entrants_done(cir__entrants *entrants)
{
    for (size_t g = 0; g < entrants->n_groups; g++) {
        cir__group *const group = &entrants->groups[g];
        for (size_t q = 0; group->contests != NULL && q < entrants->dataset->info.n_queries; q++) {
            free(group->contests[q].scores);
            free((void *)group->contests[q].outranks);
            free((void *)group->contests[q].equals);
        }
        free(group->contests);
        cir__sides_done(&group->images);
    }
    for (size_t i = 0; entrants->entrants != NULL && i < entrants->n; i++) {
        cir__composing_done(&entrants->entrants[i].composing);
        free(entrants->entrants[i].image_sides);
        free(entrants->entrants[i].text_sides);
    }
    free(entrants->groups);
    free(entrants->entrants);
    cir__sides_done(&entrants->shared);
    cir__survey_done(&entrants->survey);
    memset(entrants, 0, sizeof *entrants);
}
