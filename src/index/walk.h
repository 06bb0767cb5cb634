/* Lists the picture files below folders, in a stable order.
 *
 * Within a folder files come first, then its subfolders, each sorted bytewise by name. Links to folders are
 * followed after everything that can be reached without them, and every folder is listed once, by device and
 * inode: loops end. Folders whose name ends in ".cir" are indexes and are skipped. Knows nothing of the
 * catalogue. */
#ifndef CIR_INDEX_WALK_H
#define CIR_INDEX_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"

/* One picture file, or a file or folder that cannot be examined. path lives during the visit. */
typedef struct cir__walk_entry {
    const char *path;
    uint64_t size_bytes;
    int64_t modified_ns;
    int errno_value; /* 0, or why it cannot be examined (a file) or listed (a folder) */
    bool is_folder;  /* only when errno_value is set */
} cir__walk_entry;

/* false stops the walk. */
typedef bool cir__walk_visit(void *context, const cir__walk_entry *entry);

/* Visits roots in the order given: files always, whatever their name; folders recursively, and in them
 * regular files (or links to such) whose name ends like a picture's. A root is written as it shall appear in
 * the paths. skipped: a folder not to be listed, or NULL. What disappears meanwhile is skipped. Errors:
 * CIR_NO_MEMORY; CIR_INTERRUPTED when visit stopped it. */
CIR_MUST_CHECK cir_status cir__walk_run(const char *const *roots, size_t n_roots, const char *skipped,
                                        cir__walk_visit *visit, void *context, cir_error *err);

/* Whether a file's name ends like a picture's that can be decoded: .jpg, .PNG, .heic … */
bool cir__walk_is_picture(const char *path);

#endif
