/* vectors.npy: float16 [n, dim], row i ↔ image i, growing and overwritten in place by one writer while
 * readers have it mapped.
 *
 * The catalogue says how many rows count and which of them hold a feature; rows beyond are left-overs. The
 * header is rewritten at every commit, so that numpy reads the file as it is. Rows never written are zero. */
#ifndef CIR_INDEX_VECTORS_H
#define CIR_INDEX_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/folder.h"
#include "cir/status.h"

#define CIR__VECTORS_NAME "vectors.npy"

/* The file, written; functions take the folder that it lies in. Zeroed means none. */
typedef struct cir__vectors {
    int fd;
    char *path;
    size_t dim;
    size_t n_rows; /* as committed */
} cir__vectors;

/* Makes an empty file that is durable, replacing none. Errors: CIR_FULL, CIR_PERMISSION, CIR_IO,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__vectors_create(const cir__folder *folder, size_t dim, cir_error *err);

/* Opens it for writing and cuts or fills it to n_rows. n_needed: rows up to the last that holds a feature; a
 * file without them is CIR_DAMAGED. End with cir__vectors_close. Errors: also CIR_NOT_FOUND and those
 * above. */
CIR_MUST_CHECK cir_status cir__vectors_open(const cir__folder *folder, size_t dim, size_t n_rows,
                                            size_t n_needed, cir__vectors *vectors_out, cir_error *err);

/* Opens it for reading alone; its length stays as it is. Errors: as cir__vectors_open. */
CIR_MUST_CHECK cir_status cir__vectors_open_to_read(const cir__folder *folder, size_t dim, size_t n_rows,
                                                    size_t n_needed, cir__vectors *vectors_out,
                                                    cir_error *err);
void cir__vectors_close(cir__vectors *vectors); /* a zeroed one is allowed */

/* Writes or reads row id; row: [dim]. Reading beyond the end is CIR_DAMAGED. */
CIR_MUST_CHECK cir_status cir__vectors_write(cir__vectors *vectors, size_t id, const uint16_t *row,
                                             cir_error *err);
CIR_MUST_CHECK cir_status cir__vectors_read(const cir__vectors *vectors, size_t id, uint16_t *row_out,
                                            cir_error *err);

/* Reads rows first … first + n − 1: rows_out [n, dim]. Thread-safe. */
CIR_MUST_CHECK cir_status cir__vectors_read_run(const cir__vectors *vectors, size_t first, size_t n,
                                                uint16_t *rows_out, cir_error *err);

/* Makes what was written durable and the file n_rows long, header last. */
CIR_MUST_CHECK cir_status cir__vectors_commit(cir__vectors *vectors, size_t n_rows, cir_error *err);

/* Makes overwritten rows durable. */
CIR_MUST_CHECK cir_status cir__vectors_sync(cir__vectors *vectors, cir_error *err);

/* Back to what was committed, as far as the disk allows: what remains is a left-over. */
void cir__vectors_rollback(cir__vectors *vectors);

/* The checksum of a row: never 0. */
uint64_t cir__vectors_checksum(const uint16_t *row, size_t dim);

/* A feature as stored. feature: [dim] floats; row_out: [dim]. false where it is not of unit length or no
 * number (the row is then unspecified). */
bool cir__vectors_format_row(const float *feature, size_t dim, uint16_t *row_out);

/* Whether a stored row is a unit feature. Rounding to half changes a length by at most 2⁻¹¹. */
bool cir__vectors_is_unit(const uint16_t *row, size_t dim);

/* The file, mapped for reading. Zeroed means none. */
typedef struct cir__vectors_map {
    void *memory;
    size_t size_bytes;
    const uint16_t *rows; /* [n_rows, dim] */
} cir__vectors_map;

/* Maps n_rows rows; those that the file does not have read as zero. n_needed: as above, a shorter file is
 * CIR_DAMAGED, and so is a header that says something else. Errors: also CIR_NOT_FOUND, CIR_PERMISSION,
 * CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__vectors_map_open(const cir__folder *folder, size_t dim, size_t n_rows,
                                                size_t n_needed, cir__vectors_map *map_out, cir_error *err);
void cir__vectors_map_close(cir__vectors_map *map); /* a zeroed one is allowed */

/* Examines a file: *finding_out is NULL where header and length are as they must be, else what is wrong, for
 * people (static). *has_left_over_out: there is more than n_rows rows, as an interrupted update leaves it.
 * Errors: CIR_NOT_FOUND, CIR_PERMISSION, CIR_IO, CIR_FORMAT (no file). */
CIR_MUST_CHECK cir_status cir__vectors_examine(const cir__folder *folder, size_t dim, size_t n_rows,
                                               size_t n_needed, const char **finding_out,
                                               bool *has_left_over_out, cir_error *err);

/* Makes a file that cir__vectors_open opens again: header, length. Rows that were there stay. Errors: as
 * cir__vectors_create. */
CIR_MUST_CHECK cir_status cir__vectors_repair(const cir__folder *folder, size_t dim, size_t n_rows,
                                              cir_error *err);

#endif
