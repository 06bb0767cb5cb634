/* Codes read plainly, as the head of coder.h lays them out, against arithmetic in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "index/codes/coder.h"
#include "kernels/half.h"

static const size_t dims[] = {1, 3, 63, 64, 65, 512, 768, 960, 1024, 1152};

#define N_DIMS (sizeof dims / sizeof *dims)

static double random_even(uint64_t *state) /* 0 … 1, neither of them */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*state >> 11) + 0.5) * 0x1p-53;
}

static float random_normal(uint64_t *state)
{
    const double size = sqrt(-2 * log(random_even(state)));
    return (float)(size * cos(6.283185307179586 * random_even(state)));
}

static void *take(size_t n, size_t item_bytes)
{
    void *const items = calloc(n, item_bytes);
    assert_non_null(items);
    return items;
}

static cir__coder *coder_new(size_t dim, uint64_t seed, const float *centre)
{
    cir__coder *coder;
    cir_error err;
    assert_int_equal(cir__coder_new(dim, seed, centre, &coder, &err), CIR_OK);
    assert_int_equal(cir__coder_dim(coder), dim);
    assert_memory_equal(cir__coder_centre(coder), centre, dim * sizeof *centre);
    assert_true(cir__coder_code_dim(coder) >= dim && cir__coder_code_dim(coder) < dim + 64);
    assert_int_equal(cir__coder_code_dim(coder) % 64, 0);
    assert_int_equal(cir__coder_block_bytes(coder), cir__coder_code_dim(coder) * 8 + 256);
    return coder;
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* ⟨Ra, Rb⟩ = ⟨a, b⟩ for vectors of numbers, and of single components, whose products are 0 or 1. */
static void test_rotations_keep_products(void **state)
{
    (void)state;
    enum { N = 12 };
    uint64_t random = 1;
    for (size_t d = 0; d < N_DIMS + 1; d++) {
        const size_t dim = d < N_DIMS ? dims[d] : CIR__CODE_MAX_DIM, code_dim = (dim + 63) / 64 * 64;
        float *const in = take(N * dim, sizeof *in), *const out = take(N * code_dim, sizeof *out);
        cir__coder *const coder = coder_new(dim, d, in);
        for (size_t v = 0; v < N; v++) {
            if (v < N / 2)
                for (size_t i = 0; i < dim; i++)
                    in[v * dim + i] = random_normal(&random);
            else /* the first ones and the last ones */
                in[v * dim + (v % 2 == 0 ? v / 2 % dim : dim - 1 - v / 2 % dim)] = 1;
            cir__coder_rotate(coder, in + v * dim, out + v * code_dim);
        }
        for (size_t v = 0; v < N; v++)
            for (size_t w = 0; w <= v; w++) {
                const float *const a = in + v * dim, *const b = in + w * dim;
                const double right = dot(a, b, dim),
                             value = dot(out + v * code_dim, out + w * code_dim, code_dim);
                /* Each of about 50 steps rounds every component. */
                assert_true(fabs(value - right) <= 50 * 0x1p-24 * sqrt(dot(a, a, dim) * dot(b, b, dim)));
            }
        cir__coder_free(coder);
        free(in);
        free(out);
    }
}

/* What is stored is read by later versions, too, and on other machines. */
static void test_rotations_stay_the_same(void **state)
{
    (void)state;
    float in[130], out[2][192];
    for (size_t i = 0; i < 130; i++)
        in[i] = (float)(i * i % 17) - 8;
    for (uint64_t seed = 0; seed < 2; seed++) {
        cir__coder *const coder = coder_new(130, seed, in);
        cir__coder_rotate(coder, in, out[seed]);
        cir__coder_free(coder);
    }
    assert_int_equal(XXH3_64bits(out[0], sizeof out[0]), 0x7d5daf5c4cb1f6bc);
    /* Another seed is another rotation. */
    assert_true(fabs(dot(out[0], out[1], 192)) < 0.35 * dot(in, in, 130));
}

/* Place r of a block, plainly read. */
static double bit_of(const uint8_t *block, size_t r, size_t i)
{
    const size_t group = i / 4, byte = block[group / 2 * 64 + r];
    return (group % 2 == 0 ? byte % 16 : byte / 16) >> i % 4 & 1 ? 1 : -1;
}

static uint16_t number_of(const uint8_t *block, size_t code_dim, size_t r, size_t i_number)
{
    uint16_t number;
    memcpy(&number, block + code_dim / 8 * 64 + i_number * 128 + r * 2, 2);
    return number;
}

static double value_of(uint16_t half)
{
    return (double)cir__half_to_float(half);
}

/* Every bit and number of a part of a block is what the rotated row gives, the rest stays what it was. */
static void test_blocks_are_laid_out_as_told(void **state)
{
    (void)state;
    static const size_t parts[][2] = {{0, 64}, {0, 1}, {63, 1}, {3, 9}, {60, 4}};
    uint64_t random = 2;
    for (size_t d = 0; d < N_DIMS; d++) {
        const size_t dim = dims[d], code_dim = (dim + 63) / 64 * 64, block_bytes = code_dim * 8 + 256;
        float *const centre = take(dim, sizeof *centre), *const x = take(dim, sizeof *x);
        float *const r = take(code_dim, sizeof *r);
        uint16_t *const rows = take(64 * dim, sizeof *rows);
        uint8_t *const block = take(block_bytes, 1), *const before = take(block_bytes, 1);
        for (size_t i = 0; i < dim; i++)
            centre[i] = random_normal(&random);
        for (size_t i = 0; i < 64 * dim; i++)
            rows[i] = cir__half_from_float(centre[i % dim] + random_normal(&random));
        cir__coder *const coder = coder_new(dim, d, centre);
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            const size_t first = parts[p][0], n = parts[p][1];
            for (size_t i = 0; i < block_bytes; i++)
                before[i] = block[i] = (uint8_t)(random_even(&random) * 256);
            cir__coder_write(coder, rows + first * dim, n, first, block);
            for (size_t row = 0; row < 64; row++) {
                if (row < first || row >= first + n) {
                    for (size_t i = 0; i < code_dim; i++)
                        assert_true(bit_of(block, row, i) == bit_of(before, row, i));
                    for (size_t k = 0; k < 2; k++)
                        assert_int_equal(number_of(block, code_dim, row, k),
                                         number_of(before, code_dim, row, k));
                    continue;
                }
                for (size_t i = 0; i < dim; i++)
                    x[i] = cir__half_to_float(rows[row * dim + i]) - centre[i];
                cir__coder_rotate(coder, x, r);
                double sizes = 0, squares = 0;
                for (size_t i = 0; i < code_dim; i++) {
                    assert_true(bit_of(block, row, i) == (r[i] >= 0 ? 1 : -1));
                    sizes += fabs((double)r[i]);
                    squares += (double)r[i] * (double)r[i];
                }
                const double factor = squares / sizes, s = sizes / sqrt(squares * (double)code_dim);
                const double std_error = sqrt(squares * (1 - s * s) / (s * s * (double)(code_dim - 1)));
                const double rounded = value_of(number_of(block, code_dim, row, 0));
                const double stored = value_of(number_of(block, code_dim, row, 1));
                assert_true(fabs(rounded - factor) <= 0x1.01p-11 * factor);
                const double rounding = fabs(rounded - factor) * sqrt((double)code_dim);
                assert_true(stored >= hypot(std_error, rounding) * (1 - 1e-5));
                assert_true(stored <= hypot(std_error, rounding) * (1 + 0x1.1p-10));
            }
        }
        cir__coder_free(coder);
        free(centre);
        free(x);
        free(r);
        free(rows);
        free(block);
        free(before);
    }
}

