/* How hard a curated set is: what outranks positives, by source and by judged type, and how many random
 * pictures of the collection it is as hard as. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "curate/check/set_scores.h"
#include "eval/metrics/metrics.h"

#define SAME_SHOT 0.97f
enum { MAX_SIZES = 40 };

typedef struct measuring {
    const cir_difficulty_options *options;
    const cir__curated_set *set;
    const cir__set_features *features;
    cir_difficulty *to;
    size_t *order;      /* [n_rows of the index] all rows in a random order */
    uint8_t *skipped;   /* [n_rows] no distractors */
    float *pool_scores; /* [n_rows] */
    size_t sizes[MAX_SIZES];
    size_t n_sizes;
    size_t n_pool; /* rows that are not skipped */
    double AP_sums[MAX_SIZES];
} measuring;

/* h: the share of a query's positives that a negative outranks; half a place where they score the same. */
static void add_hardness(measuring *self, const cir__ranked_query *ranked)
{
    const cir__set_instance *instance = ranked->instance;
    for (size_t r = 0; r < instance->n_rows; r++) {
        const cir__set_row *row = &instance->rows[r];
        if (row->i_change == ranked->i_change)
            continue;
        double beaten = 0;
        for (size_t p = 0; p < ranked->n_positives; p++) {
            const float positive = ranked->scores[ranked->positives[p]];
            beaten += ranked->scores[r] > positive ? 1 : ranked->scores[r] == positive ? 0.5 : 0;
        }
        const double h = beaten / (double)ranked->n_positives;
        const cir__candidate *item = &instance->candidates.items[row->i_candidate];
        const cir_source_type source = cir__candidate_type(item, ranked->i_change);
        const cir_judged_type judged =
            cir__label_type(&instance->labels.items[row->i_candidate], ranked->i_change);
        self->to->H += h;
        self->to->H_by_source[source] += h;
        self->to->H_by_judged[judged] += h;
        self->to->n_by_source[source] += 1;
        self->to->n_by_judged[judged] += 1;
    }
}

static int compare_scores(const void *a, const void *b)
{
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return (x < y) - (x > y);
}

/* AP of the positives among the first so many of the pool, for all sizes in one pass over it. */
static cir_status add_pools(measuring *self, const cir__ranked_query *ranked, cir_error *err)
{
    const cir_rows rows = cir_index_get_rows(self->options->index);
    const size_t n = ranked->n_positives;
    float *positives = cir__new(n, sizeof *positives);
    size_t *above = cir__new(n + 1, sizeof *above); /* [j]: rows of the pool between positives j − 1 and j */
    cir__tie *ties = cir__new(n, sizeof *ties);
    cir_status status =
        positives != NULL && above != NULL && ties != NULL
            ? cir_search_scores(&rows, ranked->query, self->options->pool, self->pool_scores, NULL, NULL, err)
            : cir__fail_memory(err, "a query's scores");
    if (status == CIR_OK) {
        for (size_t p = 0; p < n; p++)
            positives[p] = ranked->scores[ranked->positives[p]];
        qsort(positives, n, sizeof *positives, compare_scores);
    }
    size_t n_seen = 0;
    size_t i_size = 0;
    for (size_t i = 0; i < rows.n_rows && status == CIR_OK && i_size < self->n_sizes; i++) {
        const size_t row = self->order[i];
        if (self->skipped[row])
            continue;
        size_t j = 0;
        while (j < n && positives[j] >= self->pool_scores[row])
            j++;
        above[j]++;
        if (++n_seen != self->sizes[i_size])
            continue;
        size_t before = 0;
        for (size_t p = 0; p < n; p++) {
            before += above[p];
            ties[p] = (cir__tie){.begin = before + p, .n_rows = 1, .n_relevant = 1};
        }
        self->AP_sums[i_size++] += cir__metrics_ap(ties, n, n);
    }
    free(ties);
    free(above);
    free(positives);
    return status;
}

static cir_status visit(void *context, const cir__ranked_query *ranked, cir_error *err)
{
    measuring *self = context;
    self->to->n_queries++;
    self->to->mAP += ranked->AP;
    self->to->mean_database += (double)ranked->instance->n_rows;
    add_hardness(self, ranked);
    return self->options->finds_equivalent ? add_pools(self, ranked, err) : CIR_OK;
}

/* A photo of the set and the same shots are no distractors. */
static cir_status skip_shots(measuring *self, const cir_rows *rows, const float *feature, cir_error *err)
{
    const cir_query query = {
        .dim = rows->dim, .a = feature, .fusion = {.kind = CIR_FUSION_IMAGE, .weight = 0.5f}};
    cir_status status =
        cir_search_scores(rows, &query, self->options->pool, self->pool_scores, NULL, NULL, err);
    for (size_t i = 0; i < rows->n_rows && status == CIR_OK; i++)
        if (self->pool_scores[i] >= SAME_SHOT)
            self->skipped[i] = 1;
    return status;
}

/* Positives and query images, and rows without a feature. A random photo may be a hard negative of the set,
 * too. */
