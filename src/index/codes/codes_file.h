/* codes.bin and codes.sums as bytes.
 *
 *   codes.bin   two headers, of which the one with the higher sequence counts, then blocks (coder.h)
 *   codes.sums  a short header, then for each row the checksum that its feature had when it was coded
 *               (0: none)
 *
 * A header is written into the place of the older one, so a torn one loses nothing. All numbers are
 * little-endian:
 *
 *    0  "CIRCODES"              64  u64 sequence             104  u32 code_dim
 *    8  u32 version             72  u64 serial               108  u32 block bytes
 *   12  u32 dim                 80  u64 n_rows               112  zeros
 *   16  u64 seed                88  u64 n_fitted             128  f32 centre [dim]
 *   24  u64 id                  96  u64 digest                 …  u64 XXH3 of all before
 *   32  fingerprint, 32 bytes
 *
 * What it must not know: the catalogue, what a code is. */
#ifndef CIR_INDEX_CODES_FILE_H
#define CIR_INDEX_CODES_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"
#include "index/codes/coder.h"

#define CIR__CODES_NAME "codes.bin"
#define CIR__CODES_SUMS_NAME "codes.sums"
#define CIR__CODES_VERSION 1

/* Where row 0 begins in codes.sums. */
#define CIR__CODES_SUMS_START 64

/* Of a row whose code may be half another's. */
#define CIR__CODES_SUM_IN_FLUX UINT64_MAX

#define CIR__CODES_FINGERPRINT_SIZE 32

typedef struct cir__codes_header {
    size_t dim;
    uint64_t seed; /* of the rotation */
    uint64_t id;   /* of seed, model and centre: codes.sums has the same */
    char fingerprint[CIR__CODES_FINGERPRINT_SIZE + 1];
    uint64_t sequence; /* grows with every header written */
    uint64_t serial;   /* grows with every update; codes.sums has the same, or the one before */
    size_t n_rows;     /* rows from here on have no code */
    size_t n_fitted;   /* rows that had a feature when the centre was taken */
    uint64_t digest;   /* cir__checksums_digest of the features that all codes are of; 0: see codes.sums */
    size_t code_dim;
    size_t block_bytes;
    float centre[CIR__CODE_MAX_DIM]; /* [dim] */
} cir__codes_header;

/* Bytes of one header, a multiple of 4096, and of both: where block 0 begins. */
size_t cir__codes_header_bytes(size_t dim);
size_t cir__codes_start(size_t dim);

/* What a header's id must be. */
uint64_t cir__codes_make_id(const cir__codes_header *header);

/* bytes_out: [cir__codes_header_bytes]. */
void cir__codes_format_header(const cir__codes_header *header, uint8_t *bytes_out);

/* Reads the header that counts out of a file's first bytes, of which there must be cir__codes_start. dim and
 * fingerprint: of the model that the codes must be of. *has_damage_out: a header that was once written is not
 * whole. name: the file's, for messages. Errors: CIR_FORMAT (no codes), CIR_OTHER_VERSION (another
 * version's), CIR_SHAPE, CIR_MISMATCH (of another model), CIR_DAMAGED. */
CIR_MUST_CHECK cir_status cir__codes_parse_header(const uint8_t *bytes, size_t size, size_t dim,
                                                  const char *fingerprint, const char *name,
                                                  cir__codes_header *header_out, bool *has_damage_out,
                                                  cir_error *err);

/* The header of codes.sums. */
void cir__codes_format_sums(uint64_t id, uint64_t serial, uint8_t bytes_out[CIR__CODES_SUMS_START]);

/* Whether codes.sums belongs to codes.bin as it is; its own serial goes to *serial_out. Errors: CIR_FORMAT,
 * CIR_OTHER_VERSION, CIR_MISMATCH (it belongs to others), CIR_DAMAGED. */
CIR_MUST_CHECK cir_status cir__codes_parse_sums(const uint8_t *bytes, size_t size,
                                                const cir__codes_header *header, const char *name,
                                                uint64_t *serial_out, cir_error *err);

/* Bytes that the two files must have for n_rows rows; false where no file can be that long. */
bool cir__codes_sizes(const cir__codes_header *header, size_t n_rows, size_t *bin_out, size_t *sums_out);

#endif
