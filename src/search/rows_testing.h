/* Rows in both precisions and a query, for the tests of searching. */
#ifndef CIR_SEARCH_ROWS_TESTING_H
#define CIR_SEARCH_ROWS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "search/top.h"

uint32_t random_bits(uint64_t *state);

float random_float(uint64_t *state);

/* Rows in both precisions with the same values, and a query. */
typedef struct fixture {
    size_t n_rows, dim;
    uint16_t *f16;
    float *f32, *a, *b;
    uint8_t *ready;
    cir_query query;
} fixture;

typedef enum shape { RANDOM, CLUSTERED, ALL_EQUAL, WITH_NAN } shape;

fixture fixture_new(size_t n_rows, size_t dim, shape kind, uint64_t seed);

void fixture_done(fixture *f);

cir_rows rows_of(const fixture *f, bool is_half, bool has_ready);

cir_pool *pool_new(size_t n_threads);

#endif
