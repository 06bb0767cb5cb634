/* Against the same in double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "model/made_model.h"
#include "model/rowwise.h"

#define MAX_N 300

static void test_softmax(void **state)
{
    (void)state;
    static const float reaches[] = {0.5F, 4, 32, 512};
    for (size_t n = 1; n < MAX_N; n += n < 40 ? 1 : 37)
        for (size_t k = 0; k < 4; k++) {
            float row[MAX_N];
            cir__made_draw("softmax", n, reaches[k], row);
            double max = -1e9;
            double sum = 0;
            double right[MAX_N];
            for (size_t i = 0; i < n; i++)
                max = fmax(max, (double)row[i]);
            for (size_t i = 0; i < n; i++)
                sum += right[i] = exp((double)row[i] - max);
            cir__softmax(row, n);
            for (size_t i = 0; i < n; i++)
                /* Exponentials 3e-7, their sum and the scaling a few roundings; below e^−87 anything tiny. */
                assert_true(fabs((double)row[i] - right[i] / sum) <= 1e-6 * right[i] / sum + 2e-38);
        }
    float odd[] = {1, NAN, 2};
    cir__softmax(odd, 3);
    assert_true(isnan(odd[0]) && isnan(odd[1]) && isnan(odd[2]));
}

static void test_layer_norm(void **state)
{
    (void)state;
    for (size_t n = 1; n < MAX_N; n += n < 40 ? 1 : 37) {
        float rows[2 * MAX_N];
        float weight[MAX_N];
        float bias[MAX_N];
        float out[2 * MAX_N];
        cir__made_draw("rows", 2 * n, 4, rows);
        cir__made_draw("weight", n, 2, weight);
        cir__made_draw("bias", n, 1, bias);
        for (size_t i = n; i < 2 * n; i++)
            rows[i] += 100; /* far from 0: the variance must not cancel away */
        cir__layer_norm(rows, 2, n, weight, bias, 1e-5F, out);
        for (size_t r = 0; r < 2; r++) {
            double mean = 0;
            double variance = 0;
            for (size_t i = 0; i < n; i++)
                mean += (double)rows[r * n + i] / (double)n;
            for (size_t i = 0; i < n; i++)
                variance += ((double)rows[r * n + i] - mean) * ((double)rows[r * n + i] - mean) / (double)n;
            for (size_t i = 0; i < n; i++) {
                double right = ((double)rows[r * n + i] - mean) / sqrt(variance + 1e-5) * (double)weight[i] +
                               (double)bias[i];
                /* A mean of 100 is known to 1e-5 or so; so are the differences from it. */
                assert_true(fabs((double)out[r * n + i] - right) <=
                            (r == 0 ? 1e-5 : 2e-4) + (n < 3 ? 2e-2 : 0));
            }
        }
        cir__layer_norm(rows, 2, n, weight, bias, 1e-5F, rows);
        assert_memory_equal(rows, out, 2 * n * sizeof *rows);
    }
}

static void test_unit_rows(void **state)
{
    (void)state;
    float row[] = {3, 0, -4};
    assert_true(cir__unit_row(row, 3));
    assert_true(fabsf(row[0] - 0.6F) < 1e-7F && row[1] == 0 && fabsf(row[2] + 0.8F) < 1e-7F);
    float zeros[] = {0, 0};
    float infinite[] = {INFINITY, 1};
    float odd[] = {NAN, 1};
    assert_false(cir__unit_row(zeros, 2));
    assert_false(cir__unit_row(infinite, 2));
    assert_false(cir__unit_row(odd, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_unit_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
