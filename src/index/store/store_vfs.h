/* How SQLite reaches a catalogue: two names in a folder that is held open, the file and its rollback journal.
 *
 * SQLite by itself opens a journal by the path that the database had. Where the folder was renamed meanwhile
 * and another index lies at the old path, that is the other's journal, and rolling it back destroys this file
 * and takes the journal from the other. Here both names are looked up in the folder that was opened, links
 * are not followed, and a journal is touched only while the database is still what lies at its name there.
 * Readers open the file for reading alone: a journal to be rolled back is an error to them
 * (SQLITE_READONLY_ROLLBACK). Super-journals and write-ahead logs, which name other files, do not exist.
 *
 * Locks are SQLite's own bytes, so that other programs may read the file at the same time, but belong to the
 * open file and not to the process (F_OFD_SETLK), so that closing another one of the same file keeps them. */
#ifndef CIR_INDEX_STORE_VFS_H
#define CIR_INDEX_STORE_VFS_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/folder.h"
#include "cir/status.h"

typedef struct cir__store_vfs cir__store_vfs;

/* For one connection to the file. folder and file_name are lent until it is freed. NULL: memory. */
cir__store_vfs *cir__store_vfs_new(const cir__folder *folder, const char *file_name, bool writes);
void cir__store_vfs_free(cir__store_vfs *vfs); /* after its connection was closed; NULL is allowed */

/* Opens the connection; registers the VFS under a name of its own for the time of the call. *db_out may be
 * set where it fails, as with sqlite3_open_v2. */
int cir__store_vfs_open(cir__store_vfs *vfs, bool creates, sqlite3 **db_out);

/* Whether the name still leads to the open file. */
bool cir__store_vfs_is_here(const cir__store_vfs *vfs);

/* Why a call since the last forgetting failed, where it was no plain error of the system; CIR_OK: nothing is
 * known. */
const cir_error *cir__store_vfs_why(const cir__store_vfs *vfs);
void cir__store_vfs_forget(cir__store_vfs *vfs);

#endif
