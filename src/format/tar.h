/* Tape archives read in place: ustar, pax headers and GNU long names. Reading is bounded: a header that lies
 * about the archive is refused, never followed.
 *
 * What it must not know: what the members hold. Nothing is ever written to disk by their names. */
#ifndef CIR_FORMAT_TAR_H
#define CIR_FORMAT_TAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "cir/status.h"

/* An archive being read; the bytes are lent. Zero all but bytes; end with cir__tar_done. Read only the
 * results. */
typedef struct cir__tar {
    cir__bytes_view bytes;
    const char *name; /* of the member last read, lent until the next: folders and all, cut at a zero byte */
    const uint8_t *data; /* its content, lent from bytes */
    size_t size;

    size_t position;
    char *name_memory;
    size_t name_capacity;
} cir__tar;

/* Reads the next regular file; folders, links, devices and unknown kinds are passed over, sparse files
 * refused. At the end, which two empty blocks or the archive's last byte are, *has_member_out is false.
 * Errors: CIR_FORMAT (a wrong checksum, a number or size that cannot be, a member that ends behind the
 * archive; all with the offset), CIR_UNSUPPORTED, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__tar_read_member(cir__tar *tar, bool *has_member_out, cir_error *err);

void cir__tar_done(cir__tar *tar); /* frees and zeroes; a zeroed struct is allowed */

#endif
