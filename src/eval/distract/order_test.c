/* That the order is a permutation, and about as even as a random one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "eval/distract/order.h"

static void test_every_place_is_taken_once(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 2, 3, 4, 5, 16, 17, 1000, 4096, 4097, 100003};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const uint64_t n = sizes[s];
        unsigned char *taken = calloc(n, 1);
        cir__order order;
        cir__order_init(&order, n, s);
        for (uint64_t row = 0; row < n; row++) {
            const uint64_t place = cir__order_place(&order, row);
            assert_true(place < n);
            assert_int_equal(taken[place]++, 0);
        }
        free(taken);
    }
}

/* The rows of the first tenth of places, counted in 50 stretches of the file: chi-squared of 49 degrees of
 * freedom lies below 95 with a probability of 0.9999. Neighbours in the file are no neighbours in the
 * order. */
static void test_is_even(void **state)
{
    (void)state;
    enum { N = 100000, N_STRETCHES = 50 };
    for (uint64_t seed = 0; seed < 5; seed++) {
        size_t counts[N_STRETCHES] = {0}, n_steps = 0;
        uint64_t before = N;
        cir__order order;
        cir__order_init(&order, N, seed);
        for (uint64_t row = 0; row < N; row++) {
            const uint64_t place = cir__order_place(&order, row);
            counts[row / (N / N_STRETCHES)] += place < N / 10;
            n_steps += place == before + 1;
            before = place;
        }
        const double expected = N / 10.0 / N_STRETCHES;
        double chi_squared = 0;
        for (size_t i = 0; i < N_STRETCHES; i++)
            chi_squared += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
        assert_true(chi_squared < 95);
        assert_true(n_steps < 12); /* one is expected */
    }
}

static void test_seeds_and_sizes_give_other_orders(void **state)
{
    (void)state;
    cir__order orders[3];
    size_t n_equal = 0;
    cir__order_init(&orders[0], 5000, 0);
    cir__order_init(&orders[1], 5000, 1);
    cir__order_init(&orders[2], 5000, 0);
    for (uint64_t row = 0; row < 5000; row++) {
        n_equal += cir__order_place(&orders[0], row) == cir__order_place(&orders[1], row);
        assert_int_equal(cir__order_place(&orders[0], row), cir__order_place(&orders[2], row));
    }
    assert_true(n_equal < 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_place_is_taken_once),
        cmocka_unit_test(test_is_even),
        cmocka_unit_test(test_seeds_and_sizes_give_other_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
