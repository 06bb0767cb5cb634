/* Against the same in double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/rowwise.h"
#include "model/synthetic_model.h"

#define MAX_N 300

static void test_softmax(void **state)
{
    (void)state;
    const cir__rowwise *rowwise = cir__rowwise_get();
    static const float reaches[] = {0.5F, 4, 32, 512};
    for (size_t n = 1; n < MAX_N; n += n < 40 ? 1 : 37)
        for (size_t k = 0; k < 4; k++) {
            float row[MAX_N];
            cir__synthetic_draw("softmax", n, reaches[k], row);
            double max = -1e9;
            double sum = 0;
            double right[MAX_N];
            for (size_t i = 0; i < n; i++)
                max = fmax(max, (double)row[i]);
            for (size_t i = 0; i < n; i++)
                sum += right[i] = exp((double)row[i] - max);
            rowwise->softmax(row, n, 1.0F);
            for (size_t i = 0; i < n; i++)
                /* Exponentials 3e-7, their sum and the scaling a few roundings; below e^−87 anything tiny. */
                assert_true(fabs((double)row[i] - right[i] / sum) <= 1e-6 * right[i] / sum + 2e-38);
        }
    float odd[] = {1, NAN, 2};
    rowwise->softmax(odd, 3, 1.0F);
    assert_true(isnan(odd[0]) && isnan(odd[1]) && isnan(odd[2]));
}

static void test_layer_norm(void **state)
{
    (void)state;
    const cir__rowwise *rowwise = cir__rowwise_get();
    for (size_t n = 1; n < MAX_N; n += n < 40 ? 1 : 37) {
        float rows[2 * MAX_N];
        float weight[MAX_N];
        float bias[MAX_N];
        float out[2 * MAX_N];
        cir__synthetic_draw("rows", 2 * n, 4, rows);
        cir__synthetic_draw("weight", n, 2, weight);
        cir__synthetic_draw("bias", n, 1, bias);
        for (size_t i = n; i < 2 * n; i++)
            rows[i] += 100; /* far from 0: the variance must not cancel away */
        for (size_t r = 0; r < 2; r++)
            rowwise->norm(rows + r * n, n, weight, bias, 1e-5F, out + r * n);
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
        for (size_t r = 0; r < 2; r++)
            rowwise->norm(rows + r * n, n, weight, bias, 1e-5F, rows + r * n);
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

static double bent(double v, cir__curve curve)
{
    if (curve == CIR__CURVE_QUICK_GELU)
        return v / (1 + exp(-1.702 * v));
    if (curve == CIR__CURVE_GELU)
        return v * 0.5 * erfc(-v * sqrt(0.5));
    return v * 0.5 * (1 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)));
}

static void test_curves(void **state)
{
    (void)state;
    const cir__rowwise *rowwise = cir__rowwise_get();
    float row[MAX_N];
    float out[MAX_N];
    for (cir__curve curve = CIR__CURVE_QUICK_GELU; curve <= CIR__CURVE_GELU_TANH; curve++) {
        cir__synthetic_draw("curve", MAX_N, 12, row);
        row[0] = 0;
        memcpy(out, row, sizeof row);
        rowwise->bend(out, MAX_N, curve);
        for (size_t i = 0; i < MAX_N; i++)
            assert_true(fabs((double)out[i] - bent((double)row[i], curve)) <=
                        1e-6 + 1e-6 * fabs((double)row[i]));
        float odd[] = {NAN};
        rowwise->bend(odd, 1, curve);
        assert_true(isnan(odd[0]));
    }
}

static void test_rows_become_bytes(void **state)
{
    (void)state;
    const cir__rowwise *rowwise = cir__rowwise_get();
    float row[MAX_N];
    uint8_t bytes[MAX_N];
    static const float shifts[] = {0, 100, -100};
    for (size_t n = 1; n < MAX_N; n += n < 40 ? 1 : 37)
        for (size_t k = 0; k < 3; k++) {
            cir__synthetic_draw("bytes", n, 4, row);
            double max = 0;
            double min = 0;
            for (size_t i = 0; i < n; i++) {
                row[i] += shifts[k];
                max = fmax(max, (double)row[i]);
                min = fmin(min, (double)row[i]);
            }
            cir__step step = rowwise->quantise(row, n, bytes);
            assert_true(fabs((double)step.scale - (max - min) / 255) <= 1e-6 * (max - min));
            /* The zero is a whole number too, so that the ends may miss by as much again. */
            for (size_t i = 0; i < n; i++)
                assert_true(fabs((double)step.scale * ((int)bytes[i] - step.zero) - (double)row[i]) <=
                            (double)step.scale * 1.001);
        }
    const float zeros[3] = {0};
    cir__step step = rowwise->quantise(zeros, 3, bytes);
    assert_true(step.scale == 0.0F && step.zero == 0);
    const float odd[] = {1, INFINITY, 2};
    assert_true(isnan(rowwise->quantise(odd, 3, bytes).scale));
    const float none[] = {1, NAN, 2};
    assert_true(isnan(rowwise->quantise(none, 3, bytes).scale));
}

static void test_weights_become_bytes_in_their_place(void **state)
{
    (void)state;
    const cir__rowwise *rowwise = cir__rowwise_get();
    for (size_t n = 1; n < 900; n += n < 40 ? 1 : 137) {
        float row[900];
        float kept[900];
        cir__synthetic_draw("weights", n, 0.1F, row);
        memcpy(kept, row, sizeof row);
        double most = 0;
        for (size_t i = 0; i < n; i++)
            most = fmax(most, fabs((double)row[i]));
        float scale;
        int32_t sum;
        int8_t *bytes = (int8_t *)row;
        rowwise->shrink(row, n, bytes, &scale, &sum);
        assert_true(fabs((double)scale - most / 127) <= 1e-7 * most);
        for (size_t i = 0; i < n; i++) {
            assert_true(fabs((double)scale * bytes[i] - (double)kept[i]) <= (double)scale * 0.501);
            sum -= bytes[i];
        }
        assert_int_equal(sum, 0);
    }
}

