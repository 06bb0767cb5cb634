#include "index/store/store.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "index/store/lock.h"

/* A commit holds readers up for the time of a few syncs; a check holds a commit up while it reads the
 * file. */
#define BUSY_TIMEOUT_MS 60000
#define HEAL_TRIES 200
#define HEAL_WAIT_MS 50

cir_status cir__store_fail_damaged(const cir__store *store, const char *finding, cir_error *err)
{
    return cir__fail(err, CIR_DAMAGED, "%s: the %s is damaged: %s; %s %s", store->name, store->kind->noun,
                     finding, store->kind->remedy, store->name);
}

static cir_status fail_replaced(const cir__store *store, cir_error *err)
{
    return cir__fail(err, CIR_GONE, "%s: its %s was replaced or deleted while it was open; open it again",
                     store->name, store->kind->file_name);
}

static cir_status fail(const cir__store *store, int code, cir_error *err)
{
    int system_errno = sqlite3_system_errno(store->db);
    const char *text = sqlite3_errmsg(store->db);
    const cir_error *why = cir__store_vfs_why(store->vfs);
    if (why->status != CIR_OK && code != SQLITE_BUSY)
        return cir__fail(err, why->status, "%s", why->message);
    if (code == SQLITE_IOERR_NOMEM)
        code = SQLITE_NOMEM;
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return cir__fail_memory(err, store->name);
    case SQLITE_FULL:
        return cir__fail(err, CIR_FULL, "%s: the disk is full; make room and run it again", store->name);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return cir__fail(err, CIR_BUSY, "%s: another process writes its %s; try again", store->name,
                         store->kind->noun);
    case SQLITE_ERROR: /* damage in the right place makes SQL fail in ways that have no code of their own */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    case SQLITE_SCHEMA:
        return cir__store_fail_damaged(store, text, err);
    case SQLITE_READONLY:
        if (code == SQLITE_READONLY_DBMOVED)
            return fail_replaced(store, err);
        return cir__fail(
            err, CIR_PERMISSION,
            code == SQLITE_READONLY_ROLLBACK
                ? "%s: an update of its %s was interrupted and cannot be rolled back without permission to "
                  "write; open it once where it can be written"
                : "%s: no permission to write its %s",
            store->name, store->kind->noun);
    case SQLITE_CANTOPEN: /* of a file that was opened: it wants a write-ahead log beside it */
        if (system_errno == 0)
            return cir__fail(
                err, CIR_FORMAT,
                "%s: another program has switched its %s to a write-ahead log; switch it back with: "
                "sqlite3 %s/%s 'PRAGMA journal_mode = DELETE'",
                store->name, store->kind->file_name, store->name, store->kind->file_name);
        return cir__fail_errno(err, system_errno, "%s: the %s cannot be opened", store->name,
                               store->kind->noun);
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return cir__fail(err, CIR_PERMISSION, "%s: the %s cannot be used: %s", store->name, store->kind->noun,
                         text);
    default:
        if (system_errno != 0)
            return cir__fail_errno(err, system_errno, "%s: the %s cannot be used: %s", store->name,
                                   store->kind->noun, text);
        return cir__fail(err, CIR_IO, "%s: the %s cannot be used: %s", store->name, store->kind->noun, text);
    }
}

cir_status cir__store_open(const cir__folder *folder, const cir__store_kind *kind, bool writes, bool creates,
                           cir__store **store_out, cir_error *err)
{
    *store_out = NULL;
    const char *name = cir__folder_name(folder);
    cir__store *store = cir__new(1, sizeof *store);
    if (store == NULL)
        return cir__fail_memory(err, name);
    cir_status status = CIR_OK;
    int code = SQLITE_OK;
    store->folder = folder;
    store->kind = kind;
    store->writes = writes;
    store->name = cir__copy_text(name);
    store->vfs = cir__store_vfs_new(folder, kind->file_name, writes);
    if (store->name != NULL && store->vfs != NULL)
        code = cir__store_vfs_open(store->vfs, creates, &store->db);
    if (store->db == NULL) {
        status = cir__fail_memory(err, name);
        goto done;
    }
    if (code != SQLITE_OK) {
        status = fail(store, code, err);
        goto done;
    }
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    /* What a hostile file might smuggle into its schema stays without effect. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    if (writes && sqlite3_db_readonly(store->db, "main") == 1) {
        status = cir__fail(err, CIR_PERMISSION, "%s: no permission to write its %s", name, kind->noun);
        goto done;
    }
    /* EXTRA: a commit is durable, and not only whole, before what depends on it is overwritten. */
    status = cir__store_run(store,
                            writes ? "PRAGMA cell_size_check = ON; PRAGMA journal_mode = DELETE; "
                                     "PRAGMA synchronous = EXTRA; PRAGMA cache_size = -65536"
                                   : "PRAGMA cell_size_check = ON; PRAGMA query_only = ON",
                            err);
done:
    if (status != CIR_OK) {
        cir__store_close(store);
        store = NULL;
    }
    *store_out = store;
    return status;
}

void cir__store_close(cir__store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < CIR__STORE_N_STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    (void)sqlite3_close(store->db);
    cir__store_vfs_free(store->vfs);
    free(store->name);
    free(store);
}

cir_status cir__store_run(cir__store *store, const char *sql, cir_error *err)
{
    cir__store_vfs_forget(store->vfs);
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? CIR_OK : fail(store, code, err);
}