/* Ways of making a centre, rows, and for each row a query. */
typedef enum kind { DENSE, CLUSTERED, SPARSE, LEVEL, N_KINDS } kind;

enum { N_TRIED = 16, N_SEEDS = 25 }; /* rows of a rotation, rotations */

static void fill(kind k, uint64_t *random, size_t dim, float *centre, float *rows, float *queries)
{
    for (size_t i = 0; i < dim; i++)
        centre[i] = k == CLUSTERED ? 0.6f * random_normal(random) : 0;
    for (size_t r = 0; r < N_TRIED; r++) {
        float *const x = rows + r * dim, *const a = queries + r * dim;
        const size_t one = (size_t)(random_even(random) * (double)dim);
        const size_t other = (one + 1 + (size_t)(random_even(random) * (double)(dim - 1))) % dim;
        const float high = random_normal(random), low = random_normal(random);
        for (size_t i = 0; i < dim; i++) {
            const float offset = k == SPARSE  ? (i == one ? 3 : 0)
                                 : k == LEVEL ? (i < one ? high : low)
                                              : random_normal(random);
            x[i] = centre[i] + offset;
            /* Near the row, so that an estimate which is too short or too long shows. */
            a[i] = k == SPARSE  ? (float)((i == one) + (i == other))
                   : k == LEVEL ? offset + (i < other ? 1 : 0.5f)
                                : offset + random_normal(random);
        }
    }
}

