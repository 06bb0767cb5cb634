/* A run of blocks of compact codes in memory: which rows of it have another feature now than their code is
 * of, and those rows coded again, on many threads. When what is written is codes_build.h's. */
#ifndef CIR_INDEX_CODES_BATCH_H
#define CIR_INDEX_CODES_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/pool.h"
#include "cir/status.h"
#include "index/codes/coder.h"
#include "index/codes/codes_pair.h"
#include "index/store/checksums.h"
#include "index/store/vectors.h"

/* Zeroed, but for what is lent, means none. */
typedef struct cir__codes_batch {
    /* Lent. */
    const cir__vectors *vectors;
    const cir__checksums *checksums;
    size_t n_rows; /* of the index */
    const cir__codes_pair *pair;
    const cir__coder *coder;
    cir_pool *pool;

    size_t max_blocks;
    size_t first_block;
    size_t n_blocks;
    uint64_t *sums;       /* [max rows]: of the codes as they are, once coded as they are to be */
    uint8_t *has_changed; /* [max rows]: the row's code is to change */
    uint8_t *is_touched;  /* [max_blocks]: the block is to be written */
    uint8_t *blocks;      /* [max_blocks, block bytes] */
    size_t first_of_slice;
    uint16_t *rows;      /* [n_threads, CIR__CODE_ROWS, dim] */
    cir_error *failures; /* [n_threads] */
} cir__codes_batch;

/* What is lent is set. End with cir__codes_batch_done. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__codes_batch_init(cir__codes_batch *batch, size_t max_blocks, cir_error *err);
void cir__codes_batch_done(cir__codes_batch *batch);

/* Moves on to the blocks from first_block on; false where there are none. */
bool cir__codes_batch_choose(cir__codes_batch *batch, size_t first_block);

/* The batch's first row, and how many it has; how many of these codes.bin counts. */
size_t cir__codes_batch_first_row(const cir__codes_batch *batch);
size_t cir__codes_batch_n_rows(const cir__codes_batch *batch);
size_t cir__codes_batch_n_held(const cir__codes_batch *batch);

/* Reads checksums and finds the rows that change: sums, has_changed, is_touched. Errors: CIR_IO. */
CIR_MUST_CHECK cir_status cir__codes_batch_compare(cir__codes_batch *batch, size_t *n_changed_out,
                                                   cir_error *err);

/* Codes the rows that change of blocks first … first + n − 1 of the batch: blocks, sums: those of
 * the rows as they are, should they contradict the catalogue. Errors: CIR_IO, CIR_DAMAGED. */
CIR_MUST_CHECK cir_status cir__codes_batch_code(cir__codes_batch *batch, size_t first, size_t n,
                                                cir_error *err);

/* Writes the touched blocks, durably. Errors: CIR_FULL, CIR_IO. */
CIR_MUST_CHECK cir_status cir__codes_batch_write(const cir__codes_batch *batch, cir_error *err);

#endif
