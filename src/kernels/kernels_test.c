/* Every entry of every table against the plain C one, and that against arithmetic in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/half.h"
#include "kernels/kernels.h"

#define N_ROWS 3

static uint32_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

static float random_float(uint64_t *state)
{
    return (float)random_bits(state) * 0x1p-31f - 1;
}

/* The lengths around every lane count and unrolling, and those of real models. */
static size_t next_dim(size_t dim)
{
    static const size_t jumps[] = {127, 128, 129, 130, 255, 256,  257, 511,
                                   512, 513, 767, 768, 769, 1024, 1152};
    if (dim < 70)
        return dim + 1;
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++)
        if (jumps[i] > dim)
            return jumps[i];
    return 0;
}

/* A half's value from its definition (IEEE 754-2008, 3.4), independent of any trick with bits. */
static double value_of_half(uint16_t half)
{
    int exponent = half >> 10 & 31, mantissa = half & 1023;
    double size = exponent == 31  ? (mantissa != 0 ? (double)NAN : (double)INFINITY)
                  : exponent == 0 ? ldexp(mantissa, -24)
                                  : ldexp(1024 + mantissa, exponent - 25);
    return half >> 15 ? -size : size;
}

static void test_halves_to_floats(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits;
        double right = value_of_half(half);
        float value = cir__half_to_float(half);
        if (isnan(right)) {
            assert_true(isnan(value));
            continue;
        }
        assert_true((double)value == right);
        assert_true((signbit(value) != 0) == (half >> 15 != 0));
        assert_int_equal(cir__half_from_float(value), half);
    }
}

/* Between two neighbouring halves the nearer one wins, in the middle the even one. */
static void test_floats_to_halves_round_to_nearest_even(void **state)
{
    (void)state;
    for (uint16_t half = 0; half < 0x7c00; half++) {
        float low = cir__half_to_float(half);
        float high = half == 0x7bff ? 65536 : cir__half_to_float((uint16_t)(half + 1)); /* where inf begins */
        float middle = low + (high - low) / 2; /* exact: a half has 13 bits less than a float */
        uint16_t even = (uint16_t)(half + (half & 1));
        assert_int_equal(cir__half_from_float(middle), even);
        assert_int_equal(cir__half_from_float(-middle), 0x8000 | even);
        assert_int_equal(cir__half_from_float(nextafterf(middle, 0)), half);
        assert_int_equal(cir__half_from_float(nextafterf(middle, INFINITY)), half + 1);
    }
    assert_int_equal(cir__half_from_float(FLT_MAX), 0x7c00);
    assert_int_equal(cir__half_from_float(-INFINITY), 0xfc00);
    assert_int_equal(cir__half_from_float(FLT_TRUE_MIN), 0);
    assert_int_equal(cir__half_from_float(-0.0f), 0x8000);
    assert_true(isnan(cir__half_to_float(cir__half_from_float(NAN))));
    assert_true(isnan(cir__half_to_float(cir__half_from_float(cir__float_of_bits(0x7f800001)))));
}

/* test/data/kernels/make.py: floats, then what numpy makes of them. */
static void test_halves_are_those_of_numpy(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s/kernels/halves.bin", getenv("CIR_TEST_DATA"));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size_t n = (size_t)ftell(file) / 6;
    rewind(file);
    assert_true(n > 10000);
    float *floats = malloc(n * sizeof *floats);
    uint16_t *right = malloc(n * sizeof *right), *halves = malloc(n * sizeof *halves);
    assert_int_equal(fread(floats, sizeof *floats, n, file), n);
    assert_int_equal(fread(right, sizeof *right, n, file), n);
    fclose(file);
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++) {
        if (cir__kernels_at(level) == NULL)
            continue;
        cir__kernels_at(level)->half_from_float(floats, n, halves);
        assert_memory_equal(halves, right, n * sizeof *halves);
    }
    free(floats);
    free(right);
    free(halves);
}