static void test_restored_sums(void **state)
{
    (void)state;
    const cir__rowwise *rowwise = cir__rowwise_get();
    int32_t sums[37];
    int32_t column_sums[37];
    float scales[37];
    float bias[37];
    float out[37];
    cir__synthetic_draw("scales", 37, 1, scales);
    cir__synthetic_draw("bias", 37, 1, bias);
    for (int i = 0; i < 37; i++) {
        sums[i] = (i - 18) * 12345;
        column_sums[i] = i * 7 - 50;
    }
    cir__step step = {0.125F, 200};
    rowwise->restore(sums, 37, step, scales, column_sums, bias, out);
    for (size_t i = 0; i < 37; i++) {
        double right = 0.125 * (double)scales[i] * (sums[i] - 200 * column_sums[i]) + (double)bias[i];
        assert_true(fabs((double)out[i] - right) <= 1e-6 * (1 + fabs(right)));
    }
    float twice[37];
    memcpy(twice, out, sizeof out);
    rowwise->restore_add(sums, 37, step, scales, column_sums, bias, twice);
    for (size_t i = 0; i < 37; i++)
        assert_true(twice[i] == out[i] + out[i]);
}

#define N_KEYS 13
#define HEAD 20

static void test_attention_of_one_row(void **state)
{
    (void)state;
    const cir__rowwise *rowwise = cir__rowwise_get();
    static float query[2 * HEAD];
    static float rows[N_KEYS][4 * HEAD];
    const float *keys[N_KEYS];
    float scores[N_KEYS];
    float out[2 * HEAD];
    cir__synthetic_draw("query", 2 * HEAD, 2, query);
    cir__synthetic_draw("rows", sizeof rows / sizeof **rows, 2, rows[0]);
    for (size_t j = 0; j < N_KEYS; j++)
        keys[j] = rows[j];
    rowwise->attend(query, keys, N_KEYS, (size_t)2 * HEAD, 2, HEAD, 0.25F, scores, out);
    for (size_t h = 0; h < 2 * HEAD; h += HEAD) {
        double right[HEAD] = {0};
        double total = 0;
        for (size_t j = 0; j < N_KEYS; j++) {
            double score = 0;
            for (size_t i = h; i < h + HEAD; i++)
                score += 0.25 * (double)query[i] * (double)rows[j][i];
            total += exp(score);
            for (size_t i = 0; i < HEAD; i++)
                right[i] += exp(score) * (double)rows[j][2 * HEAD + h + i];
        }
        for (size_t i = 0; i < HEAD; i++)
            assert_true(fabs((double)out[h + i] - right[i] / total) < 2e-6);
    }
}

/* Everything at one level, as bytes. */
static size_t run_all(const cir__rowwise *rowwise, const float *drawn, size_t n, uint8_t *out)
{
    float row[MAX_N];
    uint16_t rounded[MAX_N];
    uint8_t bytes[MAX_N];
    size_t n_out = 0;
    rowwise->norm(drawn, n, drawn + 1, drawn + 2, 1e-5F, row);
    memcpy(out, row, n * sizeof *row);
    n_out += n * sizeof *row;
    memcpy(row, drawn, n * sizeof *row);
    rowwise->softmax(row, n, 0.3F);
    memcpy(out + n_out, row, n * sizeof *row);
    n_out += n * sizeof *row;
    for (cir__curve curve = CIR__CURVE_QUICK_GELU; curve <= CIR__CURVE_GELU_TANH; curve++) {
        memcpy(row, drawn, n * sizeof *row);
        rowwise->bend(row, n, curve);
        memcpy(out + n_out, row, n * sizeof *row);
        n_out += n * sizeof *row;
    }
    rowwise->round(drawn, n, rounded);
    memcpy(out + n_out, rounded, n * sizeof *rounded);
    n_out += n * sizeof *rounded;
    rowwise->widen(rounded, n, row);
    memcpy(out + n_out, row, n * sizeof *row);
    n_out += n * sizeof *row;
    cir__step step = rowwise->quantise(drawn, n, bytes);
    memcpy(out + n_out, &step, sizeof step);
    n_out += sizeof step;
    memcpy(out + n_out, bytes, n);
    return n_out + n;
}

static void test_levels_agree_to_the_bit(void **state)
{
    (void)state;
    static uint8_t right[MAX_N * 32];
    static uint8_t out[MAX_N * 32];
    float drawn[MAX_N + 2];
    cir__synthetic_draw("levels", MAX_N + 2, 6, drawn);
    for (cir__level level = CIR__AVX2; level < CIR__N_LEVELS; level++) {
        const cir__rowwise *rowwise = cir__rowwise_at(level);
        for (size_t n = 1; rowwise != NULL && n < MAX_N; n++) {
            size_t size = run_all(cir__rowwise_at(CIR__SCALAR), drawn, n, right);
            assert_int_equal(run_all(rowwise, drawn, n, out), size);
            assert_memory_equal(out, right, size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_unit_rows),
        cmocka_unit_test(test_curves),
        cmocka_unit_test(test_rows_become_bytes),
        cmocka_unit_test(test_weights_become_bytes_in_their_place),
        cmocka_unit_test(test_restored_sums),
        cmocka_unit_test(test_attention_of_one_row),
        cmocka_unit_test(test_levels_agree_to_the_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
