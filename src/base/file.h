/* Whole files: mapped, read, and replaced so that a power cut leaves the old one or the new one. */
#ifndef CIR_BASE_FILE_H
#define CIR_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"

/* Bytes of somebody else: a mapped file, an embedded one, or memory. name is for messages. */
typedef struct cir__bytes_view {
    const uint8_t *data;
    size_t size;
    const char *name;
} cir__bytes_view;

/* Up to here a file is copied instead of mapped: then nothing can change it. */
#define CIR__COPY_BYTES ((size_t)1 << 20)

/* A file's bytes in memory; large ones without copying, aligned to 64 bytes. Zeroed means none. */
typedef struct cir__mapping {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
    bool is_copy;
} cir__mapping;

/* Maps a regular file for reading; a folder, a device or a pipe is an error. Errors: CIR_NOT_FOUND,
 * CIR_PERMISSION, CIR_IO, CIR_FORMAT (not a regular file), CIR_NO_MEMORY. Where it may have become shorter
 * meanwhile, cir__mapped_check says so. */
CIR_MUST_CHECK cir_status cir__mapping_open(const char *path, cir__mapping *mapping_out, cir_error *err);

/* The same for a file whose length is looked at as long as it is open (mapped.h), which keeps a file
 * descriptor: for what is read over and over. */
CIR_MUST_CHECK cir_status cir__mapping_open_watched(const char *path, cir__mapping *mapping_out,
                                                    cir_error *err);

/* The same for an open file of size bytes, which may be closed then. name is for messages. */
CIR_MUST_CHECK cir_status cir__mapping_of_fd(int fd, size_t size, bool watches, const char *name,
                                             cir__mapping *mapping_out, cir_error *err);

/* Unmaps and zeroes; a zeroed mapping is allowed. */
void cir__mapping_close(cir__mapping *mapping);

/* Reads a regular file of at most max_bytes whole; a zero byte follows the last. Free with free().
 * Errors: as cir__mapping_open, and CIR_LIMIT. */
CIR_MUST_CHECK cir_status cir__file_read(const char *path, size_t max_bytes, uint8_t **bytes_out,
                                         size_t *size_out, cir_error *err);

/* The same for an open file of size bytes. */
CIR_MUST_CHECK cir_status cir__file_read_fd(int fd, size_t size, size_t max_bytes, const char *name,
                                            uint8_t **bytes_out, size_t *size_out, cir_error *err);

/* Writes bytes to path atomically: a temporary file beside it, synced, renamed, the folder synced.
 * Errors: CIR_PERMISSION, CIR_FULL, CIR_IO, CIR_NOT_FOUND (no such folder), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__file_replace(const char *path, const void *bytes, size_t size, cir_error *err);

/* Writes all bytes at an offset of an open file, however often the system interrupts. path is for
 * messages. */
CIR_MUST_CHECK cir_status cir__file_write_at(int fd, const void *bytes, size_t size, uint64_t offset,
                                             const char *path, cir_error *err);

/* Makes a rename or a new file in the folder of path durable. */
CIR_MUST_CHECK cir_status cir__folder_sync(const char *path, cir_error *err);

/* "folder/name", newly allocated, NULL when out of memory. Free with free(). */
char *cir__path_join(const char *folder, const char *name);

#endif