static void test_conversions_are_the_same_at_every_level(void **state)
{
    (void)state;
    static uint16_t halves[65536], back[65536], right_back[65536];
    static float floats[65536], right_floats[65536];
    const cir__kernels *scalar = cir__kernels_at(CIR__SCALAR);
    uint64_t random = 1;
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++) {
        const cir__kernels *kernels = cir__kernels_at(level);
        if (kernels == NULL)
            continue;
        for (size_t i = 0; i < 65536; i++)
            halves[i] = (uint16_t)i;
        scalar->half_to_float(halves, 65536, right_floats);
        kernels->half_to_float(halves, 65536, floats);
        assert_memory_equal(floats, right_floats, sizeof floats);
        for (size_t round = 0; round < 32; round++) {
            for (size_t i = 0; i < 65536; i++) { /* every exponent, and the low bits where rounding turns */
                uint32_t bits = random_bits(&random);
                bits = i % 3 == 0 ? bits & 0xffffe000u : i % 3 == 1 ? (bits & 0xffffe000u) | 0x1000u : bits;
                floats[i] = cir__float_of_bits(bits);
            }
            scalar->half_from_float(floats, 65536, right_back);
            kernels->half_from_float(floats, 65536, back);
            assert_memory_equal(back, right_back, sizeof back);
        }
        for (size_t n = 1; n != 0; n = next_dim(n)) { /* nothing beyond the end is written */
            size_t offset = n % 7;
            memset(floats, 0xab, sizeof floats);
            kernels->half_to_float(halves + 900 + offset, n, floats + offset);
            assert_memory_equal(floats + offset, right_floats + 900 + offset, n * sizeof *floats);
            assert_int_equal(cir__bits_of_float(floats[offset + n]), 0xabababab);
            memset(back, 0xab, sizeof back);
            kernels->half_from_float(right_floats + 900 + offset, n, back + offset);
            assert_memory_equal(back + offset, halves + 900 + offset, n * sizeof *back);
            assert_int_equal(back[offset + n], 0xabab);
        }
    }
}

/* One trial's numbers: the rows in both precisions hold the same values. */
typedef struct trial {
    size_t dim, stride, offset;
    uint16_t *f16;
    float *f32, *a, *b;
} trial;

static trial trial_new(size_t dim, uint64_t *random)
{
    trial t = {.dim = dim, .stride = dim + random_bits(random) % 5, .offset = random_bits(random) % 16};
    /* Exactly as much memory as may be read, so that a sanitizer sees one item too many. */
    size_t n = t.offset + (N_ROWS - 1) * t.stride + dim;
    t.f16 = malloc(n * sizeof *t.f16);
    t.f32 = malloc(n * sizeof *t.f32);
    t.a = malloc((t.offset + dim) * sizeof *t.a);
    t.b = malloc((t.offset + dim) * sizeof *t.b);
    for (size_t i = 0; i < n; i++) {
        uint16_t half = cir__half_from_float(random_float(random));
        if (random_bits(random) % 8 == 0)
            half = (uint16_t)(random_bits(random) & 0x83ff); /* zeros of both signs, subnormals */
        t.f16[i] = half;
        t.f32[i] = cir__half_to_float(half);
    }
    for (size_t i = 0; i < t.offset + dim; i++) {
        t.a[i] = random_float(random);
        t.b[i] = random_float(random) * 8;
    }
    return t;
}

static void trial_done(trial *t)
{
    free(t->f16);
    free(t->f32);
    free(t->a);
    free(t->b);
}

/* out: [4][N_ROWS]: the two of f16 rows, the two of f32 rows; asserts that single ones have the same bits. */
static void dot_all(const cir__kernels *kernels, const trial *t, float out[4][N_ROWS])
{
    const uint16_t *f16 = t->f16 + t->offset;
    const float *f32 = t->f32 + t->offset, *a = t->a + t->offset, *b = t->b + t->offset;
    float single[N_ROWS];
    kernels->dot2_f16(f16, N_ROWS, t->dim, t->stride, a, b, out[0], out[1]);
    kernels->dot2_f32(f32, N_ROWS, t->dim, t->stride, a, b, out[2], out[3]);
    kernels->dot1_f16(f16, N_ROWS, t->dim, t->stride, a, single);
    assert_memory_equal(single, out[0], sizeof single);
    kernels->dot1_f16(f16, N_ROWS, t->dim, t->stride, b, single);
    assert_memory_equal(single, out[1], sizeof single);
    kernels->dot1_f32(f32, N_ROWS, t->dim, t->stride, a, single);
    assert_memory_equal(single, out[2], sizeof single);
    kernels->dot1_f32(f32, N_ROWS, t->dim, t->stride, b, single);
    assert_memory_equal(single, out[3], sizeof single);
    for (size_t r = 0; r < N_ROWS; r++) { /* a row alone gives what it gives among others */
        kernels->dot1_f16(f16 + r * t->stride, 1, t->dim, t->stride, a, single);
        assert_memory_equal(single, &out[0][r], sizeof *single);
    }
}

