#include "search/top.h"

#include <stdbool.h>
#include <stdlib.h>

static bool is_before(const cir_hit *x, const cir_hit *y)
{
    return x->score > y->score || (x->score == y->score && x->id < y->id);
}

/* Puts hit into the hole at i, whose children are heaps: the worse child moves up while it is worse. */
static void sift_down(cir_hit *hits, size_t n, size_t i, cir_hit hit)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && is_before(&hits[child], &hits[child + 1]))
            child++;
        if (!is_before(&hit, &hits[child]))
            break;
        hits[i] = hits[child];
        i = child;
    }
    hits[i] = hit;
}

static void sift_up(cir_hit *hits, size_t i, cir_hit hit)
{
    while (i > 0 && is_before(&hits[(i - 1) / 2], &hit)) {
        hits[i] = hits[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    hits[i] = hit;
}

void cir__top_push(cir__top *top, size_t first_row, size_t n, const float *scores, const float *image_scores,
                   const float *text_scores)
{
    for (size_t i = 0; i < n; i++) {
        bool is_full = top->n == top->k;
        /* Written so that NaN fails it. Almost every row ends here. */
        if (!(is_full ? scores[i] >= top->hits[0].score : scores[i] == scores[i]))
            continue;
        cir_hit hit = {first_row + i, scores[i], image_scores[i], text_scores[i]};
        if (!is_full)
            sift_up(top->hits, top->n++, hit);
        else if (is_before(&hit, &top->hits[0]))
            sift_down(top->hits, top->n, 0, hit);
    }
}

static int compare(const void *x, const void *y)
{
    return is_before(x, y) ? -1 : is_before(y, x) ? 1 : 0;
}

void cir__top_sort(cir_hit *hits, size_t n)
{
    qsort(hits, n, sizeof *hits, compare);
}
