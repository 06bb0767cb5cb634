/* Compact codes opened for reading: which of them can be trusted, by the catalogue that the caller reads. */
#ifndef CIR_INDEX_CODES_OPEN_H
#define CIR_INDEX_CODES_OPEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/folder.h"
#include "cir/index.h"
#include "cir/status.h"
#include "index/codes/codes.h"
#include "index/store/store.h"

/* Zeroed means none. */
typedef struct cir__codes_view {
    struct cir_codes codes;
    cir__coder *coder;
    cir__mapping bin;
    size_t *stale;
    char *vectors_path;
    size_t n_coded; /* ready rows whose code is to be trusted */
} cir__codes_view;

/* What a reader knows of a model's features, all from one view of the catalogue. */
typedef struct cir__codes_reader {
    const cir__folder *folder; /* features/KEY */
    const cir_index_model *model;
    size_t i_model;
    cir__store *store; /* in the transaction that the rest was read in */
    size_t n_rows;
    const uint8_t *ready; /* [n_rows] */
    uint64_t digest;      /* cir__checksums_digest */
} cir__codes_reader;

/* End with cir__codes_close. A failure is none of the index: searches then do without codes. Errors:
 * CIR_NOT_FOUND (there are none), those of codes_file.h, CIR_DAMAGED (too short), CIR_LIMIT (too many rows
 * without a code that is up to date), CIR_IO, CIR_PERMISSION, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__codes_open(const cir__codes_reader *reader, cir__codes_view *view_out,
                                          cir_error *err);
void cir__codes_close(cir__codes_view *view);

#endif