/* Any order of summing n products has an error of at most (n + 2)·u·Σ|aᵢxᵢ| with u = 2⁻²⁴: one rounding for
 * each product, at most n − 1 for its sums; plus what is lost where products are subnormal. */
static void assert_within_bound(float value, const float *x, const float *query, size_t n)
{
    double right = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        right += (double)x[i] * (double)query[i];
        size += fabs((double)x[i] * (double)query[i]);
    }
    double bound = (double)(n + 2) * 0x1p-24 * size + (double)n * (double)FLT_TRUE_MIN;
    if (!(fabs((double)value - right) <= bound))
        fail_msg("n %zu: %.9g instead of %.9g, allowed %.3g", n, (double)value, right, bound);
}

static void test_dot_products_of_every_length(void **state)
{
    (void)state;
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++) {
        const cir__kernels *kernels = cir__kernels_at(level);
        if (kernels == NULL)
            continue;
        uint64_t random = 7;
        for (size_t dim = 1; dim != 0; dim = next_dim(dim)) {
            trial t = trial_new(dim, &random);
            float out[4][N_ROWS];
            dot_all(kernels, &t, out);
            for (size_t r = 0; r < N_ROWS; r++) {
                const float *x = t.f32 + t.offset + r * t.stride;
                assert_within_bound(out[0][r], x, t.a + t.offset, dim);
                assert_within_bound(out[1][r], x, t.b + t.offset, dim);
                assert_within_bound(out[2][r], x, t.a + t.offset, dim);
                assert_within_bound(out[3][r], x, t.b + t.offset, dim);
            }
            trial_done(&t);
        }
    }
}

/* Each item alone reaches the result, exactly: no lane is lost, doubled or taken from a neighbour. */
static void test_every_item_counts_once(void **state)
{
    (void)state;
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++) {
        const cir__kernels *kernels = cir__kernels_at(level);
        if (kernels == NULL)
            continue;
        static const size_t dims[] = {1, 7, 15, 17, 33, 70, 129, 257};
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
            size_t dim = dims[d];
            uint64_t random = 11;
            trial t = trial_new(dim, &random);
            for (size_t i = 0; i < dim; i++) {
                for (size_t j = 0; j < dim; j++) {
                    t.a[t.offset + j] = i == j ? 1.0f : 0.0f;
                    t.b[t.offset + j] = i == j ? -2.0f : 0.0f;
                }
                float out[4][N_ROWS];
                dot_all(kernels, &t, out);
                for (size_t r = 0; r < N_ROWS; r++) {
                    float x = t.f32[t.offset + r * t.stride + i];
                    assert_true(out[0][r] == x && out[1][r] == -2 * x && out[2][r] == x &&
                                out[3][r] == -2 * x);
                }
            }
            trial_done(&t);
        }
    }
}

static void test_nan_and_infinity_stay_in_their_row(void **state)
{
    (void)state;
    static const uint16_t odd[] = {0x7e00, 0xfe01, 0x7c00, 0xfc00, 0x8000, 0x0001, 0x83ff};
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++) {
        const cir__kernels *kernels = cir__kernels_at(level);
        if (kernels == NULL)
            continue;
        uint64_t random = 13;
        for (size_t dim = 1; dim <= 70; dim++)
            for (size_t o = 0; o < sizeof odd / sizeof *odd; o++) {
                trial t = trial_new(dim, &random);
                float clean[4][N_ROWS], out[4][N_ROWS];
                dot_all(kernels, &t, clean);
                size_t i = random_bits(&random) % dim, at = t.offset + t.stride + i; /* in the middle row */
                t.f16[at] = odd[o];
                t.f32[at] = cir__half_to_float(odd[o]);
                dot_all(kernels, &t, out);
                float product = t.f32[at] * t.a[t.offset + i];
                for (size_t s = 0; s < 4; s++) {
                    assert_memory_equal(&out[s][0], &clean[s][0], sizeof(float));
                    assert_memory_equal(&out[s][2], &clean[s][2], sizeof(float));
                }
                if (isnan(product))
                    assert_true(isnan(out[0][1]) && isnan(out[2][1]));
                else if (isinf(product))
                    assert_true(out[0][1] == product && out[2][1] == product);
                else
                    assert_within_bound(out[0][1], t.f32 + t.offset + t.stride, t.a + t.offset, dim);
                trial_done(&t);
            }
    }
}

