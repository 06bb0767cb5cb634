#include "eval/metrics/ties.h"

#include <string.h>

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

/* The first relevant row whose score is at most this one; n where none is. */
static size_t find_first(const float *scores, const size_t *relevant, size_t n, float score)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (score >= scores[relevant[middle]])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t cir__ties_find(const float *scores, size_t n_rows, size_t *relevant, size_t n_relevant,
                      cir__tie *ties_out)
{
    size_t n = 0, n_above = 0;

    if (n_relevant == 0)
        return 0;
    sort(scores, relevant, n_relevant);
    memset(ties_out, 0, n_relevant * sizeof *ties_out);
    /* At the first relevant row that it is not worse than, each row counts as above or as equal; sums then
     * give the places. */
    const float least = scores[relevant[n_relevant - 1]];
    for (size_t r = 0; r < n_rows; r++) {
        if (scores[r] < least)
            continue;
        const size_t first = find_first(scores, relevant, n_relevant, scores[r]);
        if (first == n_relevant)
            continue;
        if (scores[r] == scores[relevant[first]])
            ties_out[first].n_rows++;
        else
            ties_out[first].begin++;
    }
    for (size_t j = 0, end; j < n_relevant; j = end) {
        const cir__tie counted = ties_out[j];
        for (end = j + 1; end < n_relevant && scores[relevant[end]] == scores[relevant[j]];)
            end++;
        n_above += counted.begin;
        ties_out[n++] = (cir__tie){.begin = n_above, .n_rows = counted.n_rows, .n_relevant = end - j};
        n_above += counted.n_rows;
    }
    return n;
}

bool cir__ties_matter(const cir__tie *ties, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ties[i].n_rows > ties[i].n_relevant)
            return true;
    return false;
}

void cir__ties_resolve(const cir__tie *ties, size_t n, cir__tie_order order, cir__tie *resolved_out)
{
    for (size_t i = 0; i < n; i++) {
        cir__tie tie = ties[i];
        if (order == CIR__ORDER_WORST)
            tie.begin += tie.n_rows - tie.n_relevant;
        if (order != CIR__ORDER_ANY)
            tie.n_rows = tie.n_relevant;
        resolved_out[i] = tie;
    }
}

double cir__tie_part_within(const cir__tie *tie, size_t k)
{
    if (k <= tie->begin)
        return 0.0;
    return k - tie->begin >= tie->n_rows ? 1.0 : (double)(k - tie->begin) / (double)tie->n_rows;
}
