/* Expected metrics against all orders of equal scores where these can be tried, drawn orders where they
 * cannot, and sums place by place where a group is large. Each order's own metrics come from a ranking spelt
 * out here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the above first. */
#include <cmocka.h>

#include "eval/metrics/curve.h"
#include "eval/metrics/metrics.h"

enum { MOST = 4000, N_METRICS = 8 };

static void assert_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.15g and %.15g are farther apart than %g", a, b, tolerance);
}

/* A list as it was scored: rows in no particular order. */
typedef struct list {
    size_t n, n_relevant;
    float scores[MOST];
    bool is_relevant[MOST];
} list;

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 33;
}

/* n rows of so many different scores, about one in `rarity` of them relevant. */
static void list_fill(list *out, size_t n, size_t n_scores, size_t rarity, uint64_t *state)
{
    out->n = n;
    out->n_relevant = 0;
    for (size_t r = 0; r < n; r++) {
        out->scores[r] = (float)(random_next(state) % n_scores) - 2.0f;
        out->is_relevant[r] = random_next(state) % rarity == 0;
        out->n_relevant += out->is_relevant[r];
    }
}

/* All metrics of one order, from whether the row at each place is relevant: written from doc/method.md, Metrics. */
static void judge_order(const bool *places, size_t n, size_t n_relevant, double metrics[N_METRICS])
{
    size_t n_seen = 0;

    memset(metrics, 0, N_METRICS * sizeof *metrics);
    for (size_t r = 0; r < n; r++) {
        if (!places[r])
            continue;
        const double before = r == 0 ? 1 : (double)n_seen / (double)r,
                     after = (double)(n_seen + 1) / (double)(r + 1);
        metrics[0] += (before + after) / 2 / ((double)n_relevant + 1e-5);
        metrics[1] += after / (double)n_relevant;
        metrics[2] += r < 3 ? after / (double)(n_relevant < 3 ? n_relevant : 3) : 0;
        metrics[3] += (r < 1) / ((double)n_relevant + 1e-5);
        metrics[4] += (r < 5) / ((double)n_relevant + 1e-5);
        metrics[5] += (r < 5) / ((double)(n_relevant < 5 ? n_relevant : 5) + 1e-5);
        n_seen++;
    }
}

/* The same from groups. */
static void judge_ties(const cir__tie *ties, size_t n_ties, size_t n_relevant, double metrics[N_METRICS])
{
    memset(metrics, 0, N_METRICS * sizeof *metrics);
    metrics[0] = cir__metrics_ap(ties, n_ties, n_relevant);
    metrics[1] = cir__metrics_ap_paper(ties, n_ties, n_relevant);
    metrics[2] = n_relevant == 0 ? 0 : cir__metrics_ap_at(ties, n_ties, n_relevant, 3);
    metrics[3] = cir__metrics_recall(ties, n_ties, n_relevant, 1);
    metrics[4] = cir__metrics_recall(ties, n_ties, n_relevant, 5);
    metrics[5] = cir__metrics_precision(ties, n_ties, n_relevant, 5);
}

static size_t find_ties(const list *rows, bool is_reversed, cir__tie *ties)
{
    static float scores[MOST];
    static size_t relevant[MOST];
    size_t n = 0;
    for (size_t r = 0; r < rows->n; r++) {
        const size_t at = is_reversed ? rows->n - 1 - r : r;
        scores[r] = rows->scores[at];
        if (rows->is_relevant[at])
            relevant[n++] = r;
    }
    return cir__ties_find(scores, rows->n, relevant, n, ties);
}

/* What orders gave, so far. */
typedef struct tally {
    double sums[N_METRICS], low[N_METRICS], high[N_METRICS];
    size_t n;
} tally;

static void tally_add(tally *all, const bool *places, size_t n, size_t n_relevant)
{
    double metrics[N_METRICS];
    judge_order(places, n, n_relevant, metrics);
    for (size_t i = 0; i < N_METRICS; i++) {
        all->low[i] = all->n == 0 ? metrics[i] : fmin(all->low[i], metrics[i]);
        all->high[i] = all->n == 0 ? metrics[i] : fmax(all->high[i], metrics[i]);
        all->sums[i] += metrics[i];
    }
    all->n++;
}

