/* A new file beside the one whose name it takes once it is whole: a power cut, too, leaves the old one or the new one.
 * Whoever replaces a file, by its path or within a folder that is held open, goes this way. */
#ifndef CIR_SHARED_REPLACEMENT_H
#define CIR_SHARED_REPLACEMENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "cir/status.h"

typedef struct cir__replacement {
    int folder;         /* that names are in: a descriptor, or AT_FDCWD */
    const char *target; /* lent */
    char *temporary;    /* NULL once there is no such file */
    int fd;             /* to write to; −1: closed */
} cir__replacement;

/* Makes the file, with the mode less the process' mask. False with errno set and nothing to be given back. */
bool cir__replacement_open(cir__replacement *self, int folder, const char *target, mode_t mode);

/* Syncs and closes what was written; false with errno set. */
bool cir__replacement_close(cir__replacement *self);

/* Gives it the name; false with errno set. The folder is for the caller to sync. */
bool cir__replacement_rename(cir__replacement *self);

/* Takes away what got no name. To be called at the end, whatever happened; errno stays. */
void cir__replacement_done(cir__replacement *self);

/* All of that after writing, whose status is given: closes, renames and ends. path: for messages. Errors: those
 * given, and CIR_FULL, CIR_PERMISSION, CIR_IO. */
CIR_MUST_CHECK cir_status cir__replacement_commit(cir__replacement *self, cir_status written,
                                                  const char *path, cir_error *err);

#endif
