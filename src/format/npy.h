/* numpy's .npy files: arrays of floats, one or more rows, little-endian, C order. Reading is bounded: a
 * header that lies about the file is refused, never followed.
 *
 * What it must not know: what the numbers mean. */
#ifndef CIR_FORMAT_NPY_H
#define CIR_FORMAT_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/folder.h"
#include "cir/status.h"

#define CIR__NPY_MAX_DIMS 4
#define CIR__NPY_MAX_ROW_ITEMS (1 << 24)

/* Bytes of the header that this room writes: always the same, so that the header of a growing file can be
 * rewritten in place. The data behind it is aligned to 64 bytes where the file is. */
#define CIR__NPY_HEADER_SIZE 128

typedef enum cir__npy_dtype { CIR__NPY_F16, CIR__NPY_F32, CIR__NPY_F64 } cir__npy_dtype;

/* An array in somebody else's bytes; lends them. */
typedef struct cir__npy_view {
    cir__npy_dtype dtype;
    size_t n_dims; /* 1 … CIR__NPY_MAX_DIMS */
    size_t shape[CIR__NPY_MAX_DIMS];
    size_t n_rows;        /* shape[0] */
    size_t row_items;     /* the product of the other sides; 1 for one dimension */
    const void *data;     /* [n_rows, row_items] of dtype, aligned to its items */
    size_t n_extra_bytes; /* behind the data; 0 in a clean file */
} cir__npy_view;

/* Bytes of one item: 2, 4, 8. */
size_t cir__npy_item_bytes(cir__npy_dtype dtype);

/* Reads the header of versions 1, 2 and 3. Bytes behind the data are counted, not refused: a file may have
 * grown before its header. Errors: CIR_FORMAT (not .npy, a malformed header, fewer bytes than the shape
 * needs), CIR_UNSUPPORTED (other items than little-endian f2, f4, f8; Fortran order; more dimensions; longer
 * rows). */
CIR_MUST_CHECK cir_status cir__npy_parse(cir__bytes_view bytes, cir__npy_view *view_out, cir_error *err);

/* A mapped .npy file; view lends from mapping. Zeroed means none. */
typedef struct cir__npy_file {
    cir__npy_view view;
    cir__mapping mapping;
} cir__npy_file;

/* Maps and parses a whole file; bytes behind the data are CIR_FORMAT here. End with cir__npy_close.
 * Errors: those of cir__mapping_open and cir__npy_parse. */
CIR_MUST_CHECK cir_status cir__npy_open(const char *path, cir__npy_file *file_out, cir_error *err);
void cir__npy_close(cir__npy_file *file); /* a zeroed file is allowed */

/* Copies n_rows rows from first_row on, which must be there, into out [n_rows, row_items], as float (f64 is
 * rounded to nearest). */
void cir__npy_copy_rows(const cir__npy_view *view, size_t first_row, size_t n_rows, float *out);

/* Maps, checks and copies a whole file of floats in one go: *rows_out [n_rows, row_items], from cir__new:
 * free(). The view's shape goes to *view_out, its data pointer NULL. Errors: as cir__npy_open, and
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__npy_read(const char *path, float **rows_out, cir__npy_view *view_out,
                                        cir_error *err);

/* The same for a file of an open folder. */
CIR_MUST_CHECK cir_status cir__npy_read_in(const cir__folder *folder, const char *name, float **rows_out,
                                           cir__npy_view *view_out, cir_error *err);

/* The header of an array [n_rows, dim], of fixed size: dim 0 makes it one-dimensional, [n_rows]. Any n_rows
 * and dim fit. The bytes are those that numpy writes. */
void cir__npy_format_header(cir__npy_dtype dtype, size_t n_rows, size_t dim,
                            uint8_t header_out[CIR__NPY_HEADER_SIZE]);

/* Writes [n_rows, dim] (dim 0: [n_rows]) to path, replacing what is there atomically. Errors: those of
 * cir__file_replace, and CIR_LIMIT where the size overflows. */
CIR_MUST_CHECK cir_status cir__npy_write(const char *path, cir__npy_dtype dtype, size_t n_rows, size_t dim,
                                         const void *data, cir_error *err);

/* The same for a file of an open folder. */
CIR_MUST_CHECK cir_status cir__npy_write_in(const cir__folder *folder, const char *name, cir__npy_dtype dtype,
                                            size_t n_rows, size_t dim, const void *data, cir_error *err);

#endif
