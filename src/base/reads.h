/* Many small reads of one file at once, in whatever order the disk serves them best.
 *
 * What it must not know: what it reads. */
#ifndef CIR_BASE_READS_H
#define CIR_BASE_READS_H

#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"

/* Reads n pieces of piece_bytes each, piece i from offsets[i] of the file into out + i · piece_bytes, with
 * many of them under way at a time; ascending offsets are served best. Takes a few threads of its own and
 * gives them back; up to 64 pieces are read by the calling one. name: the file's, for messages. Errors:
 * CIR_IO (the message names offset and cause), CIR_DAMAGED (the file ends before a piece does),
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__reads_run(int fd, const uint64_t *offsets, size_t n, size_t piece_bytes,
                                         void *out, const char *name, cir_error *err);

#endif
