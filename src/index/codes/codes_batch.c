#include "index/codes/codes_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"

static size_t count_blocks(size_t n_rows)
{
    return n_rows / CIR__CODE_ROWS + (n_rows % CIR__CODE_ROWS != 0 ? 1 : 0);
}

cir_status cir__codes_batch_init(cir__codes_batch *batch, size_t max_blocks, cir_error *err)
{
    size_t n_threads = cir_pool_get_n_threads(batch->pool);
    size_t n_blocks = count_blocks(batch->n_rows);
    batch->max_blocks = max_blocks < n_blocks ? max_blocks : n_blocks;
    batch->sums = cir__new(batch->max_blocks * CIR__CODE_ROWS, sizeof *batch->sums);
    batch->has_changed = cir__new(batch->max_blocks * CIR__CODE_ROWS, 1);
    batch->is_touched = cir__new(batch->max_blocks, 1);
    batch->blocks = cir__new_unset(batch->max_blocks, batch->pair->header.block_bytes);
    batch->rows = cir__new_unset(n_threads * CIR__CODE_ROWS, batch->vectors->dim * sizeof *batch->rows);
    batch->failures = cir__new(n_threads, sizeof *batch->failures);
    bool is_fine = batch->sums != NULL && batch->has_changed != NULL && batch->is_touched != NULL &&
                   batch->blocks != NULL && batch->rows != NULL && batch->failures != NULL;
    return is_fine ? CIR_OK : cir__fail_memory(err, batch->pair->bin_path);
}

void cir__codes_batch_done(cir__codes_batch *batch)
{
    free(batch->sums);
    free(batch->has_changed);
    free(batch->is_touched);
    free(batch->blocks);
    free(batch->rows);
    free(batch->failures);
    *batch = (cir__codes_batch){0};
}

bool cir__codes_batch_choose(cir__codes_batch *batch, size_t first_block)
{
    size_t n_blocks = count_blocks(batch->n_rows);
    batch->first_block = first_block;
    batch->n_blocks = first_block < n_blocks ? n_blocks - first_block : 0;
    batch->n_blocks = batch->n_blocks < batch->max_blocks ? batch->n_blocks : batch->max_blocks;
    return batch->n_blocks > 0;
}

size_t cir__codes_batch_first_row(const cir__codes_batch *batch)
{
    return batch->first_block * CIR__CODE_ROWS;
}

size_t cir__codes_batch_n_rows(const cir__codes_batch *batch)
{
    size_t n = batch->n_blocks * CIR__CODE_ROWS;
    size_t n_left = batch->n_rows - cir__codes_batch_first_row(batch);
    return n < n_left ? n : n_left;
}

size_t cir__codes_batch_n_held(const cir__codes_batch *batch)
{
    size_t n = cir__codes_batch_n_rows(batch);
    size_t first = cir__codes_batch_first_row(batch);
    size_t n_counted = batch->pair->header.n_rows;
    if (n_counted <= first)
        return 0;
    return n_counted - first < n ? n_counted - first : n;
}

cir_status cir__codes_batch_compare(cir__codes_batch *batch, size_t *n_changed_out, cir_error *err)
{
    size_t first = cir__codes_batch_first_row(batch);
    size_t n = cir__codes_batch_n_rows(batch);
    size_t n_held = cir__codes_batch_n_held(batch);
    *n_changed_out = 0;
    memset(batch->sums, 0, n * sizeof *batch->sums);
    memset(batch->is_touched, 0, batch->n_blocks);
    cir_status status = cir__codes_pair_read_sums(batch->pair, first, n_held, batch->sums, err);
    if (status != CIR_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        batch->has_changed[i] = batch->sums[i] != cir__checksums_get(batch->checksums, first + i) ? 1 : 0;
        *n_changed_out += batch->has_changed[i];
        if (batch->has_changed[i] || i >= n_held)
            batch->is_touched[i / CIR__CODE_ROWS] = 1;
    }
    return CIR_OK;
}

/* All bytes of a row are its own (coder.h). */
static void clear_row(const cir__codes_batch *batch, uint8_t *block, size_t row)
{
    size_t n_lines = batch->pair->header.code_dim / 8;
    uint8_t *numbers = block + n_lines * CIR__CODE_ROWS;
    for (size_t i = 0; i < n_lines; i++)
        block[i * CIR__CODE_ROWS + row] = 0;
    memset(numbers + row * 2, 0, 2);
    memset(numbers + (CIR__CODE_ROWS + row) * 2, 0, 2);
}

