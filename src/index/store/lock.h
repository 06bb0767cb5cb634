/* The lock of an index: who holds it may write. It is the file "lock", which holds nothing. */
#ifndef CIR_INDEX_LOCK_H
#define CIR_INDEX_LOCK_H

#include <stdbool.h>

#include "base/folder.h"
#include "cir/status.h"

#define CIR__LOCK_NAME "lock"

/* Locks an index for writing, until the file descriptor is closed or the process ends. *fd_out is -1 on
 * failure. Errors: CIR_BUSY (another process holds it), CIR_UNSUPPORTED (the file system has no locks),
 * CIR_FORMAT (a link, a pipe or the like), CIR_PERMISSION, CIR_FULL, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__lock_take(const cir__folder *index, int *fd_out, cir_error *err);

/* Whether a process holds the lock; false also where that cannot be found out. */
bool cir__lock_is_held(const cir__folder *index);

/* A lock failed by an errno value that tells of no other holder: says what the file system lacks. */
cir_status cir__lock_fail(const char *name, int why, cir_error *err);

#endif
