/* codes.bin and codes.sums: compact codes of a model's vectors (coder.h), derived from them and rebuilt when
 * in doubt.
 *
 * A code is trusted where the checksum that its row had when it was coded is the one that the catalogue gives
 * the row now. Rows without such a code are few after an update that was interrupted, and searches look at
 * their vectors themselves. */
#ifndef CIR_INDEX_CODES_H
#define CIR_INDEX_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "cir/index.h"
#include "index/codes/coder.h"

/* An index' codes as the search takes them, lent as long as the index is open. */
struct cir_codes {
    const cir__coder *coder;
    const uint8_t *blocks; /* [⌈n_rows / CIR__CODE_ROWS⌉, block bytes], mapped */
    size_t n_rows;         /* rows from here on have no code */
    const size_t *stale;   /* [n_stale], ascending, below n_rows: their code is not to be trusted */
    size_t n_stale;
    int vectors_fd;           /* where the rows can be read; −1: they are in memory alone */
    const char *vectors_path; /* that file's, for messages */
    uint64_t vectors_offset;  /* of row 0 in that file; rows follow one another */
};

#endif
