/* A folder held open: its files are opened by name within it, wherever the folder is moved to, and nothing in
 * it that leads elsewhere is followed. Whoever copies a folder from others gets links, pipes and devices with
 * it; here they are errors, never targets.
 *
 * Names are single names, without a slash. What is made in a folder gets no right that the folder does not
 * give: who may not list it may read nothing in it. */
#ifndef CIR_BASE_FOLDER_H
#define CIR_BASE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/file.h"
#include "cir/status.h"

typedef struct cir__folder cir__folder;

/* Opens a folder that the user names; links in that path are followed. Close with cir__folder_close. Errors:
 * CIR_NOT_FOUND, CIR_PERMISSION, CIR_FORMAT (no folder), CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__folder_open(const char *path, cir__folder **folder_out, cir_error *err);

/* Opens a folder within another; makes: it is made where there is none, durably. A link is CIR_FORMAT.
 * Errors: as above, and CIR_FULL. */
CIR_MUST_CHECK cir_status cir__folder_open_in(const cir__folder *parent, const char *name, bool makes,
                                              cir__folder **folder_out, cir_error *err);
void cir__folder_close(cir__folder *folder); /* NULL is allowed */

/* As the user named it, for messages. */
const char *cir__folder_name(const cir__folder *folder);

/* Its file descriptor, lent. */
int cir__folder_fd(const cir__folder *folder);

/* "folder/name" for messages, NULL when out of memory. free(). */
char *cir__folder_join(const cir__folder *folder, const char *name);

/* Whether the path that a folder was opened by still leads to it. Errors: CIR_GONE (moved, replaced,
 * deleted, or its drive is not there). */
CIR_MUST_CHECK cir_status cir__folder_check(const cir__folder *folder, cir_error *err);

bool cir__folder_is_same(const cir__folder *a, const cir__folder *b);

/* What lies at a name, itself, not what a link leads to: 0, or an errno value. */
int cir__folder_examine(const cir__folder *folder, const char *name, struct stat *facts_out);

/* What is wrong with a name as a file of ours, for people (static); NULL: it is a plain file, or nothing. */
const char *cir__folder_find_fault(const cir__folder *folder, const char *name);

/* Opens a plain file. access: O_RDONLY or O_RDWR, and O_CREAT with the mode (less the process' mask) that a
 * new one gets. What is to be written must have no second name (a hard link), through which another's file
 * would change. A link, a pipe and the like are CIR_FORMAT, and never wait. facts_out may be NULL. *fd_out is
 * -1 on failure. Errors: CIR_NOT_FOUND, CIR_PERMISSION, CIR_FORMAT, CIR_FULL, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__folder_open_file(const cir__folder *folder, const char *name, int access,
                                                mode_t mode, int *fd_out, struct stat *facts_out,
                                                cir_error *err);

/* Maps a file: cir__mapping_open. */
CIR_MUST_CHECK cir_status cir__folder_map(const cir__folder *folder, const char *name,
                                          cir__mapping *mapping_out, cir_error *err);

/* Reads a file of at most max_bytes whole: cir__file_read. */
CIR_MUST_CHECK cir_status cir__folder_read(const cir__folder *folder, const char *name, size_t max_bytes,
                                           uint8_t **bytes_out, size_t *size_out, cir_error *err);

/* Puts a new file in the place of a name atomically and durably: cir__file_replace. A link there is replaced
 * itself. mode: of the new file, less the process' mask. */
CIR_MUST_CHECK cir_status cir__folder_replace(const cir__folder *folder, const char *name, mode_t mode,
                                              const void *bytes, size_t size, cir_error *err);

/* Gives a file that has second names a copy of its own, durably. Errors: as cir__folder_replace. */
CIR_MUST_CHECK cir_status cir__folder_unshare(const cir__folder *folder, const char *name, cir_error *err);

/* Removes a name, never what a link leads to; false where it stays. One that is not there is gone. */
bool cir__folder_remove(const cir__folder *folder, const char *name);
bool cir__folder_remove_folder(const cir__folder *folder, const char *name); /* an empty one */

/* Takes the rights that allowed does not have from a folder and from all that is in it, its folders too.
 * Links and files with second names are left alone, and so is what this user may not change. */
void cir__folder_restrict(const cir__folder *folder, mode_t allowed);

/* Makes new, replaced and removed names durable. */
CIR_MUST_CHECK cir_status cir__folder_sync_names(const cir__folder *folder, cir_error *err);

/* Calls visit for every name, sorted bytewise. facts: of the name itself. false where the folder cannot be
 * read or out of memory. */
typedef void cir__folder_visit(void *context, const cir__folder *folder, const char *name,
                               const struct stat *facts);
bool cir__folder_list(const cir__folder *folder, cir__folder_visit *visit, void *context);

#endif