/* A product for every number of rows and queries around the tiles and blocks. */
static void test_products_of_every_shape(void **state)
{
    (void)state;
    enum { MAX_ROWS = 70, MAX_QUERIES = 50 };
    static const size_t n_rows[] = {1, 2, 3, 4, 5, 7, 63, 64, 65, MAX_ROWS};
    static const size_t n_queries[] = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 47, 48, 49, MAX_QUERIES};
    static const size_t dims[] = {1, 3, 7, 8, 15, 16, 17, 31, 33, 100, 769};
    uint64_t random = 17;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        const size_t dim = dims[d], stride = dim + d % 3, query_stride = dim + d % 2;
        /* Exactly as much memory as may be read, so that a sanitizer sees one item too many. */
        const size_t n_items = (MAX_ROWS - 1) * stride + dim,
                     n_of_queries = (MAX_QUERIES - 1) * query_stride + dim;
        uint16_t *f16 = malloc(n_items * sizeof *f16);
        float *f32 = malloc(n_items * sizeof *f32), *queries = malloc(n_of_queries * sizeof *queries);
        for (size_t i = 0; i < n_items; i++) {
            f16[i] = cir__half_from_float(random_float(&random));
            f32[i] = cir__half_to_float(f16[i]);
        }
        for (size_t i = 0; i < n_of_queries; i++)
            queries[i] = random_float(&random);
        for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++) {
            const cir__kernels *kernels = cir__kernels_at(level);
            if (kernels == NULL)
                continue;
            static float whole[2][MAX_QUERIES][MAX_ROWS], out[MAX_QUERIES][MAX_ROWS + 1];
            kernels->product_f16(f16, MAX_ROWS, dim, stride, queries, MAX_QUERIES, query_stride, whole[0][0],
                                 MAX_ROWS);
            kernels->product_f32(f32, MAX_ROWS, dim, stride, queries, MAX_QUERIES, query_stride, whole[1][0],
                                 MAX_ROWS);
            assert_memory_equal(whole[0], whole[1], sizeof whole[0]);
            for (size_t q = 0; q < MAX_QUERIES; q++)
                for (size_t r = 0; r < MAX_ROWS; r++)
                    assert_within_bound(whole[0][q][r], f32 + r * stride, queries + q * query_stride, dim);
            /* Fewer rows or queries give the same bits, and nothing else is written. */
            for (size_t r = 0; r < sizeof n_rows / sizeof *n_rows; r++)
                for (size_t q = 0; q < sizeof n_queries / sizeof *n_queries; q++) {
                    const size_t first_row = (MAX_ROWS - n_rows[r]) / 2,
                                 first_query = (MAX_QUERIES - n_queries[q]) / 2;
                    memset(out, 0xab, sizeof out);
                    kernels->product_f32(f32 + first_row * stride, n_rows[r], dim, stride,
                                         queries + first_query * query_stride, n_queries[q], query_stride,
                                         out[0], MAX_ROWS + 1);
                    for (size_t i = 0; i < n_queries[q]; i++) {
                        assert_memory_equal(out[i], &whole[1][first_query + i][first_row],
                                            n_rows[r] * sizeof(float));
                        assert_int_equal(cir__bits_of_float(out[i][n_rows[r]]), 0xabababab);
                    }
                    if (n_queries[q] < MAX_QUERIES)
                        assert_int_equal(cir__bits_of_float(out[n_queries[q]][0]), 0xabababab);
                }
        }
        free(f16);
        free(f32);
        free(queries);
    }
}

