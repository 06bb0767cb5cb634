#include "eval/score.h"

#include <cblas.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "linalg/blas.h"
#include "search/fuse.h"
#include "search/top.h"

/* The distinct sides of a batch. */
typedef struct side_list {
    size_t dim;
    size_t n;
    float *weights; /* [n, dim] */
    float *offsets; /* [n] */
} side_list;

/* The number of a side, which is added where it is new. A photo's queries stand together, so that looking
 * from the end finds it soon. */
static size_t side_put(side_list *sides, const float *weights, float offset)
{
    if (weights == NULL)
        return SIZE_MAX;
    for (size_t s = sides->n; s-- > 0;)
        if (sides->offsets[s] == offset &&
            memcmp(sides->weights + s * sides->dim, weights, sides->dim * sizeof *weights) == 0)
            return s;
    memcpy(sides->weights + sides->n * sides->dim, weights, sides->dim * sizeof *weights);
    sides->offsets[sides->n] = offset;
    return sides->n++;
}

static cir_status multiply(const cir_rows *rows, const side_list *sides, cir__scores *scores, cir_error *err)
{
    const size_t n = rows->n_rows, dim = rows->dim;
    size_t n_floats;

    if (!cir__blas_fits(n) || !cir__blas_fits(dim))
        return cir__fail(
            err, CIR_SHAPE,
            "a gallery has %zu rows of dimension %zu, more than the matrix product takes; split it", n, dim);
    if (cir__size_mul(sides->n, n, &n_floats))
        scores->products = cir__new_unset(n_floats, sizeof *scores->products);
    if (scores->products == NULL)
        return cir__fail_memory(err, "scores");
    for (size_t s = 0; s < sides->n; s++)
        for (size_t r = 0; r < n; r++)
            scores->products[s * n + r] = sides->offsets[s];
    cir__blas_init();
    if (sides->n > 0 && n > 0)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)sides->n, (blasint)n, (blasint)dim,
                    1.0f, sides->weights, (blasint)dim, rows->f32, (blasint)dim, 1.0f, scores->products,
                    (blasint)n);
    return CIR_OK;
}

cir_status cir__scores_new(const cir_rows *rows, const cir_composed *queries, size_t n_queries,
                           cir__scores *scores_out, cir_error *err)
{
    side_list sides = {.dim = rows->dim};
    size_t n_weights;
    cir_status status = CIR_OK;

    *scores_out = (cir__scores){.n_rows = rows->n_rows};
    scores_out->sides = cir__new(n_queries, 2 * sizeof *scores_out->sides);
    scores_out->scratch = cir__new_unset(rows->n_rows, 3 * sizeof *scores_out->scratch);
    if (cir__size_mul(2 * rows->dim, n_queries, &n_weights))
        sides.weights = cir__new_unset(n_weights, sizeof *sides.weights);
    sides.offsets = cir__new_unset(n_queries, 2 * sizeof *sides.offsets);
    if (scores_out->sides == NULL || scores_out->scratch == NULL || sides.weights == NULL ||
        sides.offsets == NULL) {
        status = cir__fail_memory(err, "scores");
        goto exit;
    }
    for (size_t i = 0; i < n_queries && status == CIR_OK; i++) {
        const cir_query *const query = &queries[i].query;
        scores_out->sides[2 * i] = side_put(&sides, query->a, query->a0);
        scores_out->sides[2 * i + 1] = side_put(&sides, query->b, query->b0);
        status = cir__fuse_check(&query->fusion, err);
    }
    if (status == CIR_OK)
        status = multiply(rows, &sides, scores_out, err);
exit:
    free(sides.weights);
    free(sides.offsets);
    return status;
}

void cir__scores_done(cir__scores *scores)
{
    free(scores->products);
    free(scores->sides);
    free(scores->scratch);
    memset(scores, 0, sizeof *scores);
}

static void side_get(const cir__scores *scores, size_t side, float *out)
{
    if (side == SIZE_MAX)
        memset(out, 0, scores->n_rows * sizeof *out);
    else
        memcpy(out, scores->products + side * scores->n_rows, scores->n_rows * sizeof *out);
}

const float *cir__scores_get(cir__scores *scores, const cir_composed *query, size_t i_query, size_t k,
                             cir_hit *top_out, size_t *n_top_out)
{
    const size_t n = scores->n_rows;
    float *const fused = scores->scratch, *const v = fused + n, *const t = v + n;
    cir__top top = {.k = k, .hits = top_out};

    side_get(scores, scores->sides[2 * i_query], v);
    side_get(scores, scores->sides[2 * i_query + 1], t);
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