/* The error of a row's estimate, in units of the deviation that its standard error and the part of the query
 * that is not along the row give it (§3.2, theorem 3.2); none where that is small. */
static double error_of(const cir__coder *coder, const uint8_t *block, size_t r, const float *x,
                       const float *query)
{
    const size_t dim = cir__coder_dim(coder), code_dim = cir__coder_code_dim(coder);
    const float *const centre = cir__coder_centre(coder);
    float turned[1152];
    cir__coder_rotate(coder, query, turned);
    double side = 0, along = 0, squares = 0;
    for (size_t i = 0; i < code_dim; i++)
        side += bit_of(block, r, i) * (double)turned[i];
    for (size_t i = 0; i < dim; i++) {
        const double offset = (double)x[i] - (double)centre[i];
        along += offset * (double)query[i];
        squares += offset * offset;
    }
    const double estimate = dot(query, centre, dim) + value_of(number_of(block, code_dim, r, 0)) * side;
    const double across = dot(query, query, dim) - along * along / squares;
    if (across < 0.05 * dot(query, query, dim)) /* what rounding the factor costs would count */
        return (double)NAN;
    return (estimate - dot(query, x, dim)) / (value_of(number_of(block, code_dim, r, 1)) * sqrt(across));
}

/* Over rotations errors are none in the mean, and as far from it as a normal variable, neither more nor less.
 * Tolerances are of 5 deviations, and wider where few dimensions make rows of a rotation alike. */
static void test_estimates_are_right_within_their_spread(void **state)
{
    (void)state;
    uint64_t random = 4;
    for (size_t d = 1; d < N_DIMS; d++) {
        const size_t dim = dims[d];
        const double tolerance = dim < 16 ? 15 : 5;
        float *const centre = take(dim, sizeof *centre);
        float *const x = take(N_TRIED * dim, sizeof *x), *const a = take(N_TRIED * dim, sizeof *a);
        uint16_t *const rows = take(N_TRIED * dim, sizeof *rows);
        uint8_t *const block = take((dim + 63) / 64 * 512 + 256, 1);
        double squares = 0, n_all = 0;
        size_t n_within_2 = 0, n_within_4 = 0;
        for (kind k = 0; k < N_KINDS; k++) {
            double sum = 0, n = 0;
            for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
                fill(k, &random, dim, centre, x, a);
                for (size_t i = 0; i < N_TRIED * dim; i++) {
                    rows[i] = cir__half_from_float(x[i]);
                    x[i] = cir__half_to_float(rows[i]);
                }
                cir__coder *const coder = coder_new(dim, seed, centre);
                cir__coder_write(coder, rows, N_TRIED, 0, block);
                for (size_t r = 0; r < N_TRIED; r++) {
                    const double error = error_of(coder, block, r, x + r * dim, a + r * dim);
                    if (isnan(error))
                        continue;
                    n++;
                    sum += error;
                    squares += error * error;
                    n_within_2 += fabs(error) <= 2;
                    n_within_4 += fabs(error) <= 4;
                }
                cir__coder_free(coder);
            }
            const double mean = sum / n;
            n_all += n;
            if (fabs(mean) > tolerance / sqrt(n))
                fail_msg("dim %zu, kind %d: mean %.3f of %.0f", dim, (int)k, mean, n);
        }
        const double n = n_all, deviation = sqrt(squares / n);
        if (fabs(deviation - 1) > tolerance / sqrt(2 * n))
            fail_msg("dim %zu: deviation %.3f", dim, deviation);
        const double within_2 = (double)n_within_2 / n;
        if (fabs(within_2 - 0.9545) > tolerance * sqrt(0.9545 * 0.0455 / n) || (double)n_within_4 < n - 3)
            fail_msg("dim %zu: %.4f within 2 deviations, %zu of %.0f within 4", dim, within_2, n_within_4, n);
        free(centre);
        free(x);
        free(a);
        free(rows);
        free(block);
    }
}

