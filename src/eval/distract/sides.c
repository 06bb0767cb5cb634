#include "eval/distract/sides.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "kernels/kernels.h"

cir_status cir__sides_put(cir__sides *sides, const float *weights, size_t *i_out, cir_error *err)
{
    const size_t dim = sides->dim;

    *i_out = SIZE_MAX;
    if (weights == NULL)
        return CIR_OK;
    const uint64_t hash = cir__hash64(weights, dim * sizeof *weights);
    for (size_t s = sides->n; s-- > 0;) /* a photo's queries stand together: looked for from the end */
        if (sides->hashes[s] == hash &&
            memcmp(sides->weights + s * dim, weights, dim * sizeof *weights) == 0) {
            *i_out = s;
            return CIR_OK;
        }
    void *rows = sides->weights, *hashes = sides->hashes;
    size_t row_capacity = sides->capacity, hash_capacity = sides->capacity;
    const bool has_rows = cir__grow(&rows, &row_capacity, sides->n + 1, dim * sizeof *weights);
    const bool has_hashes = cir__grow(&hashes, &hash_capacity, sides->n + 1, sizeof hash);
    sides->weights = rows;
    sides->hashes = hashes;
    if (!has_rows || !has_hashes)
        return cir__fail_memory(err, "queries");
    sides->capacity = row_capacity < hash_capacity ? row_capacity : hash_capacity;
    memcpy(sides->weights + sides->n * dim, weights, dim * sizeof *weights);
    sides->hashes[sides->n] = hash;
    *i_out = sides->n++;
    return CIR_OK;
}

void cir__sides_done(cir__sides *sides)
{
    free(sides->weights);
    free(sides->hashes);
    memset(sides, 0, sizeof *sides);
}

void cir__sides_multiply(const cir__sides *sides, const float *rows, size_t n_rows, float *out)
{
    if (sides->n > 0 && n_rows > 0)
        cir__kernels_get()->product_f32(rows, n_rows, sides->dim, sides->dim, sides->weights, sides->n,
                                        sides->dim, out, n_rows);
}
