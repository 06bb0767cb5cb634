/* Against double arithmetic written out, and against matrices whose spectrum is known on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernels/half.h"
#include "linalg/eigen.h"
#include "linalg/rows.h"

static const double pi = 3.14159265358979323846;

static float random_float(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(*state >> 32) * 0x1p-31f - 1;
}

/* How much address space the process has taken. */
static size_t taken_bytes(void)
{
    unsigned long n_pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &n_pages), 1);
    fclose(file);
    return n_pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Before any other: OpenBLAS keeps what it has taken once. */
static void test_no_room_for_blas(void **state)
{
    (void)state;
    const double matrix[4] = {2, 0, 0, 1};
    double values[1];
    float vectors[2];
    cir_error err;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    const struct rlimit narrow = {taken_bytes() + ((size_t)64 << 20), before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &narrow), 0);
    const cir_status status = cir__eigen_top(matrix, 2, 1, values, vectors, &err);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(status, CIR_NO_MEMORY);
    assert_int_equal(cir__eigen_top(matrix, 2, 1, values, vectors, &err), CIR_OK);
    assert_true(values[0] == 2);
}

static cir_pool *pool_new(size_t n_threads)
{
    cir_pool *pool;
    cir_error err;
    assert_int_equal(cir_pool_new(n_threads, &pool, &err), CIR_OK);
    return pool;
}

static void test_unit_rows(void **state)
{
    (void)state;
    float rows[6][3] = {{3, 0, 4},   {0, 0, 0},         {1e-30f, 0, 0},
                        {NAN, 1, 0}, {0, 1e38f, 1e38f}, {1, INFINITY, 0}};
    size_t first = 99;
    assert_int_equal(cir__rows_normalise(&rows[0][0], 6, 3, &first), 3);
    assert_int_equal(first, 1);
    assert_true(rows[0][0] == 0.6f && rows[0][1] == 0 && rows[0][2] == 0.8f);
    assert_true(rows[1][0] == 0 && rows[1][1] == 0 && rows[1][2] == 0);
    assert_true(rows[2][0] == 1);
    assert_true(isnan(rows[3][0]) && rows[3][1] == 1);
    assert_true(fabs((double)rows[4][1] - sqrt(0.5)) < 1e-7);
    assert_true(rows[5][0] == 1);
    assert_int_equal(cir__rows_normalise(&rows[0][0], 1, 3, NULL), 0);
}

static void test_mean(void **state)
{
    (void)state;
    size_t n_rows = 3000, dim = 37;
    uint64_t random = 3;
    float *f32 = malloc(n_rows * dim * sizeof *f32);
    uint16_t *f16 = malloc(n_rows * dim * sizeof *f16);
    uint8_t *ready = malloc(n_rows);
    float *scales = malloc(n_rows * sizeof *scales);
    size_t *chosen = malloc(n_rows * sizeof *chosen), n_chosen = 0;
    for (size_t i = 0; i < n_rows * dim; i++) {
        f16[i] = cir__half_from_float(random_float(&random) + 0.5f);
        f32[i] = cir__half_to_float(f16[i]);
    }
    f32[5 * dim + 3] = NAN;
    f16[5 * dim + 3] = 0x7e00;
    f32[6 * dim] = -INFINITY;
    f16[6 * dim] = 0xfc00;
    for (size_t r = 0; r < n_rows; r++) {
        ready[r] = r % 5 != 0;
        scales[r] = 0.25f + (float)(r % 4);
        if (r % 7 == 5)
            chosen[n_chosen++] = n_rows - 1 - r;
    }
    cir_pool *pool = pool_new(3);
    for (int options = 0; options < 16; options++) {
        cir__row_set set = {.n_rows = n_rows,
                            .dim = dim,
                            .f16 = options & 1 ? f16 : NULL,
                            .f32 = options & 1 ? NULL : f32,
                            .scales = options & 8 ? scales : NULL,
                            .ready = options & 2 ? ready : NULL,
                            .chosen = options & 4 ? chosen : NULL,
                            .n_chosen = n_chosen};
        double right[37] = {0};
        size_t n_right = 0;
        for (size_t r = 0; r < n_rows; r++) {
            if (r == 5 || r == 6 || (options & 2 && r % 5 == 0) || (options & 4 && (n_rows - 1 - r) % 7 != 5))
                continue;
            n_right++;
            for (size_t i = 0; i < dim; i++)
                right[i] += (double)f32[r * dim + i] * (options & 8 ? (double)scales[r] : 1);
        }
        float mean[37], alone[37];
        size_t n_used;
        cir_error err;
        assert_int_equal(cir__rows_mean(&set, pool, mean, &n_used, &err), CIR_OK);
        assert_int_equal(n_used, n_right);
        for (size_t i = 0; i < dim; i++) /* one rounding to float, and what double sums lose */
            assert_true(fabs((double)mean[i] - right[i] / (double)n_right) <=
                        0x1p-23 * fabs((double)mean[i]));
        assert_int_equal(cir__rows_mean(&set, NULL, alone, NULL, &err), CIR_OK);
        assert_memory_equal(alone, mean, sizeof mean);
    }
    cir__row_set none = {.n_rows = n_rows, .dim = dim, .f32 = f32, .chosen = chosen, .n_chosen = 0};
    cir_error err;
    float mean[37];
    assert_int_equal(cir__rows_mean(&none, pool, mean, NULL, &err), CIR_ARGUMENT);
    cir_pool_free(pool);
    free(f32);
    free(f16);
    free(ready);
    free(scales);
    free(chosen);
}

