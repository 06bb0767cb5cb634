/* ZIP archives of stored files, as views into the archive's bytes: what PyTorch's checkpoints are.
 *
 * The directory at the end is what counts; every entry has to agree with its own header, none may overlap
 * another. What it must not know: what the entries mean. */
#ifndef CIR_FORMAT_ZIP_H
#define CIR_FORMAT_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "cir/status.h"

typedef struct cir__zip_entry {
    cir__bytes_view file; /* name: in the archive, lent by it; data: lent from the bytes */
    uint32_t crc;
} cir__zip_entry;

typedef struct cir__zip {
    cir__zip_entry *entries; /* [n], in the order of their names, each of which is there once */
    size_t n;
    char *names;
} cir__zip;

/* Reads the directory, with 64-bit sizes where it has them. The bytes are lent. End with cir__zip_done; a zeroed
 * one is allowed. Memory: in proportion to the directory. Errors, which name the entry: CIR_FORMAT,
 * CIR_UNSUPPORTED (compressed or encrypted entries, several disks), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__zip_parse(cir__bytes_view bytes, cir__zip *zip_out, cir_error *err);
void cir__zip_done(cir__zip *zip);

/* The entry of that name, or NULL. */
const cir__zip_entry *cir__zip_find(const cir__zip *zip, const char *name);

/* Reads all of an entry: whether its bytes are those that were stored. file: for the message. Errors:
 * CIR_FORMAT. */
CIR_MUST_CHECK cir_status cir__zip_check(const cir__zip_entry *entry, const char *file, cir_error *err);

#endif