/* Codes rows first … end − 1 of a block, which have features. */
static cir_status code_run(cir__codes_batch *batch, size_t i_block, size_t first, size_t end, uint16_t *rows,
                           cir_error *err)
{
    size_t dim = batch->vectors->dim;
    size_t id = (batch->first_block + i_block) * CIR__CODE_ROWS + first;
    uint64_t *sums = batch->sums + i_block * CIR__CODE_ROWS;
    uint8_t *block = batch->blocks + i_block * batch->pair->header.block_bytes;
    cir_status status = cir__vectors_read_run(batch->vectors, id, end - first, rows, err);
    if (status != CIR_OK)
        return status;
    cir__coder_write(batch->coder, rows, end - first, first, block);
    /* Of the row as it was read: should that contradict the catalogue, the code is not trusted. */
    for (size_t i = first; i < end; i++)
        sums[i] = cir__vectors_checksum(rows + (i - first) * dim, dim);
    return CIR_OK;
}

static cir_status code_block(cir__codes_batch *batch, size_t i_block, uint16_t *rows, cir_error *err)
{
    size_t first_id = (batch->first_block + i_block) * CIR__CODE_ROWS;
    size_t n_counted = batch->pair->header.n_rows;
    size_t n_left = batch->n_rows - first_id;
    size_t n = n_left < CIR__CODE_ROWS ? n_left : CIR__CODE_ROWS;
    uint8_t *block = batch->blocks + i_block * batch->pair->header.block_bytes;
    uint64_t *sums = batch->sums + i_block * CIR__CODE_ROWS;
    const uint8_t *has_changed = batch->has_changed + i_block * CIR__CODE_ROWS;
    cir_status status = CIR_OK;
    if (first_id < n_counted)
        status = cir__codes_pair_read_blocks(batch->pair, batch->first_block + i_block, 1, block, err);
    else
        memset(block, 0, batch->pair->header.block_bytes);
    /* Left-overs of an interrupted run go: codes of the same features are the same bytes. */
    for (size_t i = n_counted - first_id; first_id < n_counted && i < CIR__CODE_ROWS; i++)
        clear_row(batch, block, i);
    size_t first = 0;
    for (size_t i = 0; status == CIR_OK && i <= n; i++) {
        if (i < n && has_changed[i] && cir__checksums_get(batch->checksums, first_id + i) != 0)
            continue;
        if (i > first)
            status = code_run(batch, i_block, first, i, rows, err);
        first = i + 1;
        if (i < n && has_changed[i]) {
            clear_row(batch, block, i);
            sums[i] = 0;
        }
    }
    return status;
}

static void code_task(void *context, size_t i_task, size_t i_thread)
{
    cir__codes_batch *batch = context;
    size_t i_block = batch->first_of_slice + i_task;
    cir_error *failure = &batch->failures[i_thread];
    uint16_t *rows = batch->rows + i_thread * CIR__CODE_ROWS * batch->vectors->dim;
    if (batch->is_touched[i_block] && failure->status == CIR_OK)
        failure->status = code_block(batch, i_block, rows, failure);
}

cir_status cir__codes_batch_code(cir__codes_batch *batch, size_t first, size_t n, cir_error *err)
{
    batch->first_of_slice = first;
    cir__pool_run(batch->pool, n, code_task, batch);
    for (size_t i = 0; i < cir_pool_get_n_threads(batch->pool); i++)
        if (batch->failures[i].status != CIR_OK)
            return cir__fail(err, batch->failures[i].status, "%s", batch->failures[i].message);
    return CIR_OK;
}

cir_status cir__codes_batch_write(const cir__codes_batch *batch, cir_error *err)
{
    cir_status status = CIR_OK;
    size_t first = 0;
    for (size_t i = 0; status == CIR_OK && i <= batch->n_blocks; i++) {
        if (i < batch->n_blocks && batch->is_touched[i])
            continue;
        if (i > first)
            status =
                cir__codes_pair_write_blocks(batch->pair, batch->first_block + first, i - first,
                                             batch->blocks + first * batch->pair->header.block_bytes, err);
        first = i + 1;
    }
    return status == CIR_OK ? cir__codes_pair_sync_blocks(batch->pair, err) : status;
}