static cir_status find_skipped(measuring *self, cir_error *err)
{
    const cir_rows rows = cir_index_get_rows(self->options->index);
    cir_status status = CIR_OK;
    for (size_t i = 0; i < rows.n_rows; i++)
        self->skipped[i] = rows.ready != NULL && !rows.ready[i];
    for (size_t i = 0; i < self->set->n && status == CIR_OK; i++) {
        const cir__set_instance *instance = &self->set->instances[i];
        for (size_t r = 0; r < instance->n_rows && status == CIR_OK; r++)
            if (instance->rows[r].i_change != CIR__NEGATIVE)
                status = skip_shots(self, &rows, self->features[i].rows + r * rows.dim, err);
        for (size_t q = 0; q < instance->n_queries && status == CIR_OK; q++)
            status = skip_shots(self, &rows, self->features[i].queries + q * rows.dim, err);
    }
    for (size_t i = 0; i < rows.n_rows; i++)
        self->n_pool += !self->skipped[i];
    return status;
}

typedef struct keyed {
    uint64_t key;
    size_t row;
} keyed;

static int compare_keys(const void *a, const void *b)
{
    const keyed *x = a;
    const keyed *y = b;
    return x->key != y->key ? (x->key < y->key ? -1 : 1) : (x->row > y->row) - (x->row < y->row);
}

static cir_status prepare_pool(measuring *self, cir_error *err)
{
    const size_t n = cir_index_get_info(self->options->index)->n_rows;
    keyed *keys = cir__new(n, sizeof *keys);
    self->order = cir__new(n, sizeof *self->order);
    self->skipped = cir__new(n, 1);
    self->pool_scores = cir__new(n, sizeof *self->pool_scores);
    if (keys == NULL || self->order == NULL || self->skipped == NULL || self->pool_scores == NULL) {
        free(keys);
        return cir__fail_memory(err, "a pool of distractors");
    }
    for (size_t i = 0; i < n; i++) {
        const uint64_t seeded[2] = {self->options->seed, i};
        keys[i] = (keyed){cir__hash64(seeded, sizeof seeded), i};
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 0; i < n; i++)
        self->order[i] = keys[i].row;
    free(keys);
    cir_status status = find_skipped(self, err);
    for (double size = 10; status == CIR_OK && size < (double)self->n_pool && self->n_sizes + 1 < MAX_SIZES;
         size *= M_SQRT2)
        self->sizes[self->n_sizes++] = (size_t)size;
    if (status == CIR_OK && self->n_pool > 0)
        self->sizes[self->n_sizes++] = self->n_pool;
    return status;
}

/* Where the curve over the pool's size falls to what the set has: on a line over the size's logarithm. */
static void find_crossing(measuring *self)
{
    cir_difficulty *to = self->to;
    to->n_pool = self->n_pool;
    double before = 0;
    for (size_t k = 0; k < self->n_sizes; k++) {
        const double now = self->AP_sums[k] / (double)to->n_queries;
        to->pool_mAP = 100 * now;
        if (now <= to->mAP) {
            to->equivalent = (double)self->sizes[k];
            if (k > 0 && before > now) {
                const double part = (before - to->mAP) / (before - now);
                to->equivalent = exp(log((double)self->sizes[k - 1]) +
                                     part * (log((double)self->sizes[k]) - log((double)self->sizes[k - 1])));
            }
            return;
        }
        before = now;
    }
    to->is_beyond = true;
    to->equivalent = (double)self->n_pool;
}

static void average(cir_difficulty *to)
{
    const double n = to->n_queries > 0 ? (double)to->n_queries : 1;
    to->mAP /= n;
    to->mean_database /= n;
    to->H /= n;
    for (int t = 0; t < CIR_N_SOURCE_TYPES; t++) {
        to->H_by_source[t] /= n;
        to->n_by_source[t] /= n;
    }
    for (int t = 0; t < CIR_N_JUDGED_TYPES; t++) {
        to->H_by_judged[t] /= n;
        to->n_by_judged[t] /= n;
    }
}

cir_status cir_curation_measure(cir_curation *curation, const cir_difficulty_options *options,
                                const cir_method *methods, size_t n_methods, cir_difficulty *difficulties_out,
                                cir_error *err)
{
    cir__error_clear(err);
    cir__curated_set set;
    cir__set_features *features = NULL;
    measuring self = {.options = options, .set = &set};
    memset(difficulties_out, 0, n_methods * sizeof *difficulties_out);
    cir_status status = cir__curated_set_load(curation, options->two_texts, INT64_MAX, &set, err);
    if (status == CIR_OK)
        status = cir__set_features_load(&set, options->index, &features, err);
    self.features = features;
    if (status == CIR_OK && options->finds_equivalent)
        status = prepare_pool(&self, err);
    for (size_t m = 0; m < n_methods && status == CIR_OK; m++) {
        self.to = &difficulties_out[m];
        self.to->method = methods[m];
        memset(self.AP_sums, 0, sizeof self.AP_sums);
        status = cir__set_rank(&set, features, options->index, options->model, options->pool, methods[m],
                               visit, &self, err);
        if (status != CIR_OK)
            break;
        average(self.to);
        if (options->finds_equivalent)
            find_crossing(&self);
        self.to->mAP *= 100;
    }
    free(self.order);
    free(self.skipped);
    free(self.pool_scores);
    cir__set_features_free(features, set.n);
    cir__curated_set_done(&set);
    return status;
}
