#include "eval/distract/contest.h"

#include <stdbool.h>
#include <string.h>

#include "search/fusion.h"

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
    cir__fusion_apply(&contest->fusion, n, scratch->v, scratch->t, scratch->fused);
}

/* The first positive that a score is not below; there is one. */
static size_t find_first(const cir__contest *contest, float score)
{
    size_t low = 0, high = contest->n_positives - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (score >= contest->scores[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* tally: [2, n_positives], rows above and rows equal. */
static void tally_rows(const cir__contest *contest, const float *scores, size_t n, uint64_t *tally)
{
    const float least = contest->scores[contest->n_positives - 1];
    uint64_t *const equals = tally + contest->n_positives;
    const size_t i_least = find_first(contest, least);
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t end = n - first < CHUNK ? n : first + CHUNK;
        unsigned n_above = 0, n_least = 0;
        for (size_t i = first; i < end; i++) {
            n_above += scores[i] > least;
            n_least += scores[i] == least; /* of clamped scores, often half of all */
        }
        equals[i_least] += n_least;
        for (size_t i = first; i < end && n_above > 0; i++)
            if (scores[i] > least) {
                const size_t at = find_first(contest, scores[i]);
                if (scores[i] == contest->scores[at])
                    equals[at]++;
                else
                    tally[at]++;
                n_above--;
            }
    }
}

static void counts_add(_Atomic(uint64_t) *counts, uint64_t *tally, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tally[i] > 0) { /* sums of whole numbers: who adds first does not matter */
            atomic_fetch_add_explicit(&counts[i], tally[i], memory_order_relaxed);
            tally[i] = 0;
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
        counts_add(contest->outranks + level * n, scratch->tally, n);
        counts_add(contest->equals + level * n, scratch->tally + n, n);
    }
}

static size_t count_to(const _Atomic(uint64_t) *counts, size_t n, size_t level, size_t i)
{
    uint64_t sum = 0;

    for (size_t l = 0; l <= level; l++)
        sum += atomic_load_explicit(&counts[l * n + i], memory_order_relaxed);
    return (size_t)sum;
}

size_t cir__contest_ties(const cir__contest *contest, size_t level, cir__tie *ties_out)
{
    const size_t n = contest->n_positives;
    size_t n_before = 0, n_ties = 0;

    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && contest->scores[end] == contest->scores[i];)
            end++;
        n_before += count_to(contest->outranks, n, level, i);
        ties_out[n_ties] = (cir__tie){.begin = n_before,
                                      .n_rows = end - i + count_to(contest->equals, n, level, i),
                                      .n_relevant = end - i};
        n_before += ties_out[n_ties++].n_rows;
    }
    return n_ties;
}
