#include "eval/contest.h"

#include <stdbool.h>
#include <string.h>

#include "search/fuse.h"

#define CHUNK 32 /* rows that are looked at together: most of them outrank nothing */

static void scores_fill(const cir__contest_side *side, const float *products, size_t n, float *out)
{
    if (side->side == SIZE_MAX) {
        memset(out, 0, n * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = side->scale * products[i] + side->offset;
}

void cir__contest_score(const cir__contest *contest, const float *image_products, const float *text_products,
                        size_t n, const cir__contest_scratch *scratch)
{
    scores_fill(&contest->image, image_products, n, scratch->v);
    scores_fill(&contest->text, text_products, n, scratch->t);
    cir__fuse(&contest->fusion, n, scratch->v, scratch->t, scratch->fused);
}

/* The first positive that a score is above; there is one. */
static size_t find_outranked(const cir__contest *contest, float score)
{
    size_t low = 0, high = contest->n_positives - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (score > contest->scores[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void tally_rows(const cir__contest *contest, const float *scores, size_t n, uint64_t *tally)
{
    const float least = contest->scores[contest->n_positives - 1];
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t end = n - first < CHUNK ? n : first + CHUNK;
        unsigned n_above = 0;
        for (size_t i = first; i < end; i++)
            n_above += scores[i] > least;
        for (size_t i = first; i < end && n_above > 0; i++)
            if (scores[i] > least) {
                tally[find_outranked(contest, scores[i])]++;
                n_above--;
            }
    }
}

void cir__contest_count(cir__contest *contest, const float *image_products, const float *text_products,
                        const size_t *ends, size_t n_levels, const cir__contest_scratch *scratch)
{
    const size_t n = contest->n_positives;

    if (n == 0)
        return;
    cir__contest_score(contest, image_products, text_products, ends[n_levels - 1], scratch);
    for (size_t level = 0, begin = 0; level < n_levels; begin = ends[level++]) {
        if (begin == ends[level])
            continue;
        tally_rows(contest, scratch->fused + begin, ends[level] - begin, scratch->tally);
        for (size_t i = 0; i < n; i++)
            if (scratch->tally[i] > 0) { /* sums of whole numbers: who adds first does not matter */
                atomic_fetch_add_explicit(&contest->outranks[level * n + i], scratch->tally[i],
                                          memory_order_relaxed);
                scratch->tally[i] = 0;
            }
    }
}

void cir__contest_rank(const cir__contest *contest, size_t level, size_t *ranks_out)
{
    const size_t n = contest->n_positives;
    uint64_t n_before = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t l = 0; l <= level; l++)
            n_before += atomic_load_explicit(&contest->outranks[l * n + i], memory_order_relaxed);
        ranks_out[i] = i + (size_t)n_before;
    }
}
