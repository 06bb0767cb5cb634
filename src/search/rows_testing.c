#include "search/rows_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdlib.h>

#include "kernels/half.h"

uint32_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

float random_float(uint64_t *state)
{
    return (float)random_bits(state) * 0x1p-31f - 1;
}

fixture fixture_new(size_t n_rows, size_t dim, shape kind, uint64_t seed)
{
    uint64_t random = seed;
    fixture f = {.n_rows = n_rows, .dim = dim};
    f.f16 = malloc((n_rows * dim + 1) * sizeof *f.f16);
    f.f32 = malloc((n_rows * dim + 1) * sizeof *f.f32);
    f.a = malloc(dim * sizeof *f.a);
    f.b = malloc(dim * sizeof *f.b);
    f.ready = malloc(n_rows + 1);
    for (size_t r = 0; r < n_rows; r++) {
        f.ready[r] = random_bits(&random) % 4 != 0;
        for (size_t i = 0; i < dim; i++) {
            float x = random_float(&random) * 0.25f;
            if (kind == CLUSTERED && r >= 7) /* seven rows, repeated: many exact ties */
                x = f.f32[(r % 7) * dim + i];
            if (kind == ALL_EQUAL && r > 0)
                x = f.f32[i];
            f.f32[r * dim + i] = x = cir__half_to_float(cir__half_from_float(x));
            f.f16[r * dim + i] = cir__half_from_float(x);
        }
        if (kind == WITH_NAN && r % 5 == 1) {
            uint16_t odd = r % 10 == 1 ? 0x7e00 : 0x7c00;
            f.f16[r * dim + r % dim] = odd;
            f.f32[r * dim + r % dim] = cir__half_to_float(odd);
        }
    }
    for (size_t i = 0; i < dim; i++) {
        f.a[i] = random_float(&random);
        f.b[i] = random_float(&random);
    }
    f.query =
        (cir_query){.dim = dim,
                    .a = f.a,
                    .a0 = 0.5f,
                    .b = f.b,
                    .b0 = 0.25f,
                    .fusion = {.kind = CIR_FUSION_HARRIS, .clamp = true, .lambda = 0.1f, .weight = 0.5f}};
    return f;
}

void fixture_done(fixture *f)
{
    free(f->f16);
    free(f->f32);
    free(f->a);
    free(f->b);
    free(f->ready);
}

cir_rows rows_of(const fixture *f, bool is_half, bool has_ready)
{
    return (cir_rows){.n_rows = f->n_rows,
                      .dim = f->dim,
                      .f16 = is_half ? f->f16 : NULL,
                      .f32 = is_half ? NULL : f->f32,
                      .ready = has_ready ? f->ready : NULL};
}

cir_pool *pool_new(size_t n_threads)
{
    cir_pool *pool;
    cir_error err;
    assert_int_equal(cir_pool_new(n_threads, &pool, &err), CIR_OK);
    return pool;
}
