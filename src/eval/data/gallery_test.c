/* Galleries against their rows in double: every kind of number, order and length of a row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "eval/data/gallery.h"
#include "kernels/half.h"
#include "method/row.h"

enum { N = 700, DIM = 37 };

static uint32_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* A row's item, by what the file holds: lengths differ by many powers of ten where the kind of number has
 * them. */
static double item(const void *rows, cir__npy_dtype dtype, size_t i)
{
    return dtype == CIR__NPY_F16   ? (double)cir__half_to_float(((const uint16_t *)rows)[i])
           : dtype == CIR__NPY_F32 ? (double)((const float *)rows)[i]
                                   : ((const double *)rows)[i];
}

static void put(void *rows, cir__npy_dtype dtype, size_t i, double value)
{
    if (dtype == CIR__NPY_F16)
        ((uint16_t *)rows)[i] = cir__half_from_float((float)value);
    else if (dtype == CIR__NPY_F32)
        ((float *)rows)[i] = (float)value;
    else
        ((double *)rows)[i] = value;
}

static void *rows_new(cir__npy_dtype dtype)
{
    static const double lengths[] = {1, 1e-3, 12, 1e-25, 1e25};
    void *rows = calloc(N * DIM, sizeof(double));
    uint64_t random = 3;
    for (size_t i = 0; i < N * DIM; i++)
        put(rows, dtype, i,
            ((double)random_bits(&random) * 0x1p-31 - 1) *
                lengths[i / DIM % (dtype == CIR__NPY_F16 ? 3 : 5)]);
    return rows;
}

/* Writes the rows, opens them, and removes the file: what is mapped stays. */
static cir_status open_rows(const void *rows, cir__npy_dtype dtype, const size_t *order, cir_pool *pool,
                            cir__gallery *gallery, cir_error *err)
{
    char path[] = "/tmp/cir-gallery-XXXXXX";
    cir__npy_file file = {0};
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(cir__npy_write(path, dtype, N, DIM, rows, err), CIR_OK);
    assert_int_equal(cir__npy_open(path, &file, err), CIR_OK);
    cir_status status = cir__gallery_take(gallery, &file, "rows.npy", err);
    assert_null(file.mapping.data);
    for (size_t b = 0; status == CIR_OK && b < cir__gallery_n_blocks(gallery); b++)
        cir__gallery_measure(gallery, b);
    if (status == CIR_OK)
        status = cir__gallery_order(gallery, "rows.npy", order, pool, err);
    unlink(path);
    return status;
}

static void test_rows_are_unit_in_their_order(void **state)
{
    (void)state;
    size_t order[2][N];
    cir_pool *pool = NULL;
    cir_error err;
    assert_int_equal(cir_pool_new(3, &pool, &err), CIR_OK);
    for (size_t r = 0; r < N; r++) {
        order[0][r] = r;
        order[1][r] = r * 311 % N; /* 311 and 700 have no common divisor */
    }
    for (int dtype = CIR__NPY_F16; dtype <= CIR__NPY_F64; dtype++)
        for (int o = 0; o < 2; o++) {
            void *rows = rows_new((cir__npy_dtype)dtype);
            cir__gallery gallery = {0};
            float row[DIM];
            assert_int_equal(open_rows(rows, (cir__npy_dtype)dtype, order[o], pool, &gallery, &err), CIR_OK);
            assert_int_equal(gallery.rows.n_rows, N);
            assert_int_equal(gallery.memory != NULL, o == 1 || dtype == CIR__NPY_F64);
            for (size_t r = 0; r < N; r++) {
                double sum = 0;
                for (size_t i = 0; i < DIM; i++)
                    sum += pow(item(rows, (cir__npy_dtype)dtype, order[o][r] * DIM + i), 2);
                cir__row_copy(&gallery.rows, r, row);
                for (size_t i = 0; i < DIM; i++) {
                    const double right = item(rows, (cir__npy_dtype)dtype, order[o][r] * DIM + i) / sqrt(sum);
                    /* A scale within a few roundings, and one more. */
                    if (!(fabs((double)row[i] - right) <= 6 * 0x1p-24 * fabs(right) + 0x1p-80))
                        fail_msg("row %zu item %zu: %.9g, not %.9g", r, i, (double)row[i], right);
                }
            }
            cir__gallery_done(&gallery);
            free(rows);
        }
    cir_pool_free(pool);
}

static void test_rows_without_direction_are_named(void **state)
{
    (void)state;
    static const double bad[] = {0, NAN, INFINITY};
    size_t order[N];
    for (size_t r = 0; r < N; r++)
        order[r] = N - 1 - r;
    for (int dtype = CIR__NPY_F16; dtype <= CIR__NPY_F64; dtype++)
        for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
            void *rows = rows_new((cir__npy_dtype)dtype);
            cir__gallery gallery = {0};
            cir_error err;
            for (size_t i = 0; i < DIM; i++)
                put(rows, (cir__npy_dtype)dtype, 543 * DIM + i, bad[b]);
            assert_int_equal(open_rows(rows, (cir__npy_dtype)dtype, order, NULL, &gallery, &err), CIR_FORMAT);
            assert_non_null(strstr(err.message, "rows.npy: row 543 has no direction"));
            cir__gallery_done(&gallery);
            free(rows);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_unit_in_their_order),
        cmocka_unit_test(test_rows_without_direction_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
