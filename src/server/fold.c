#include "server/fold.h"

#include <stdlib.h>
#include <string.h>

#include "server/fail.h"

/* The first of the features [n, dim] that is near enough to one; n: none is. */
static cir_status find_same(const float *features, size_t n, size_t dim, const float *one, float *scores,
                            size_t *i_out, cir_error *err)
{
    *i_out = n;
    if (n == 0)
        return CIR_OK;
    const cir_rows rows = {.n_rows = n, .dim = dim, .f32 = features};
    const cir_query query = {.dim = dim, .a = one, .fusion = {.kind = CIR_FUSE_IMAGE, .weight = 0.5f}};
    cir_status status = cir_search_scores(&rows, &query, NULL, scores, NULL, NULL, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        if (scores[i] >= CIR__SAME_COSINE) {
            *i_out = i;
            break;
        }
    return status;
}

static bool add_id(cir__folded *to, size_t id)
{
    size_t *ids = realloc(to->ids, (to->n_ids + 1) * sizeof *ids);
    if (ids == NULL)
        return false;
    to->ids = ids;
    to->ids[to->n_ids++] = id;
    return true;
}

cir_status cir__fold(const cir_index *index, const cir_hit *hits, size_t n, cir__folded **folded_out,
                     size_t *n_out, cir_error *err)
{
    size_t dim = cir_index_get_info(index)->model->dim;
    size_t n_folded = 0;
    cir__folded *folded = calloc(n + 1, sizeof *folded);
    float *features = calloc(n + 1, dim * sizeof *features);
    float *scores = calloc(n + 1, sizeof *scores);
    *folded_out = NULL;
    *n_out = 0;
    cir_status status =
        folded != NULL && features != NULL && scores != NULL ? CIR_OK : cir__refuse_memory(err);
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        size_t i_same = n_folded;
        float *one = features + n_folded * dim; /* it stays there if it stands for itself */
        status = cir_index_get_feature(index, hits[i].id, one, err);
        if (status == CIR_OK)
            status = find_same(features, n_folded, dim, one, scores, &i_same, err);
        if (status == CIR_OK && i_same == n_folded)
            folded[n_folded++] = (cir__folded){.i_hit = i};
        else if (status == CIR_OK && !add_id(&folded[i_same], hits[i].id))
            status = cir__refuse_memory(err);
    }
    free(features);
    free(scores);
    if (status != CIR_OK) {
        cir__folded_free(folded, n_folded);
        return status;
    }
    *folded_out = folded;
    *n_out = n_folded;
    return CIR_OK;
}

void cir__folded_free(cir__folded *folded, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(folded[i].ids);
    free(folded);
}