/* The centre itself, its near neighbours, and what is no finite number or too large for a half's factor: each
 * says so and leaves the rows coded beside it alone. */
static void test_odd_rows(void **state)
{
    (void)state;
    enum { DIM = 100, CODE_DIM = 128, N = 9 };
    uint64_t random = 5;
    float centre[DIM], x[DIM], a[DIM];
    uint16_t rows[N][DIM], plain[N][DIM];
    uint8_t block[CODE_DIM * 8 + 256] = {0}, right[CODE_DIM * 8 + 256] = {0};
    for (size_t i = 0; i < DIM; i++) {
        centre[i] = cir__half_to_float(cir__half_from_float(random_normal(&random)));
        a[i] = random_normal(&random);
        for (size_t r = 0; r < N; r++)
            plain[r][i] = rows[r][i] = cir__half_from_float(centre[i] + random_normal(&random));
        rows[1][i] = cir__half_from_float(centre[i]);
        rows[6][i] = 0x7bff;
        rows[7][i] = (uint16_t)(rows[1][i] + 1); /* next to the centre */
    }
    rows[2][99] = 0x7e00;
    rows[3][0] = 0x7c00;
    rows[5][50] = 0xfc00;
    cir__coder *const coder = coder_new(DIM, 6, centre);
    cir__coder_write(coder, &rows[0][0], N, 0, block);
    cir__coder_write(coder, &plain[0][0], N, 0, right);
    for (size_t r = 0; r < N; r += 4) /* these are plain */
        for (size_t i = 0; i < CODE_DIM; i++)
            assert_true(bit_of(block, r, i) == bit_of(right, r, i));
    for (size_t k = 0; k < 2; k++) {
        for (size_t r = 0; r < N; r += 4)
            assert_int_equal(number_of(block, CODE_DIM, r, k), number_of(right, CODE_DIM, r, k));
        assert_int_equal(number_of(block, CODE_DIM, 1, k), 0);
        assert_true(isnan(value_of(number_of(block, CODE_DIM, 2, k))));
        assert_true(isnan(value_of(number_of(block, CODE_DIM, 3, k))));
        assert_true(isnan(value_of(number_of(block, CODE_DIM, 5, k))));
        assert_true(isnan(value_of(number_of(block, CODE_DIM, 6, k))));
    }
    for (size_t i = 0; i < DIM; i++)
        x[i] = cir__half_to_float(rows[7][i]);
    assert_true(fabs(error_of(coder, block, 7, x, a)) < 4);
    cir__coder_free(coder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotations_keep_products),
        cmocka_unit_test(test_rotations_stay_the_same),
        cmocka_unit_test(test_blocks_are_laid_out_as_told),
        cmocka_unit_test(test_estimates_are_right_within_their_spread),
        cmocka_unit_test(test_odd_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