/* Every order of the rows that does not put a worse one before a better one. */
static void try_all(const list *rows, size_t *order, size_t n_placed, tally *all)
{
    if (n_placed == rows->n) {
        bool places[16];
        for (size_t i = 0; i < rows->n; i++)
            places[i] = rows->is_relevant[order[i]];
        tally_add(all, places, rows->n, rows->n_relevant);
        return;
    }
    for (size_t r = 0; r < rows->n; r++) {
        bool may_be_next = true;
        for (size_t i = 0; i < n_placed; i++)
            may_be_next = may_be_next && order[i] != r;
        for (size_t other = 0; other < rows->n && may_be_next; other++) {
            bool is_placed = other == r;
            for (size_t i = 0; i < n_placed; i++)
                is_placed = is_placed || order[i] == other;
            may_be_next = is_placed || rows->scores[other] <= rows->scores[r];
        }
        if (!may_be_next)
            continue;
        order[n_placed] = r;
        try_all(rows, order, n_placed + 1, all);
    }
}

static void test_against_all_orders(void **state)
{
    (void)state;
    static list rows;
    uint64_t random = 5;
    size_t n_tied = 0;
    for (size_t trial = 0; trial < 300; trial++) {
        size_t order[16];
        tally all = {.n = 0};
        cir__tie ties[16], resolved[16];
        double expected[N_METRICS], low[N_METRICS], high[N_METRICS];
        list_fill(&rows, 1 + trial % 7, 1 + random_next(&random) % 4, 2, &random);
        if (rows.n_relevant == 0)
            continue;
        try_all(&rows, order, 0, &all);
        const size_t n = find_ties(&rows, false, ties);
        judge_ties(ties, n, rows.n_relevant, expected);
        cir__ties_resolve(ties, n, CIR__ORDER_WORST, resolved);
        judge_ties(resolved, n, rows.n_relevant, low);
        cir__ties_resolve(ties, n, CIR__ORDER_BEST, resolved);
        judge_ties(resolved, n, rows.n_relevant, high);
        for (size_t i = 0; i < N_METRICS; i++) {
            assert_near(expected[i], all.sums[i] / (double)all.n, 1e-12);
            assert_near(low[i], all.low[i], 1e-12);
            assert_near(high[i], all.high[i], 1e-12);
        }
        assert_true(cir__ties_matter(ties, n) == (all.low[0] < all.high[0] - 1e-9));
        n_tied += cir__ties_matter(ties, n);
    }
    assert_true(n_tied > 100);
}

static int compare_scores(const void *a, const void *b)
{
    const double x = ((const double *)a)[0], y = ((const double *)b)[0];
    return (x < y) - (x > y);
}

/* One drawn order: sorted by score, and within a score by a random number below the least step of scores. */
static void draw_order(const list *rows, uint64_t *random, bool *places)
{
    static double keyed[MOST][2];
    for (size_t r = 0; r < rows->n; r++) {
        keyed[r][0] = (double)rows->scores[r] + (double)random_next(random) / 4294967296.0;
        keyed[r][1] = rows->is_relevant[r];
    }
    qsort(keyed, rows->n, sizeof keyed[0], compare_scores);
    for (size_t i = 0; i < rows->n; i++)
        places[i] = keyed[i][1] != 0;
}

