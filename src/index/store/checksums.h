/* Which rows a model has encoded, and the checksum of each: in memory, loaded from and stored to the blocks
 * of the catalogue. */
#ifndef CIR_INDEX_CHECKSUMS_H
#define CIR_INDEX_CHECKSUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"
#include "index/store/store.h"

/* One model's. Zeroed means none. */
typedef struct cir__checksums {
    size_t i_model;
    uint64_t *values;  /* [n_blocks · CIR__BLOCK_ROWS]; 0: no feature */
    uint8_t *is_dirty; /* [n_blocks]: to be stored */
    size_t n_blocks;
    size_t values_capacity;
    size_t dirty_capacity;
} cir__checksums;

/* n_rows: of the index. What the catalogue holds beyond is damage: CIR_DAMAGED, or, where has_foreign_out is
 * given, told there and left out, so that storing forgets it. End with cir__checksums_done. Errors: also
 * CIR_IO, CIR_BUSY, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__checksums_load(cir__store *store, size_t i_model, size_t n_rows,
                                              bool *has_foreign_out, cir__checksums *checksums_out,
                                              cir_error *err);
void cir__checksums_done(cir__checksums *checksums); /* a zeroed one is allowed */

/* 0 for a row without feature, or one never heard of. */
uint64_t cir__checksums_get(const cir__checksums *checksums, size_t id);

/* false: memory. */
CIR_MUST_CHECK bool cir__checksums_set(cir__checksums *checksums, size_t id, uint64_t value);

/* One more than the last id with a feature. */
size_t cir__checksums_n_needed(const cir__checksums *checksums);

/* Rows with a feature. */
size_t cir__checksums_n_features(const cir__checksums *checksums);

/* A number that tells which features a model has: summed over the blocks (overflowing, in any order), it is
 * the same for the same checksums of the same rows and else, but for chance, another. 0 for a block without
 * a feature, so that it does not matter whether that is stored. values: [CIR__BLOCK_ROWS]. */
uint64_t cir__checksums_digest_block(size_t i_block, const uint64_t *values);
uint64_t cir__checksums_digest(const cir__checksums *checksums);

/* Writes what has changed, within the store's transaction. Errors: those of writing. */
CIR_MUST_CHECK cir_status cir__checksums_store(cir__checksums *checksums, cir__store *store, cir_error *err);

#endif
