/* Tables as text (RFC 4180), read row by row: quoted fields, doubled quotes, separators and line breaks
 * inside quotes, LF, CRLF or CR, a UTF-8 byte order mark (text_file.h), a last line without an end. Lines
 * without any character are skipped.
 *
 * A quote inside an unquoted field stands for itself; anything but a separator or a line's end behind a
 * closing quote is an error. What it must not know: what the columns mean. */
#ifndef CIR_FORMAT_CSV_H
#define CIR_FORMAT_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "cir/status.h"

/* A field of the row last read: zero-terminated (a zero byte in the file is an error). */
typedef struct cir__csv_field {
    const char *text;
    size_t size_bytes;
} cir__csv_field;

/* A table being read; the bytes are lent and must outlive it. Read only the three results. */
typedef struct cir__csv {
    size_t n_fields;              /* of the row last read, ≥ 1 */
    const cir__csv_field *fields; /* [n_fields], lent until the next row is read */
    size_t line;                  /* where that row begins, counted from 1 */

    cir__bytes_view bytes;
    char separator;
    bool is_begun; /* what is no text is taken off the bytes */
    size_t position;
    size_t next_line;
    cir__csv_field *field_memory;
    size_t field_capacity;
    char *text;
    size_t text_capacity;
} cir__csv;

/* separator: ',' (or ' ', '\t'). Takes no memory yet; end with cir__csv_done. */
void cir__csv_init(cir__csv *csv, cir__bytes_view bytes, char separator);

/* Reads the next row; *has_row_out is false at the end. Errors, which name file and line: CIR_FORMAT,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__csv_read_row(cir__csv *csv, bool *has_row_out, cir_error *err);

void cir__csv_done(cir__csv *csv); /* frees and zeroes; a zeroed struct is allowed */

#endif
