/* Intervals and permutation tests against metrics worked out by hand; test/eval_stats_test.py holds them
 * against numpy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>

#include "eval/metrics/statistics.h"

static cir__groups gather(const double *values, const size_t *groups, size_t n, size_t n_groups)
{
    cir__groups made;
    assert_int_equal(cir__groups_new(values, groups, n, n_groups, &made, NULL), CIR_OK);
    return made;
}

static void test_sums_leave_out_empty_groups(void **state)
{
    (void)state;
    const double values[] = {0.5, 1.0, 0.0, 0.25, 0.75};
    const size_t numbers[] = {2, 0, 2, 2, 0};
    cir__groups groups = gather(values, numbers, 5, 4);
    assert_int_equal(groups.n, 2);
    assert_true(fabs(cir__groups_micro(&groups) - 50) < 1e-12);
    assert_true(fabs(cir__groups_macro(&groups) - (87.5 + 25) / 2) < 1e-12);
    cir__groups_done(&groups);
}

static void test_signs_are_all_tried_where_few(void **state)
{
    (void)state;
    /* |±1 ±2 ±3| ≥ 6 for 2 of 8 patterns; with −1 in place of 1 the sum is 4: |…| ≥ 4 for 4 of 8. */
    const double all_up[] = {1, 2, 3}, one_down[] = {-1, 2, 3}, none[] = {0, 0, 0};
    const size_t numbers[] = {0, 1, 2};
    double micro, macro;
    bool is_exact;
    cir__groups groups = gather(all_up, numbers, 3, 3);
    cir__groups_flip(&groups, 0, &micro, &macro, &is_exact);
    assert_true(is_exact && micro == 0.25 && macro == 0.25);
    cir__groups_done(&groups);
    groups = gather(one_down, numbers, 3, 3);
    cir__groups_flip(&groups, 0, &micro, &macro, &is_exact);
    assert_true(is_exact && micro == 0.5 && macro == 0.5);
    cir__groups_done(&groups);
    groups = gather(none, numbers, 3, 3);
    cir__groups_flip(&groups, 0, &micro, &macro, &is_exact);
    assert_true(micro == 1 && macro == 1);
    cir__groups_done(&groups);
}

static void test_many_signs_are_drawn(void **state)
{
    (void)state;
    enum { N = 100 }; /* more than 64: several words of signs */
    double values[N], micro, macro;
    size_t numbers[N];
    bool is_exact;
    for (size_t i = 0; i < N; i++) {
        values[i] = i < 60 ? 1 : -1;
        numbers[i] = i;
    }
    cir__groups groups = gather(values, numbers, N, N);
    cir__groups_flip(&groups, 0, &micro, &macro, &is_exact);
    /* Binomial(100, ½): P(X ≥ 60 or X ≤ 40) = 0.056888; 4 standard errors of 99,999 draws are 0.003. */
    assert_false(is_exact);
    assert_true(fabs(micro - 0.056888) < 0.003 && micro == macro);
    double again, again_macro;
    cir__groups_flip(&groups, 0, &again, &again_macro, &is_exact);
    assert_true(again == micro);
    cir__groups_flip(&groups, 1, &again, &again_macro, &is_exact);
    assert_true(again != micro);
    cir__groups_done(&groups);
}

static void test_intervals(void **state)
{
    (void)state;
    enum { N = 400 };
    double values[N];
    size_t numbers[N];
    for (size_t i = 0; i < N; i++) {
        values[i] = i % 2 == 0 ? 0.25 : 0.75;
        numbers[i] = i;
    }
    cir_interval micro, macro;
    cir__groups groups = gather(values, numbers, N, N);
    assert_int_equal(cir__groups_resample(&groups, 0, &micro, &macro, NULL), CIR_OK);
    /* Standard error 0.25 / √400 = 1.25 %; 1.96 of them are 2.45. */
    assert_true(fabs(micro.low - (50 - 2.45)) < 0.15 && fabs(micro.high - (50 + 2.45)) < 0.15);
    assert_true(fabs(macro.low - micro.low) < 1e-9 && fabs(macro.high - micro.high) < 1e-9);
    cir__groups_done(&groups);

    for (size_t i = 0; i < N; i++)
        numbers[i] = 0; /* one group: nothing to resample */
    groups = gather(values, numbers, N, 1);
    assert_int_equal(cir__groups_resample(&groups, 0, &micro, &macro, NULL), CIR_OK);
    assert_true(micro.low == 50 && micro.high == 50 && macro.low == 50);
    cir__groups_done(&groups);
    groups = gather(values, numbers, 0, 0);
    assert_int_equal(cir__groups_resample(&groups, 0, &micro, &macro, NULL), CIR_OK);
    assert_true(micro.low == 0 && macro.high == 0);
    cir__groups_done(&groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_leave_out_empty_groups),
        cmocka_unit_test(test_signs_are_all_tried_where_few),
        cmocka_unit_test(test_many_signs_are_drawn),
        cmocka_unit_test(test_intervals),
    };
    return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
