/* The kernels of compact codes against their definitions written out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/half.h"
#include "kernels/kernels.h"

static uint32_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* Asserts what every level makes of random codes; largest: of the entries, or all have it. */
static void try_sums(size_t n_groups, size_t n_sides, unsigned largest, uint64_t *random)
{
    /* Exactly as much memory as may be read, at odd addresses, so that a sanitizer sees one byte too many. */
    const size_t n_lines = (n_groups + 1) / 2 * CIR__CODE_ROWS, n_tables = n_groups * n_sides * 16;
    const size_t n_sums = n_sides * CIR__CODE_ROWS;
    uint8_t *const lines = malloc(n_lines + 1), *const tables = malloc(n_tables + 1);
    uint16_t *const sums = malloc((n_sums + 1) * sizeof *sums);
    for (size_t i = 0; i < n_lines; i++)
        lines[1 + i] = (uint8_t)random_bits(random);
    for (size_t i = 0; i < n_tables; i++)
        tables[1 + i] =
            (uint8_t)(largest == CIR__CODE_LEVELS ? largest : random_bits(random) % (CIR__CODE_LEVELS + 1));
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++) {
        if (cir__kernels_at(level) == NULL)
            continue;
        memset(sums, 0xab, (n_sums + 1) * sizeof *sums);
        cir__kernels_at(level)->code_sums(lines + 1, n_groups, tables + 1, n_sides, sums);
        for (size_t s = 0; s < n_sides; s++)
            for (size_t r = 0; r < CIR__CODE_ROWS; r++) {
                unsigned right = 0;
                for (size_t g = 0; g < n_groups; g++) {
                    const unsigned byte = lines[1 + g / 2 * 64 + r],
                                   group = g % 2 == 0 ? byte % 16 : byte / 16;
                    right += tables[1 + (g * n_sides + s) * 16 + group];
                }
                if (sums[s * CIR__CODE_ROWS + r] != right)
                    fail_msg("%s: %zu groups, side %zu of %zu, row %zu: %u instead of %u",
                             cir__kernels_at(level)->name, n_groups, s, n_sides, r,
                             sums[s * CIR__CODE_ROWS + r], right);
            }
        assert_int_equal(sums[n_sums], 0xabab);
    }
    free(lines);
    free(tables);
    free(sums);
}

static void test_sums_of_every_shape(void **state)
{
    (void)state;
    static const size_t n_groups[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 192, 256, 288};
    static const size_t n_sides[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 32};
    uint64_t random = 3;
    for (size_t g = 0; g < sizeof n_groups / sizeof *n_groups; g++)
        for (size_t s = 0; s < sizeof n_sides / sizeof *n_sides; s++)
            try_sums(n_groups[g], n_sides[s], 0, &random);
}

static void test_the_largest_sums(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (size_t n_sides = 1; n_sides <= 5; n_sides++) {
        try_sums(CIR__CODE_MAX_GROUPS, n_sides, CIR__CODE_LEVELS, &random);
        try_sums(CIR__CODE_MAX_GROUPS - 1, n_sides, CIR__CODE_LEVELS, &random);
        try_sums(CIR__CODE_MAX_GROUPS, n_sides, 0, &random);
    }
}

/* Against double, where the four roundings of each are at most half a unit of the largest number met; bits
 * as plain C has them. */