cir_status cir__store_check(const cir__store *store, cir_error *err)
{
    cir_status status = cir__folder_check(store->folder, err);
    if (status == CIR_OK && !cir__store_vfs_is_here(store->vfs))
        status = fail_replaced(store, err);
    return status;
}

/* Between transactions of a reader: is it the same file? Pages are read anew, for SQLite tells by a counter
 * in the file whether they are still right, and a backup that cp put over it may have come to the same
 * count. */
static cir_status look_again(const cir__store *store, cir_error *err)
{
    cir_status status = cir__store_check(store, err);
    if (status == CIR_OK)
        (void)sqlite3_db_release_memory(store->db);
    return status;
}

cir_status cir__store_begin(cir__store *store, bool writes, cir_error *err)
{
    cir_status status = store->writes ? cir__store_check(store, err) : look_again(store, err);
    return status == CIR_OK ? cir__store_run(store, writes ? "BEGIN IMMEDIATE" : "BEGIN", err) : status;
}

cir_status cir__store_commit(cir__store *store, cir_error *err)
{
    cir_status status = store->writes ? cir__store_check(store, err) : CIR_OK;
    return status == CIR_OK ? cir__store_run(store, "COMMIT", err) : status;
}

void cir__store_rollback(cir__store *store)
{
    for (size_t i = 0; i < CIR__STORE_N_STATEMENTS; i++)
        if (store->statements[i] != NULL)
            (void)sqlite3_reset(store->statements[i]);
    if (!sqlite3_get_autocommit(store->db))
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Undoes what an interrupted commit left. CIR_OK: look again, it is undone or somebody is just doing that. */
static cir_status heal(const cir__store *store, cir_error *err)
{
    cir__store *writer = NULL;
    int lock;
    cir_status status = cir__store_check(store, err);
    if (status == CIR_OK)
        status = cir__lock_take(store->folder, &lock, err);
    if (status == CIR_BUSY) {
        const struct timespec wait = {.tv_nsec = HEAL_WAIT_MS * 1000000L};
        (void)nanosleep(&wait, NULL);
        return CIR_OK;
    }
    if (status == CIR_OK) {
        /* Whoever opens it for writing reads it, and so undoes it. */
        status = cir__store_open(store->folder, store->kind, true, false, &writer, err);
        cir__store_close(writer);
        close(lock);
    }
    return status == CIR_PERMISSION ? fail(store, SQLITE_READONLY_ROLLBACK, err) : status;
}

/* Preparing reads the schema, and so is the first to meet what is to be healed, as a rule. */
static cir_status prepare(const cir__store *store, const char *sql, unsigned flags,
                          sqlite3_stmt **statement_out, cir_error *err)
{
    for (int i = 0;; i++) {
        cir__store_vfs_forget(store->vfs);
        int code = sqlite3_prepare_v3(store->db, sql, -1, flags, statement_out, NULL);
        if (code == SQLITE_OK)
            return CIR_OK;
        if (code != SQLITE_READONLY_ROLLBACK || i == HEAL_TRIES)
            return fail(store, code, err);
        cir_status status = heal(store, err);
        if (status != CIR_OK)
            return status;
    }
}

cir_status cir__store_start(cir__store *store, size_t i, const char *sql, sqlite3_stmt **statement_out,
                            cir_error *err)
{
    *statement_out = NULL;
    if (!store->writes && sqlite3_get_autocommit(store->db)) {
        cir_status status = look_again(store, err);
        if (status != CIR_OK)
            return status;
    }
    if (store->statements[i] == NULL) {
        cir_status status = prepare(store, sql, SQLITE_PREPARE_PERSISTENT, &store->statements[i], err);
        if (status != CIR_OK)
            return status;
    }
    (void)sqlite3_reset(store->statements[i]);
    (void)sqlite3_clear_bindings(store->statements[i]);
    *statement_out = store->statements[i];
    return CIR_OK;
}

cir_status cir__store_prepare(cir__store *store, const char *sql, sqlite3_stmt **statement_out,
                              cir_error *err)
{
    *statement_out = NULL;
    return prepare(store, sql, 0, statement_out, err);
}

cir_status cir__store_step(cir__store *store, sqlite3_stmt *statement, bool *has_row_out, cir_error *err)
{
    cir__store_vfs_forget(store->vfs);
    int code = sqlite3_step(statement);
    for (int i = 0; code == SQLITE_READONLY_ROLLBACK && i < HEAL_TRIES; i++) {
        (void)sqlite3_reset(statement);
        cir_status status = heal(store, err);
        *has_row_out = false;
        if (status != CIR_OK)
            return status;
        code = sqlite3_step(statement);
    }
    *has_row_out = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        return CIR_OK;
    cir_status status = code == SQLITE_DONE ? CIR_OK : fail(store, code, err);
    (void)sqlite3_reset(statement); /* lets go of the lock that an unfinished statement holds */
    return status;
}

cir_status cir__store_finish(cir__store *store, sqlite3_stmt *statement, cir_error *err)
{
    bool has_row;
    cir_status status = cir__store_step(store, statement, &has_row, err);
    (void)sqlite3_reset(statement);
    return status;
}

cir_status cir__store_get_number(cir__store *store, const char *sql, int64_t missing_value,
                                 int64_t *value_out, cir_error *err)
{
    *value_out = missing_value;
    sqlite3_stmt *statement;
    cir_status status = prepare(store, sql, 0, &statement, err);
    if (status != CIR_OK)
        return status;
    bool has_row;
    status = cir__store_step(store, statement, &has_row, err);
    if (has_row && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *value_out = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return status;
}