static void test_second_moment(void **state)
{
    (void)state;
    static const size_t dims[] = {1, 5, 128, 131, 300};
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        size_t n_rows = 40, dim = dims[d];
        uint64_t random = 5;
        float *rows = malloc(n_rows * dim * sizeof *rows), *mean = malloc(dim * sizeof *mean);
        double *moment = malloc(dim * dim * sizeof *moment), *alone = malloc(dim * dim * sizeof *alone);
        for (size_t i = 0; i < n_rows * dim; i++)
            rows[i] = random_float(&random);
        for (size_t i = 0; i < dim; i++)
            mean[i] = random_float(&random); /* not the rows' own: S₋ is around μt too */
        cir_pool *pool = pool_new(4);
        cir_error err;
        assert_int_equal(cir__rows_moment(rows, n_rows, dim, mean, pool, moment, &err), CIR_OK);
        for (size_t i = 0; i < dim; i++)
            for (size_t j = 0; j < dim; j++) {
                double right = 0;
                for (size_t r = 0; r < n_rows; r++)
                    right += ((double)rows[r * dim + i] - (double)mean[i]) *
                             ((double)rows[r * dim + j] - (double)mean[j]);
                assert_true(fabs(moment[i * dim + j] - right / 39) < 1e-13);
                assert_true(moment[i * dim + j] == moment[j * dim + i]);
            }
        assert_int_equal(cir__rows_moment(rows, n_rows, dim, mean, NULL, alone, &err), CIR_OK);
        assert_memory_equal(alone, moment, dim * dim * sizeof *moment);
        assert_int_equal(cir__rows_moment(rows, 1, dim, mean, pool, moment, &err), CIR_ARGUMENT);
        cir_pool_free(pool);
        free(rows);
        free(mean);
        free(moment);
        free(alone);
    }
}

/* The second difference matrix: 2 on the diagonal, −1 beside it. Its eigenvalues are 2 − 2·cos(mπ/(n+1)), the
 * vectors' entries sin(mπ(i+1)/(n+1)) (a classic of finite differences). */
static void test_eigenvectors_of_a_known_matrix(void **state)
{
    (void)state;
    enum { DIM = 60, K = 17 };
    static double matrix[DIM * DIM], values[K];
    static float vectors[K * DIM];
    for (size_t i = 0; i < DIM; i++) {
        matrix[i * DIM + i] = 2;
        if (i + 1 < DIM)
            matrix[i * DIM + i + 1] = -1; /* the upper triangle alone */
    }
    cir_error err;
    assert_int_equal(cir__eigen_top(matrix, DIM, K, values, vectors, &err), CIR_OK);
    for (size_t j = 0; j < K; j++) {
        double m = (double)(DIM - j), along = 0, length = 0;
        assert_true(fabs(values[j] - (2 - 2 * cos(m * pi / (DIM + 1)))) < 1e-13);
        for (size_t i = 0; i < DIM; i++) {
            double x = (double)vectors[j * DIM + i];
            along += x * sin(m * pi * (double)(i + 1) / (DIM + 1)) * sqrt(2.0 / (DIM + 1));
            length += x * x;
        }
        assert_true(fabs(fabs(along) - 1) < 1e-6 && fabs(length - 1) < 1e-6);
    }
    matrix[3 * DIM + 7] = NAN;
    assert_int_equal(cir__eigen_top(matrix, DIM, K, values, vectors, &err), CIR_ARGUMENT);
    assert_non_null(strstr(err.message, "[3, 7]"));
}

static void test_projection(void **state)
{
    (void)state;
    const double vectors[2][3] = {{0.6, 0.8, 0}, {0, 0, 1}}, q[2][3] = {{1, 2, 3}, {0.8, -0.6, 5}};
    double out[2][3], again[3];
    cir_error err;
    assert_int_equal(cir__project(&vectors[0][0], 2, 3, &q[0][0], 2, &out[0][0], &err), CIR_OK);
    assert_true(fabs(out[0][0] - 1.32) < 1e-12 && fabs(out[0][1] - 1.76) < 1e-12 &&
                fabs(out[0][2] - 3) < 1e-12);
    assert_true(fabs(out[1][0]) < 1e-12 && fabs(out[1][1]) < 1e-12 && fabs(out[1][2] - 5) < 1e-12);
    assert_int_equal(cir__project(&vectors[0][0], 2, 3, out[0], 1, again, &err), CIR_OK);
    for (size_t i = 0; i < 3; i++)
        assert_true(fabs(again[i] - out[0][i]) < 1e-12);
    assert_int_equal(cir__project(&vectors[0][0], 0, 3, &q[0][0], 1, again, &err), CIR_OK);
    assert_true(again[0] == 0 && again[1] == 0 && again[2] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_room_for_blas),
        cmocka_unit_test(test_unit_rows),
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_second_moment),
        cmocka_unit_test(test_eigenvectors_of_a_known_matrix),
        cmocka_unit_test(test_projection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
