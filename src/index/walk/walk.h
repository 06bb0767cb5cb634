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
#include <sys/types.h>

#include "cir/index.h"
#include "cir/status.h"
#include "index/walk/selection.h"

/* One picture file, or a file or folder that cannot be examined. path lives during the visit. */
typedef struct cir__walk_entry {
    const char *path;
    uint64_t size_bytes;
    int64_t modified_ns;
    uint64_t inode;
    int64_t changed_ns; /* when its bytes, name or rights last changed: nobody sets that time at will */
    unsigned readers;   /* CIR__READABLE_…; with a selection, else 0 */
    int errno_value;    /* 0, or why it cannot be examined (a file) or listed (a folder) */
    bool is_folder;     /* only when errno_value is set */
} cir__walk_entry;

/* Who but the owner may read a file, by its rights and those of all folders above it. */
enum { CIR__READABLE_BY_GROUP = 1, CIR__READABLE_BY_OTHERS = 2, CIR__READABLE_BY_ALL = 3 };

/* What a walk met and did not visit. */
typedef struct cir__walk_counts {
    size_t left_out[CIR__N_VERDICTS]; /* folders, and files that are named as pictures */
    size_t n_skipped;                 /* files of kinds that are not read */
    cir_skipped skipped[CIR_MAX_SKIPPED];
    size_t n_kinds;
} cir__walk_counts;

typedef struct cir__walk_options {
    const char *skipped; /* a folder not to be listed, or NULL */
    /* NULL: everything is visited that is named as a picture. Else files are visited that are pictures by
     * their bytes where their names do not tell, and what the selection leaves out is not. */
    const cir__selection *selection;
    gid_t group;              /* whose reading CIR__READABLE_BY_GROUP is about */
    cir__walk_counts *counts; /* counted in by the walking thread; NULL is allowed */
} cir__walk_options;

/* Who but the owner may read what lies below a root: by the rights of the folders above it and its own. */
unsigned cir__walk_find_readers(const char *path, gid_t group);

/* The most first. */
void cir__walk_sort_skipped(cir_skipped *kinds, size_t n);

/* false stops the walk. */
typedef bool cir__walk_visit(void *context, const cir__walk_entry *entry);

/* Visits roots in the order given: files always, whatever their name; folders recursively, and in them
 * regular files (or links to such). A root is written as it shall appear in the paths. What disappears
 * meanwhile is passed over. Errors: CIR_NO_MEMORY; CIR_INTERRUPTED when visit stopped it. */
CIR_MUST_CHECK cir_status cir__walk_run(const char *const *roots, size_t n_roots,
                                        const cir__walk_options *options, cir__walk_visit *visit,
                                        void *context, cir_error *err);

#endif
