/* Files that a person names for results: checked before the work begins, written whole or not at all.
 * Every result goes this way, the library's and the program's. */
#ifndef CIR_SHARED_DESTINATION_H
#define CIR_SHARED_DESTINATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cir/status.h"

/* Whether a file can be written there, tried with a temporary file beside it, so that nobody waits for
 * results that then are lost. what: "the page", for messages. Errors: CIR_ARGUMENT (a folder),
 * CIR_PERMISSION, CIR_NOT_FOUND, CIR_FULL, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__destination_check(const char *path, const char *what, cir_error *err);

/* The same for a folder of files, which is made where it is missing; its parent is not. */
CIR_MUST_CHECK cir_status cir__destination_check_folder(const char *path, const char *what, cir_error *err);

/* Writes everything into file; false where that fails, with errno set. */
typedef bool cir__destination_fill(FILE *file, void *context);

/* Replaces a plain file, or the one that links lead to, by a temporary one beside it that takes its name and
 * its mode; writes through what is there and is no plain file, such as a pipe, or is open, as /dev/stdout;
 * writes in its place a file that cannot be renamed. What may not be written is not replaced. Errors: as
 * above. */
CIR_MUST_CHECK cir_status cir__destination_write(const char *path, const char *what,
                                                 cir__destination_fill *fill, void *context, cir_error *err);

/* The same of bytes in memory. */
CIR_MUST_CHECK cir_status cir__destination_write_bytes(const char *path, const char *what, const void *bytes,
                                                       size_t size, cir_error *err);

#endif