static void test_against_drawn_orders(void **state)
{
    (void)state;
    enum { N_DRAWS = 4000 };
    static list rows;
    static cir__tie ties[MOST];
    static bool places[MOST];
    uint64_t random = 77;
    for (size_t trial = 0; trial < 4; trial++) {
        double expected[N_METRICS], sums[N_METRICS] = {0}, squares[N_METRICS] = {0};
        list_fill(&rows, 200 + 100 * trial, 3 + trial, 20, &random);
        judge_ties(ties, find_ties(&rows, false, ties), rows.n_relevant, expected);
        for (size_t draw = 0; draw < N_DRAWS; draw++) {
            double metrics[N_METRICS];
            draw_order(&rows, &random, places);
            judge_order(places, rows.n, rows.n_relevant, metrics);
            for (size_t i = 0; i < N_METRICS; i++) {
                sums[i] += metrics[i];
                squares[i] += metrics[i] * metrics[i];
            }
        }
        for (size_t i = 0; i < N_METRICS; i++) {
            const double mean = sums[i] / N_DRAWS, variance = squares[i] / N_DRAWS - mean * mean;
            /* Five standard errors: with these seeds, a fixed outcome. */
            assert_near(expected[i], mean, 5 * sqrt(fmax(variance, 0) / N_DRAWS) + 1e-9);
        }
    }
}

static void test_the_order_of_the_list_is_nothing(void **state)
{
    (void)state;
    static list rows;
    static cir__tie ties[MOST], turned[MOST];
    uint64_t random = 3;
    for (size_t trial = 0; trial < 20; trial++) {
        float curve[CIR_N_CURVE], curve_turned[CIR_N_CURVE];
        list_fill(&rows, 1 + 37 * trial, 1 + trial, 5, &random);
        const size_t n = find_ties(&rows, false, ties);
        assert_int_equal(find_ties(&rows, true, turned), n);
        assert_memory_equal(ties, turned, n * sizeof *ties);
        cir__curve_fill(ties, n, rows.n_relevant, curve);
        cir__curve_fill(turned, n, rows.n_relevant, curve_turned);
        assert_memory_equal(curve, curve_turned, sizeof curve);
    }
}

/* Large groups go by a series; place by place it is the same sum. */
static void test_a_large_group(void **state)
{
    (void)state;
    static const cir__tie cases[] = {{0, 1000000, 3},   {1, 1000000, 1000},   {63, 130, 2}, {64, 128, 127},
                                     {1000000, 63, 10}, {5, 2000000, 150000}, {0, 65, 64}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* Before the group, relevant rows hold every place. */
        const size_t begin = cases[i].begin, t = cases[i].n_rows, r = cases[i].n_relevant, n = begin + r;
        const cir__tie ties[] = {{0, begin, begin}, cases[i]};
        const size_t first = begin == 0;
        double trapezoid = 0, paper = 0;
        for (size_t p = 0; p < t; p++) {
            const double n_before = (double)begin + (double)p * (double)(r - 1) / (double)(t - 1);
            const double before = begin + p == 0 ? 1 : n_before / (double)(begin + p);
            const double after = (n_before + 1) / (double)(begin + p + 1);
            trapezoid += (double)r / (double)t * (before + after) / 2;
            paper += (double)r / (double)t * after;
        }
        for (size_t p = 0; p < begin; p++) {
            trapezoid += 1;
            paper += 1;
        }
        assert_near(cir__metrics_ap(ties + first, 2 - first, n), trapezoid / ((double)n + 1e-5), 1e-9);
        assert_near(cir__metrics_ap_paper(ties + first, 2 - first, n), paper / (double)n, 1e-9);
    }
}

static void test_a_row_among_its_equals(void **state)
{
    (void)state;
    const cir__tie tie = {.begin = 4, .n_rows = 8, .n_relevant = 1};
    assert_true(cir__tie_part_within(&tie, 4) == 0.0);
    assert_true(cir__tie_part_within(&tie, 5) == 0.125);
    assert_true(cir__tie_part_within(&tie, 10) == 0.75);
    assert_true(cir__tie_part_within(&tie, 12) == 1.0);
    assert_true(cir__tie_part_within(&tie, 50) == 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_all_orders),
        cmocka_unit_test(test_against_drawn_orders),
        cmocka_unit_test(test_the_order_of_the_list_is_nothing),
        cmocka_unit_test(test_a_large_group),
        cmocka_unit_test(test_a_row_among_its_equals),
    };
    return cmocka_run_group_tests_name("ties", tests, NULL, NULL);
}