/* The level that a fresh process chooses. */
static cir__level level_chosen(const char *wanted)
{
    pid_t child = fork();
    if (child == 0) {
        if (wanted != NULL)
            setenv("CIR_CPU", wanted, 1);
        else
            unsetenv("CIR_CPU");
        const cir__kernels *kernels = cir__kernels_get();
        _exit(kernels == cir__kernels_get() && kernels == cir__kernels_at(kernels->level)
                  ? (int)kernels->level
                  : 99);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return (cir__level)WEXITSTATUS(status);
}

/* Columns of every number around the tiles, of rows around the chunks, within larger matrices, against sums in long
 * double; what lies outside stays. */
static void test_columns_of_every_shape(void **state)
{
    (void)state;
    enum { STRIDE = 300, MAX_ROWS = 300, OUT_STRIDE = 140 };
    static const size_t n_columns[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 127, 128};
    static const size_t n_rows[] = {1, 2, 127, 128, 129, 257, 300};
    double *a = malloc(sizeof(double) * STRIDE * MAX_ROWS);
    double *scratch = aligned_alloc(64, sizeof(double) * CIR__COLUMNS_SCRATCH);
    double *out = malloc(sizeof(double) * OUT_STRIDE * CIR__COLUMNS_MAX);
    uint64_t random = 5;
    assert_true(a != NULL && scratch != NULL && out != NULL);
    for (size_t i = 0; i < STRIDE * MAX_ROWS; i++)
        a[i] = (double)random_float(&random);
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++)
        for (size_t s = 0; s < 14 * 7 && cir__kernels_at(level) != NULL; s++) {
            const size_t n_a = n_columns[s % 14], n_b = n_columns[(s * 5 + 3) % 14], n = n_rows[s / 14];
            const double *b = a + (s % 3 == 0 ? 0 : 150); /* a with itself, and with others */
            for (size_t i = 0; i < (size_t)OUT_STRIDE * CIR__COLUMNS_MAX; i++)
                out[i] = 7;
            cir__kernels_at(level)->columns_f64(a, b, n, STRIDE, n_a, n_b, 0.25, scratch, out, OUT_STRIDE);
            for (size_t i = 0; i < CIR__COLUMNS_MAX; i++)
                for (size_t j = 0; j < OUT_STRIDE; j++) {
                    if (i >= n_a || j >= n_b) {
                        assert_true(out[i * OUT_STRIDE + j] == 7);
                        continue;
                    }
                    long double right = 0, size = 0;
                    for (size_t r = 0; r < n; r++) {
                        const long double item =
                            (long double)a[r * STRIDE + i] * (long double)b[r * STRIDE + j];
                        right += item;
                        size += fabsl(item);
                    }
                    assert_true(fabsl((long double)out[i * OUT_STRIDE + j] - 0.25L * right) <=
                                (long double)n * 0x1p-52L * size);
                    if (b == a && i < n_b && j < n_a)
                        assert_true(out[i * OUT_STRIDE + j] == out[j * OUT_STRIDE + i]);
                }
        }
    free(a);
    free(scratch);
    free(out);
}

static void test_the_environment_lowers_only(void **state)
{
    (void)state;
    static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
    cir__level best = CIR__SCALAR;
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++)
        if (cir__kernels_at(level) != NULL) {
            best = level;
            assert_string_equal(cir__kernels_at(level)->name, names[level]);
        }
    assert_int_equal(level_chosen(NULL), best);
    assert_int_equal(level_chosen("of another world"), best);
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++)
        assert_int_equal(level_chosen(names[level]), cir__kernels_at(level) != NULL ? level : best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves_to_floats),
        cmocka_unit_test(test_floats_to_halves_round_to_nearest_even),
        cmocka_unit_test(test_halves_are_those_of_numpy),
        cmocka_unit_test(test_conversions_are_the_same_at_every_level),
        cmocka_unit_test(test_dot_products_of_every_length),
        cmocka_unit_test(test_every_item_counts_once),
        cmocka_unit_test(test_nan_and_infinity_stay_in_their_row),
        cmocka_unit_test(test_products_of_every_shape),
        cmocka_unit_test(test_columns_of_every_shape),
        cmocka_unit_test(test_the_environment_lowers_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
