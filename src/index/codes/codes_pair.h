/* codes.bin and codes.sums, open: two files that tell of one another. The order of writes is the caller's
 * (codes_build.h). */
#ifndef CIR_INDEX_CODES_PAIR_H
#define CIR_INDEX_CODES_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/folder.h"
#include "cir/index.h"
#include "cir/status.h"
#include "index/codes/codes_file.h"

/* Zeroed with file descriptors of −1 means none. */
typedef struct cir__codes_pair {
    char *bin_path;
    char *sums_path;
    int bin;
    int sums;
    cir__codes_header header; /* as read or written last */
    bool has_damage;          /* the other header is not whole, though it was once written */
    uint64_t serial;          /* of codes.sums */
} cir__codes_pair;

/* Opens the files of a model in folder, for writing or for reading alone; each must be as long as the header
 * says. End with
 * cir__codes_pair_close. Errors: those of codes_file.h, which call for new files, CIR_NOT_FOUND, which does
 * too, CIR_PERMISSION, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__codes_pair_open(const cir__folder *folder, const cir_index_model *model,
                                               bool writes, cir__codes_pair *pair_out, cir_error *err);
void cir__codes_pair_close(cir__codes_pair *pair);

/* Whether an error of opening calls for new files: what lies there is no good, or nothing. */
bool cir__codes_pair_is_hopeless(cir_status status);

/* Replaces the files in folder by ones of no rows. header: dim, seed, fingerprint, n_fitted, centre are set.
 * Open them then. Errors: CIR_FULL, CIR_PERMISSION, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__codes_pair_create(const cir__folder *folder, cir__codes_header *header,
                                                 cir_error *err);

/* Writes the header with the next sequence in the place of the older one, durably. Errors of this and the
 * following: CIR_FULL, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__codes_pair_put_header(cir__codes_pair *pair, cir_error *err);

/* The next serial, in both files; the codes vouch for nothing until a digest is put. */
CIR_MUST_CHECK cir_status cir__codes_pair_begin(cir__codes_pair *pair, cir_error *err);

/* Checksums of rows first … first + n − 1. Reading stays below header.n_rows. */
CIR_MUST_CHECK cir_status cir__codes_pair_read_sums(const cir__codes_pair *pair, size_t first, size_t n,
                                                    uint64_t *sums_out, cir_error *err);
CIR_MUST_CHECK cir_status cir__codes_pair_write_sums(const cir__codes_pair *pair, size_t first, size_t n,
                                                     const uint64_t *sums, cir_error *err);

/* n blocks from i_block on. Thread-safe. */
CIR_MUST_CHECK cir_status cir__codes_pair_read_blocks(const cir__codes_pair *pair, size_t i_block, size_t n,
                                                      uint8_t *blocks_out, cir_error *err);
CIR_MUST_CHECK cir_status cir__codes_pair_write_blocks(const cir__codes_pair *pair, size_t i_block, size_t n,
                                                       const uint8_t *blocks, cir_error *err);

/* Makes blocks or checksums durable. */
CIR_MUST_CHECK cir_status cir__codes_pair_sync_blocks(const cir__codes_pair *pair, cir_error *err);
CIR_MUST_CHECK cir_status cir__codes_pair_sync_sums(const cir__codes_pair *pair, cir_error *err);

#endif
