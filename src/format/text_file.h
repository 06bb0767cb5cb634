/* Text files as people save them: the one place that knows byte order marks and ends of lines.
 *
 * What it must not know: what the lines say. */
#ifndef CIR_FORMAT_TEXT_FILE_H
#define CIR_FORMAT_TEXT_FILE_H

#include <stdbool.h>

#include "base/file.h"
#include "cir/status.h"

/* Takes a UTF-8 byte order mark off a file's text. Errors: CIR_FORMAT: it is UTF-16 or UTF-32, which the
 * message says, with a mark or without. */
CIR_MUST_CHECK cir_status cir__text_file_begin(cir__bytes_view *text, cir_error *err);

/* Takes the next line off what is left of a text: without its end, LF, CRLF or CR, and without the marks that
 * joined files have at the head of lines. false: there is none left;
 * a last line need not have an end. */
bool cir__text_file_take_line(cir__bytes_view *rest, cir__bytes_view *line_out);

#endif
