#include "index/store/checksums.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "index/store/catalogue.h"

typedef struct loading {
    cir__checksums *checksums;
    size_t n_rows;
    bool has_foreign;
    bool is_short; /* of memory */
} loading;

static bool hold_blocks(cir__checksums *checksums, size_t n_blocks)
{
    if (n_blocks <= checksums->n_blocks)
        return true;
    if (!cir__grow((void **)&checksums->values, &checksums->values_capacity, n_blocks * CIR__BLOCK_ROWS,
                   sizeof *checksums->values) ||
        !cir__grow((void **)&checksums->is_dirty, &checksums->dirty_capacity, n_blocks,
                   sizeof *checksums->is_dirty))
        return false;
    size_t n_new = n_blocks - checksums->n_blocks;
    memset(checksums->values + checksums->n_blocks * CIR__BLOCK_ROWS, 0,
           n_new * CIR__BLOCK_ROWS * sizeof *checksums->values);
    memset(checksums->is_dirty + checksums->n_blocks, 0, n_new);
    checksums->n_blocks = n_blocks;
    return true;
}

static void visit_block(void *context, size_t i_block, const uint64_t *values)
{
    loading *self = context;
    size_t n_here = 0; /* rows of the index in this block */
    if (i_block <= self->n_rows / CIR__BLOCK_ROWS)
        n_here = self->n_rows - i_block * CIR__BLOCK_ROWS;
    bool has_foreign = false;
    for (size_t i = n_here; i < CIR__BLOCK_ROWS; i++)
        has_foreign = has_foreign || values[i] != 0;
    self->has_foreign = self->has_foreign || has_foreign;
    if (n_here == 0)
        return;
    if (!hold_blocks(self->checksums, i_block + 1)) {
        self->is_short = true;
        return;
    }
    size_t n_kept = n_here < CIR__BLOCK_ROWS ? n_here : CIR__BLOCK_ROWS;
    memcpy(self->checksums->values + i_block * CIR__BLOCK_ROWS, values, n_kept * sizeof *values);
    self->checksums->is_dirty[i_block] = has_foreign ? 1 : 0;
}

cir_status cir__checksums_load(cir__store *store, size_t i_model, size_t n_rows, bool *has_foreign_out,
                               cir__checksums *checksums_out, cir_error *err)
{
    *checksums_out = (cir__checksums){.i_model = i_model};
    loading self = {.checksums = checksums_out, .n_rows = n_rows};
    cir_status status = cir__catalogue_list_blocks(store, i_model, visit_block, &self, err);
    if (status == CIR_OK && self.is_short)
        status = cir__fail_memory(err, store->name);
    if (has_foreign_out != NULL)
        *has_foreign_out = self.has_foreign;
    else if (status == CIR_OK && self.has_foreign)
        status = cir__store_fail_damaged(store, "there are features of images that it does not hold", err);
    if (status != CIR_OK)
        cir__checksums_done(checksums_out);
    return status;
}

void cir__checksums_done(cir__checksums *checksums)
{
    free(checksums->values);
    free(checksums->is_dirty);
    *checksums = (cir__checksums){0};
}

uint64_t cir__checksums_get(const cir__checksums *checksums, size_t id)
{
    return id / CIR__BLOCK_ROWS < checksums->n_blocks ? checksums->values[id] : 0;
}

bool cir__checksums_set(cir__checksums *checksums, size_t id, uint64_t value)
{
    if (cir__checksums_get(checksums, id) == value)
        return true;
    if (!hold_blocks(checksums, id / CIR__BLOCK_ROWS + 1))
        return false;
    checksums->values[id] = value;
    checksums->is_dirty[id / CIR__BLOCK_ROWS] = 1;
    return true;
}

size_t cir__checksums_n_needed(const cir__checksums *checksums)
{
    size_t n = checksums->n_blocks * CIR__BLOCK_ROWS;
    while (n > 0 && checksums->values[n - 1] == 0)
        n--;
    return n;
}

size_t cir__checksums_n_features(const cir__checksums *checksums)
{
    size_t n = 0;
    for (size_t id = 0; id < checksums->n_blocks * CIR__BLOCK_ROWS; id++)
        n += checksums->values[id] != 0 ? 1 : 0;
    return n;
}

uint64_t cir__checksums_digest_block(size_t i_block, const uint64_t *values)
{
    size_t size = CIR__BLOCK_ROWS * sizeof *values;
    if (values[0] == 0 && memcmp(values, values + 1, size - sizeof *values) == 0)
        return 0;
    const uint64_t block[2] = {i_block, cir__hash64(values, size)};
    return cir__hash64(block, sizeof block);
}

uint64_t cir__checksums_digest(const cir__checksums *checksums)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < checksums->n_blocks; i++)
        digest += cir__checksums_digest_block(i, checksums->values + i * CIR__BLOCK_ROWS);
    return digest;
}

cir_status cir__checksums_store(cir__checksums *checksums, cir__store *store, cir_error *err)
{
    for (size_t i = 0; i < checksums->n_blocks; i++) {
        if (!checksums->is_dirty[i])
            continue;
        cir_status status = cir__catalogue_put_block(store, checksums->i_model, i,
                                                     checksums->values + i * CIR__BLOCK_ROWS, err);
        if (status != CIR_OK)
            return status;
        checksums->is_dirty[i] = 0;
    }
    return CIR_OK;
}
