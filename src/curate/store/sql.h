/* Statements over a store with values bound in one call. Values follow types, one letter each: i an int64_t, d a
 * double, t a text (NULL: none), b bytes and their size (const void *, size_t; NULL: none). Texts and bytes are lent
 * until the statement is over. Errors of all: those of store.h. */
#ifndef CIR_CURATE_SQL_H
#define CIR_CURATE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "index/store/store.h"

/* Prepares and binds; finalise it. */
CIR_MUST_CHECK cir_status cir__sql_prepare(cir__store *store, sqlite3_stmt **statement_out, cir_error *err,
                                           const char *sql, const char *types, ...);

/* Binds anew, from the first row on. */
void cir__sql_bind(sqlite3_stmt *statement, const char *types, ...);

/* Runs to its end what answers nothing. */
CIR_MUST_CHECK cir_status cir__sql_run(cir__store *store, cir_error *err, const char *sql, const char *types,
                                       ...);

/* The first column of the first row as a number; missing where there is no row, or NULL. */
CIR_MUST_CHECK cir_status cir__sql_get(cir__store *store, int64_t missing, int64_t *value_out, cir_error *err,
                                       const char *sql, const char *types, ...);

/* A column as text, "" for NULL; lent until the statement moves on. */
const char *cir__sql_text(sqlite3_stmt *statement, int column);

/* A copy of it; free(). NULL: memory. */
char *cir__sql_copy_text(sqlite3_stmt *statement, int column);

/* A blob of exactly size bytes; false: it is of another size, or none. */
bool cir__sql_copy_bytes(sqlite3_stmt *statement, int column, void *bytes_out, size_t size);

/* Ends a transaction that status tells about: commits, or undoes. Returns what came of it. */
CIR_MUST_CHECK cir_status cir__sql_end(cir__store *store, cir_status status, cir_error *err);

#endif
