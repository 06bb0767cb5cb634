#include "eval/distract/query_vectors.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "kernels/kernels.h"

cir_status cir__query_vectors_put(cir__query_vectors *vectors, const float *weights, size_t *i_out,
                                  cir_error *err)
{
    const size_t dim = vectors->dim;

    *i_out = SIZE_MAX;
    if (weights == NULL)
        return CIR_OK;
    const uint64_t hash = cir__hash64(weights, dim * sizeof *weights);
    for (size_t s = vectors->n; s-- > 0;) /* a photo's queries stand together: looked for from the end */
        if (vectors->hashes[s] == hash &&
            memcmp(vectors->weights + s * dim, weights, dim * sizeof *weights) == 0) {
            *i_out = s;
            return CIR_OK;
        }
    void *rows = vectors->weights, *hashes = vectors->hashes;
    size_t row_capacity = vectors->capacity, hash_capacity = vectors->capacity;
    const bool has_rows = cir__grow(&rows, &row_capacity, vectors->n + 1, dim * sizeof *weights);
    const bool has_hashes = cir__grow(&hashes, &hash_capacity, vectors->n + 1, sizeof hash);
    vectors->weights = rows;
    vectors->hashes = hashes;
    if (!has_rows || !has_hashes)
        return cir__fail_memory(err, "queries");
    vectors->capacity = row_capacity < hash_capacity ? row_capacity : hash_capacity;
    memcpy(vectors->weights + vectors->n * dim, weights, dim * sizeof *weights);
    vectors->hashes[vectors->n] = hash;
    *i_out = vectors->n++;
    return CIR_OK;
}

void cir__query_vectors_done(cir__query_vectors *vectors)
{
    free(vectors->weights);
    free(vectors->hashes);
    memset(vectors, 0, sizeof *vectors);
}

void cir__query_vectors_multiply(const cir__query_vectors *vectors, const float *rows, size_t n_rows,
                                 float *out)
{
    if (vectors->n > 0 && n_rows > 0)
        cir__kernels_get()->product_f32(rows, n_rows, vectors->dim, vectors->dim, vectors->weights,
                                        vectors->n, vectors->dim, out, n_rows);
}
