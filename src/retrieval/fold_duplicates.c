#include "retrieval/fold_duplicates.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

/* The first of the features [n, dim] that is near enough to one; n: none is. scores: [n] */
static cir_status find_same(const float *features, size_t n, size_t dim, const float *one, float *scores,
                            size_t *i_out, cir_error *err)
{
    *i_out = n;
    if (n == 0)
        return CIR_OK;
    const cir_rows rows = {.n_rows = n, .dim = dim, .f32 = features};
    const cir_query query = {.dim = dim, .a = one, .fusion = {.kind = CIR_FUSION_IMAGE, .weight = 0.5f}};
    const cir_status status = cir_search_scores(&rows, &query, NULL, scores, NULL, NULL, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        if (scores[i] >= CIR__SAME_COSINE) {
            *i_out = i;
            break;
        }
    return status;
}

static bool add_id(cir__fold *to, size_t id)
{
    void *ids = to->ids;
    if (!cir__grow(&ids, &to->capacity, to->n_ids + 1, sizeof *to->ids))
        return false;
    to->ids = ids;
    to->ids[to->n_ids++] = id;
    return true;
}

cir_status cir__fold_duplicates(const cir_index *index, const cir_hit *hits, size_t n, cir__fold **folds_out,
                                size_t *n_out, cir_error *err)
{
    const size_t dim = cir_index_get_info(index)->model->dim;
    size_t n_folds = 0;
    cir__fold *folds = cir__new(n, sizeof *folds);
    float *features = cir__new(n, dim * sizeof *features);
    float *scores = cir__new(n, sizeof *scores);
    cir_status status = CIR_OK;

    *folds_out = NULL;
    *n_out = 0;
    if (folds == NULL || features == NULL || scores == NULL)
        status = cir__fail_memory(err, "folding near-duplicates");
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        size_t i_same = n_folds;
        float *one = features + n_folds * dim; /* it stays there if it stands for itself */
        status = cir_index_get_feature(index, hits[i].id, one, err);
        if (status == CIR_OK)
            status = find_same(features, n_folds, dim, one, scores, &i_same, err);
        if (status == CIR_OK && i_same == n_folds)
            folds[n_folds++] = (cir__fold){.i_hit = i};
        else if (status == CIR_OK && !add_id(&folds[i_same], hits[i].id))
            status = cir__fail_memory(err, "folding near-duplicates");
    }
    free(features);
    free(scores);
    if (status != CIR_OK) {
        cir__folds_free(folds, n_folds);
        return status;
    }
    *folds_out = folds;
    *n_out = n_folds;
    return CIR_OK;
}

void cir__folds_free(cir__fold *folds, size_t n)
{
    for (size_t i = 0; folds != NULL && i < n; i++)
        free(folds[i].ids);
    free(folds);
}
