/* Metrics against metrics worked out by hand. The epsilon of 1e-5 in the reference's divisor is part of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "eval/metrics/metrics.h"

/* Ranks of relevant rows that share their scores with none, as groups of one. */
static const cir__tie *single(const size_t *ranks, size_t n)
{
    static cir__tie ties[8];
    for (size_t i = 0; i < n; i++)
        ties[i] = (cir__tie){.begin = ranks[i], .n_rows = 1, .n_relevant = 1};
    return ties;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void test_AP_by_the_trapezoid_rule(void **state)
{
    (void)state;
    const size_t first[] = {0}, second[] = {1}, two[] = {0, 2}, late[] = {1, 3, 9};
    assert_true(is_near(cir__metrics_ap(single(first, 1), 1, 1), 1 / 1.00001));
    /* rank 1: precision goes from 0/1 to 1/2 */
    assert_true(is_near(cir__metrics_ap(single(second, 1), 1, 1), 0.25 / 1.00001));
    /* ranks 0 and 2: (1 + 1)/2 and (1/2 + 2/3)/2 */
    assert_true(is_near(cir__metrics_ap(single(two, 2), 2, 2), (1 + 7.0 / 12) / 2.00001));
    /* one of four was not found: (0 + 1/2)/2, (1/3 + 2/4)/2, (2/9 + 3/10)/2 */
    assert_true(is_near(cir__metrics_ap(single(late, 3), 3, 4), (0.25 + 5.0 / 12 + 47.0 / 180) / 4.00001));
    assert_true(cir__metrics_ap(NULL, 0, 0) == 0.0);
}

static void test_recall(void **state)
{
    (void)state;
    const size_t ranks[] = {0, 4, 5, 49};
    assert_true(is_near(cir__metrics_recall(single(ranks, 4), 4, 4, 1), 1 / 4.00001));
    assert_true(is_near(cir__metrics_recall(single(ranks, 4), 4, 4, 5), 2 / 4.00001));
    assert_true(is_near(cir__metrics_recall(single(ranks, 4), 4, 5, 10), 3 / 5.00001));
    assert_true(is_near(cir__metrics_recall(single(ranks, 4), 4, 4, 50), 4 / 4.00001));
    assert_true(cir__metrics_recall(NULL, 0, 0, 10) == 0.0);
}

static void test_AP_in_the_papers_wording(void **state)
{
    (void)state;
    const size_t first[] = {0}, late[] = {1, 3, 9};
    assert_true(is_near(cir__metrics_ap_paper(single(first, 1), 1, 1), 1));
    /* one of four was not found: precisions 1/2, 2/4, 3/10, 0 */
    assert_true(is_near(cir__metrics_ap_paper(single(late, 3), 3, 4), (0.5 + 0.5 + 0.3) / 4));
    assert_true(cir__metrics_ap_paper(NULL, 0, 0) == 0.0);
    assert_true(cir__metrics_ap_paper(NULL, 0, 2) == 0.0);
}

static void test_precision(void **state)
{
    (void)state;
    const size_t ranks[] = {0, 4, 5, 49};
    assert_true(is_near(cir__metrics_precision(single(ranks, 4), 4, 4, 1), 1 / 1.00001));
    assert_true(is_near(cir__metrics_precision(single(ranks, 4), 4, 4, 5), 2 / 4.00001));
    assert_true(is_near(cir__metrics_precision(single(ranks, 4), 4, 20, 10), 3 / 10.00001));
    assert_true(is_near(cir__metrics_precision(single(ranks, 4), 4, 4, 50), 4 / 4.00001));
    assert_true(cir__metrics_precision(NULL, 0, 0, 10) == 0.0);
}

static void test_means_over_queries_and_instances(void **state)
{
    (void)state;
    const double AP[] = {0.5, 1.0, 0.0, 0.25, 0.75};
    const size_t instances[] = {2, 0, 2, 2, 0}; /* instance 1 has none */
    const cir__metrics_means means = cir__metrics_average(AP, instances, 5, 3);
    assert_true(is_near(means.mAP, 50));
    assert_true(is_near(means.mmAP, (87.5 + 25) / 2));
    assert_true(is_near(means.minmAP, (75 + 0) / 2.0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_AP_by_the_trapezoid_rule),         cmocka_unit_test(test_recall),
        cmocka_unit_test(test_AP_in_the_papers_wording),         cmocka_unit_test(test_precision),
        cmocka_unit_test(test_means_over_queries_and_instances),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