static void test_estimates(void **state)
{
    (void)state;
    static const uint16_t odd[] = {0, 0x8000, 1, 0x83ff, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00};
    static const float bases[] = {0, 0.125f, -3}, roundings[] = {0, 0.01f, 7};
    uint64_t random = 9;
    for (size_t i = 0; i < 300; i++) {
        uint16_t sums[64], factors[64], std_errors[64];
        float values[64], errors[64], right_values[64], right_errors[64];
        for (size_t r = 0; r < 64; r++) {
            sums[r] = (uint16_t)random_bits(&random);
            factors[r] = (uint16_t)(random_bits(&random) % 0x3c00);
            std_errors[r] = (uint16_t)(random_bits(&random) % 0x3c00);
            if (random_bits(&random) % 8 == 0)
                factors[r] = odd[random_bits(&random) % (sizeof odd / sizeof *odd)];
        }
        sums[i % 64] = 65535;
        const float base = bases[i % 3], step = 0.001f * (float)(i + 1), bottom = -11.5f;
        const float error_scale = 0.3f * (float)i, rounding = roundings[i / 3 % 3];
        cir__kernels_at(CIR__SCALAR)
            ->code_estimates(sums, factors, std_errors, base, step, bottom, error_scale, rounding,
                             right_values, right_errors);
        for (size_t r = 0; r < 64; r++) {
            const double factor = (double)cir__half_to_float(factors[r]);
            const double std_error = (double)cir__half_to_float(std_errors[r]);
            const double product = ((double)step * sums[r] + (double)bottom) * factor;
            const double reached = (double)error_scale * std_error + (double)rounding * fabs(factor);
            if (!isfinite(factor)) {
                assert_true(isnan(right_values[r]) || isinf(right_values[r]));
                continue;
            }
            const double size = fabs((double)base) + ((double)step * sums[r] + 11.5) * fabs(factor);
            assert_true(fabs((double)right_values[r] - ((double)base + product)) <= 4 * 0x1p-24 * size);
            assert_true(fabs((double)right_errors[r] - reached) <= 2 * 0x1p-24 * reached);
        }
        for (cir__level level = CIR__SCALAR + 1; level < CIR__N_LEVELS; level++) {
            if (cir__kernels_at(level) == NULL)
                continue;
            cir__kernels_at(level)->code_estimates(sums, factors, std_errors, base, step, bottom, error_scale,
                                                   rounding, values, errors);
            for (size_t r = 0; r < 64; r++) {
                assert_true(cir__bits_of_float(values[r]) == cir__bits_of_float(right_values[r]) ||
                            (isnan(values[r]) && isnan(right_values[r])));
                assert_true(cir__bits_of_float(errors[r]) == cir__bits_of_float(right_errors[r]) ||
                            (isnan(errors[r]) && isnan(right_errors[r])));
            }
        }
    }
}

static float random_float(uint64_t *random, float low, float high)
{
    return low + (high - low) * (float)(random_bits(random) >> 8) * 0x1p-24f;
}

/* Every level drops what plain C drops, but for rows that rounding decides on: so it keeps all that plain C
 * keeps of a slightly higher threshold, and none that it drops with a slightly lower one. */
static void test_masks(void **state)
{
    (void)state;
    static const float lambdas[] = {0, 0.1f, 0.25f, 2};
    enum { N_TRIES = 4000 };
    uint64_t random = 17, n_kept = 0, n_dropped = 0;
    for (size_t i = 0; i < N_TRIES; i++) {
        float rows[4][64];
        for (size_t r = 0; r < 64; r++) {
            rows[0][r] = random_float(&random, i % 3 == 0 ? -1 : 0.2f, 1);
            rows[2][r] = random_float(&random, i % 3 == 0 ? -1 : 0.2f, 1);
            rows[1][r] = random_float(&random, 0, i % 5 == 0 ? 0.5f : 0.1f);
            rows[3][r] = random_float(&random, 0, i % 5 == 0 ? 0.5f : 0.1f);
        }
        rows[i % 4][i % 64] = i % 8 < 4 ? NAN : INFINITY;
        const float lambda = lambdas[i / 2 % 4], correlation = random_float(&random, -1, 1);
        const cir__code_limit limit = {.is_quadratic = i % 7 != 0,
                                       .floor = i % 2 == 0 ? 0 : -INFINITY,
                                       .image_weight = random_float(&random, 0, 2),
                                       .text_weight = random_float(&random, 0, 2),
                                       .lambda = lambda,
                                       .ratio = lambda > 0 ? (1 - 2 * lambda) / (2 * lambda) : FLT_MAX,
                                       .most = i % 11 == 0 ? 2 : 2 * correlation,
                                       .least = i % 11 == 0 ? -2 : 2 * correlation};
        const float threshold = random_float(&random, 0.01f, 1), near = 1e-5f;
        cir__code_mask *const plain = cir__kernels_at(CIR__SCALAR)->code_mask;
        const uint64_t most = plain(&limit, rows[0], rows[1], rows[2], rows[3], threshold - near);
        const uint64_t least = plain(&limit, rows[0], rows[1], rows[2], rows[3], threshold + near);
        for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++) {
            if (cir__kernels_at(level) == NULL)
                continue;
            const uint64_t mask =
                cir__kernels_at(level)->code_mask(&limit, rows[0], rows[1], rows[2], rows[3], threshold);
            assert_true((mask & ~most) == 0 && (least & ~mask) == 0 && (mask >> i % 64 & 1) == 1);
        }
        n_kept += (uint64_t)__builtin_popcountll(least);
        n_dropped += (uint64_t)__builtin_popcountll(~most);
    }
    assert_true(n_kept > 10 * N_TRIES && n_dropped > 10 * N_TRIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_of_every_shape),
        cmocka_unit_test(test_the_largest_sums),
        cmocka_unit_test(test_estimates),
        cmocka_unit_test(test_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
