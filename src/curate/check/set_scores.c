#include "curate/check/set_scores.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/ties.h"
#include "index/open/opened.h"

static cir_status get_feature(const cir_index *index, const cir__candidate *candidate, float *feature_out,
                              cir_error *err)
{
    bool is_found;
    size_t id;
    cir_status status = cir__opened_find_hash(index, candidate->hash, &id, &is_found, err);
    if (status == CIR_OK && !is_found)
        return cir__fail(err, CIR_NOT_FOUND,
                         "%s: is not in %s any more with the bytes that were judged; mine again",
                         candidate->path, cir_index_get_info(index)->path);
    return status == CIR_OK ? cir_index_get_feature(index, id, feature_out, err) : status;
}

cir_status cir__set_features_load(const cir__curated_set *set, const cir_index *index,
                                  cir__set_features **features_out, cir_error *err)
{
    const size_t dim = cir_index_get_info(index)->model->dim;
    cir__set_features *features = *features_out = cir__new(set->n, sizeof *features);
    if (features == NULL)
        return cir__fail_memory(err, "a set's features");
    cir_status status = CIR_OK;
    for (size_t i = 0; i < set->n && status == CIR_OK; i++) {
        const cir__set_instance *instance = &set->instances[i];
        features[i].rows = cir__new(instance->n_rows, dim * sizeof(float));
        features[i].queries = cir__new(instance->n_queries, dim * sizeof(float));
        if (features[i].rows == NULL || features[i].queries == NULL)
            status = cir__fail_memory(err, "a set's features");
        for (size_t r = 0; r < instance->n_rows && status == CIR_OK; r++)
            status = get_feature(index, &instance->candidates.items[instance->rows[r].i_candidate],
                                 features[i].rows + r * dim, err);
        for (size_t q = 0; q < instance->n_queries && status == CIR_OK; q++)
            status = get_feature(index, &instance->candidates.items[instance->queries[q]],
                                 features[i].queries + q * dim, err);
    }
    return status;
}

void cir__set_features_free(cir__set_features *features, size_t n)
{
    for (size_t i = 0; features != NULL && i < n; i++) {
        free(features[i].rows);
        free(features[i].queries);
    }
    free(features);
}

static cir_status rank_query(cir__ranked_query *ranked, const cir__set_features *features, size_t dim,
                             cir_pool *pool, cir__ranked_visit *visit, void *context, cir_error *err)
{
    const cir__set_instance *instance = ranked->instance;
    const cir_rows rows = {.n_rows = instance->n_rows, .dim = dim, .f32 = features->rows};
    float *scores = cir__new(instance->n_rows, sizeof *scores);
    cir__tie *ties = cir__new(instance->n_rows, sizeof *ties);
    ranked->positives = cir__new(instance->n_rows, sizeof *ranked->positives);
    cir_status status = scores != NULL && ties != NULL && ranked->positives != NULL
                            ? cir_search_scores(&rows, ranked->query, pool, scores, NULL, NULL, err)
                            : cir__fail_memory(err, "a query's scores");
    if (status == CIR_OK) {
        ranked->scores = scores;
        ranked->n_positives = 0;
        for (size_t r = 0; r < instance->n_rows; r++)
            if (instance->rows[r].i_change == ranked->i_change)
                ranked->positives[ranked->n_positives++] = r;
        const size_t n_ties =
            cir__ties_find(scores, instance->n_rows, ranked->positives, ranked->n_positives, ties);
        ranked->AP = cir__metrics_ap(ties, n_ties, ranked->n_positives);
        status = visit(context, ranked, err);
    }
    free(ranked->positives);
    free(ties);
    free(scores);
    return status;
}

cir_status cir__set_rank(const cir__curated_set *set, const cir__set_features *features,
                         const cir_index *index, const cir_model *model, cir_pool *pool, cir_method method,
                         cir__ranked_visit *visit, void *context, cir_error *err)
{
    const size_t dim = cir_index_get_info(index)->model->dim;
    cir_settings settings;
    cir_composer *composer;
    cir_settings_init(&settings, sizeof settings, method);
    settings.forget_texts = true;
    cir_status status = cir_composer_new(index, model, pool, method, &settings, &composer, err);
    for (size_t i = 0; i < set->n && status == CIR_OK; i++) {
        const cir__set_instance *instance = &set->instances[i];
        for (size_t c = 0; c < instance->candidates.n_changes && status == CIR_OK; c++)
            for (size_t q = 0; q < instance->n_queries && status == CIR_OK && cir__set_has_query(instance, c);
                 q++) {
                cir_composed composed = {0};
                status = cir_composer_compose(composer, pool, features[i].queries + q * dim,
                                              instance->candidates.changes[c].text, &composed, err);
                cir__ranked_query ranked = {.instance = instance,
                                            .i_instance = i,
                                            .i_query = q,
                                            .i_change = c,
                                            .query = &composed.query};
                if (status == CIR_OK)
                    status = rank_query(&ranked, &features[i], dim, pool, visit, context, err);
                cir_composed_done(&composed);
            }
    }
    cir_composer_free(composer);
    return status;
}
