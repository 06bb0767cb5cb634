#include "eval/run/score.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "search/fusion.h"
#include "search/top.h"

cir_status cir__scores_new(const cir_rows *rows, const cir_composed *queries, size_t n_queries,
                           cir__scores *scores_out, cir_error *err)
{
    cir__scores *const scores = scores_out;
    const size_t n_rows = rows->n_rows;

    memset(scores, 0, sizeof *scores);
    cir_status status =
        cir__batch_init(&scores->batch, rows, &queries->query, n_queries, sizeof *queries, err);
    if (status != CIR_OK)
        return status;
    scores->scratch = cir__new_unset(n_rows, 3 * sizeof *scores->scratch);
    scores->block = cir__new_unset(n_rows, scores->batch.n_forms * sizeof *scores->block);
    if (scores->scratch == NULL || scores->block == NULL)
        return cir__fail_memory(err, "scores");
    cir__batch_scores(&scores->batch, 0, n_rows, scores->block, n_rows);
    return CIR_OK;
}

void cir__scores_done(cir__scores *scores)
{
    cir__batch_done(&scores->batch);
    free(scores->block);
    free(scores->scratch);
    memset(scores, 0, sizeof *scores);
}

const float *cir__scores_get(cir__scores *scores, const cir_composed *query, size_t i_query, size_t k,
                             cir_hit *top_out, size_t *n_top_out)
{
    const size_t n = scores->batch.rows->n_rows, *const forms = scores->batch.forms + 2 * i_query;
    float *const fused = scores->scratch, *const v = fused + n, *const t = v + n;
    cir__top top = {.k = k, .hits = top_out};

    cir__batch_form_scores(scores->block, n, forms[0], n, v);
    cir__batch_form_scores(scores->block, n, forms[1], n, t);
    cir__fusion_apply(&query->query.fusion, n, v, t, fused);
    cir__top_push(&top, 0, n, fused, v, t);
    cir__top_sort(top.hits, top.n);
    *n_top_out = top.n;
    return fused;
}
