#include "eval/distract/rank_counts.h"

#include <stdbool.h>
#include <string.h>

#include "search/fusion.h"

#define CHUNK 32 /* rows that are looked at together: most of them outrank nothing */

static void scores_fill(const cir__rank_counts_branch *vector, const float *products, size_t n, float *out)
{
    if (vector->vector == SIZE_MAX) {
        memset(out, 0, n * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = vector->scale * products[i] + vector->offset;
}

void cir__rank_counts_score(const cir__rank_counts *counted, const float *image_products,
                            const float *text_products, size_t n, const cir__rank_counts_scratch *scratch)
{
    scores_fill(&counted->image, image_products, n, scratch->v);
    scores_fill(&counted->text, text_products, n, scratch->t);
    cir__fusion_apply(&counted->fusion, n, scratch->v, scratch->t, scratch->fused);
}

/* The first positive that a score is not below; there is one. */
static size_t find_first(const cir__rank_counts *counted, float score)
{
    size_t low = 0, high = counted->n_positives - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (score >= counted->scores[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* tally: [2, n_positives], rows above and rows equal. */
static void tally_rows(const cir__rank_counts *counted, const float *scores, size_t n, uint64_t *tally)
{
    const float least = counted->scores[counted->n_positives - 1];
    uint64_t *const equals = tally + counted->n_positives;
    const size_t i_least = find_first(counted, least);
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
                const size_t at = find_first(counted, scores[i]);
                if (scores[i] == counted->scores[at])
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

void cir__rank_counts_add(cir__rank_counts *counted, const float *image_products, const float *text_products,
                          const size_t *ends, size_t n_levels, const cir__rank_counts_scratch *scratch)
{
    const size_t n = counted->n_positives;

    if (n == 0)
        return;
    cir__rank_counts_score(counted, image_products, text_products, ends[n_levels - 1], scratch);
    for (size_t level = 0, begin = 0; level < n_levels; begin = ends[level++]) {
        if (begin == ends[level])
            continue;
        tally_rows(counted, scratch->fused + begin, ends[level] - begin, scratch->tally);
        counts_add(counted->outranks + level * n, scratch->tally, n);
        counts_add(counted->equals + level * n, scratch->tally + n, n);
    }
}

static size_t count_to(const _Atomic(uint64_t) *counts, size_t n, size_t level, size_t i)
{
    uint64_t sum = 0;

    for (size_t l = 0; l <= level; l++)
        sum += atomic_load_explicit(&counts[l * n + i], memory_order_relaxed);
    return (size_t)sum;
}

size_t cir__rank_counts_ties(const cir__rank_counts *counted, size_t level, cir__tie *ties_out)
{
    const size_t n = counted->n_positives;
    size_t n_before = 0, n_ties = 0;

    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && counted->scores[end] == counted->scores[i];)
            end++;
        n_before += count_to(counted->outranks, n, level, i);
        ties_out[n_ties] = (cir__tie){.begin = n_before,
                                      .n_rows = end - i + count_to(counted->equals, n, level, i),
                                      .n_relevant = end - i};
        n_before += ties_out[n_ties++].n_rows;
    }
    return n_ties;
}
