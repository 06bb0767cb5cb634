/* A SQLite file as the catalogue uses it: opened carefully, errors in the library's words, statements
 * prepared once. Knows no tables.
 *
 * A store is used by one thread at a time; the caller sees to that. */
#ifndef CIR_INDEX_STORE_H
#define CIR_INDEX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/folder.h"
#include "cir/status.h"
#include "index/store/store_vfs.h"

#define CIR__STORE_N_STATEMENTS 24

/* What a file is, for messages; lent for as long as its stores live. */
typedef struct cir__store_kind {
    const char *file_name;
    const char *noun;   /* "catalogue" */
    const char *remedy; /* what to do where it is damaged; the folder is named behind it */
} cir__store_kind;

typedef struct cir__store {
    sqlite3 *db;
    cir__store_vfs *vfs;
    const cir__folder *folder; /* that it lies in, lent */
    const cir__store_kind *kind;
    char *name; /* of the folder, for messages */
    bool writes;
    sqlite3_stmt *statements[CIR__STORE_N_STATEMENTS];
} cir__store;

/* Opens a file of a folder, both lent; the folder's name stands for it in messages. A reader writes
 * nothing. Where it meets what an interrupted commit left, it takes the folder's lock (lock.h), which tells that nobody
 * is committing, undoes that as a writer would, and lets the lock go. Errors: CIR_PERMISSION, CIR_IO,
 * CIR_FULL, CIR_DAMAGED, CIR_BUSY, CIR_NOT_FOUND, CIR_FORMAT (a link or the like), CIR_UNSUPPORTED (a file
 * system without locks), CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__store_open(const cir__folder *folder, const cir__store_kind *kind, bool writes,
                                          bool creates, cir__store **store_out, cir_error *err);
void cir__store_close(cir__store *store); /* NULL is allowed; an open transaction is undone */

/* Whether what the user named is still the folder, and the file in it the one, that were opened. A beginning
 * and a commit check it, and each statement of a reader outside a transaction. Errors: CIR_GONE. */
CIR_MUST_CHECK cir_status cir__store_check(const cir__store *store, cir_error *err);

/* A transaction. A reader's makes several reads one view. Errors of these and of all that follow:
 * CIR_DAMAGED, CIR_FULL, CIR_IO, CIR_BUSY, CIR_PERMISSION, CIR_GONE (cir__store_check), CIR_UNSUPPORTED,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__store_begin(cir__store *store, bool writes, cir_error *err);
CIR_MUST_CHECK cir_status cir__store_commit(cir__store *store, cir_error *err);
void cir__store_rollback(cir__store *store);

/* Runs SQL that answers nothing. */
CIR_MUST_CHECK cir_status cir__store_run(cir__store *store, const char *sql, cir_error *err);

/* Statement number i, prepared from sql at its first use, with nothing bound. */
CIR_MUST_CHECK cir_status cir__store_start(cir__store *store, size_t i, const char *sql,
                                           sqlite3_stmt **statement_out, cir_error *err);

/* Prepares a statement of the caller's own, who finalises it (sqlite3_finalize). */
CIR_MUST_CHECK cir_status cir__store_prepare(cir__store *store, const char *sql, sqlite3_stmt **statement_out,
                                             cir_error *err);

/* Steps a statement: *has_row_out tells whether there is a row. Once there is none it is over. */
CIR_MUST_CHECK cir_status cir__store_step(cir__store *store, sqlite3_stmt *statement, bool *has_row_out,
                                          cir_error *err);

/* Steps a statement that answers nothing. */
CIR_MUST_CHECK cir_status cir__store_finish(cir__store *store, sqlite3_stmt *statement, cir_error *err);

/* The first column of the first row of sql; missing_value where there is no row or NULL. */
CIR_MUST_CHECK cir_status cir__store_get_number(cir__store *store, const char *sql, int64_t missing_value,
                                                int64_t *value_out, cir_error *err);

/* The file contradicts itself: what it says, and what to do. */
cir_status cir__store_fail_damaged(const cir__store *store, const char *finding, cir_error *err);

#endif
