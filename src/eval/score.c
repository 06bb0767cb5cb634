#include "eval/score.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "search/fuse.h"
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
    scores->block = cir__new_unset(n_rows, scores->batch.n_sides * sizeof *scores->block);
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
    const size_t n = scores->batch.rows->n_rows, *const sides = scores->batch.sides + 2 * i_query;
    float *const fused = scores->scratch, *const v = fused + n, *const t = v + n;
    cir__top top = {.k = k, .hits = top_out};

    cir__batch_side(scores->block, n, sides[0], n, v);
    cir__batch_side(scores->block, n, sides[1], n, t);
    cir__fuse(&query->query.fusion, n, v, t, fused);
    cir__top_push(&top, 0, n, fused, v, t);
    cir__top_sort(top.hits, top.n);
    *n_top_out = top.n;
    return fused;
}

static bool is_before(const float *scores, size_t x, size_t y)
{
    return scores[x] > scores[y] || (scores[x] == scores[y] && x < y);
}

/* The worst goes to the top of the heap. */
static void sift_down(const float *scores, size_t *rows, size_t n, size_t i)
{
    const size_t row = rows[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(scores, rows[child], rows[child + 1]))
            child++; /* the worse one */
        if (!is_before(scores, row, rows[child]))
            break;
        rows[i] = rows[child];
    }
    rows[i] = row;
}

/* Best first. A heap sort, as qsort cannot be told of the scores. */
static void sort(const float *scores, size_t *rows, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(scores, rows, n, i);
    for (size_t end = n; end > 1; end--) {
        const size_t worst = rows[0];
        rows[0] = rows[end - 1];
        rows[end - 1] = worst;
        sift_down(scores, rows, end - 1, 0);
    }
}

void cir__scores_rank(const float *scores, size_t n_rows, size_t *relevant, size_t n_relevant,
                      size_t *ranks_out)
{
    if (n_relevant == 0)
        return;
    sort(scores, relevant, n_relevant);
    memset(ranks_out, 0, n_relevant * sizeof *ranks_out);
    /* Each row counts at the first relevant one that it is before; sums then give the places. */
    const float least = scores[relevant[n_relevant - 1]];
    for (size_t r = 0; r < n_rows; r++) {
        size_t low = 0, high = n_relevant;
        if (scores[r] < least)
            continue;
        while (low < high) {
            const size_t middle = low + (high - low) / 2;
            if (is_before(scores, r, relevant[middle]))
                high = middle;
            else
                low = middle + 1;
        }
        if (low < n_relevant)
            ranks_out[low]++;
    }
    for (size_t i = 1; i < n_relevant; i++)
        ranks_out[i] += ranks_out[i - 1];
}
