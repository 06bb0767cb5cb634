#include "index/roots.h"

#include <string.h>

#include "base/error.h"

/* After those of the catalogue and of the rows. */
enum { FIND = 20, ADD, LIST };

/* A path is bytes, a key is text: hexadecimal digits are both. */
#define KEY "'root:' || hex(?1)"

static cir_status run(cir__store *store, size_t i, const char *sql, const char *stored, bool *has_row_out,
                      cir_error *err)
{
    sqlite3_stmt *statement;
    *has_row_out = false;
    cir_status status = cir__store_start(store, i, sql, &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_blob64(statement, 1, stored, strlen(stored), SQLITE_STATIC);
    status = cir__store_step(store, statement, has_row_out, err);
    (void)sqlite3_reset(statement);
    return status;
}

cir_status cir__roots_add(cir__store *store, const char *stored, cir_error *err)
{
    bool is_kept;
    cir_status status = run(store, FIND, "SELECT 1 FROM setting WHERE key = " KEY, stored, &is_kept, err);
    if (status == CIR_OK && !is_kept)
        status = run(store, ADD, "INSERT OR IGNORE INTO setting(key, value) VALUES(" KEY ", ?1)", stored,
                     &is_kept, err);
    return status;
}

cir_status cir__roots_list(cir__store *store, cir__roots_visit *visit, void *context, cir_error *err)
{
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(
        store, LIST, "SELECT value FROM setting WHERE key >= 'root:' AND key < 'root;' ORDER BY key",
        &statement, err);
    bool has_row = status == CIR_OK;
    while (has_row) {
        status = cir__store_step(store, statement, &has_row, err);
        const char *bytes = has_row ? sqlite3_column_blob(statement, 0) : NULL;
        if (has_row &&
            !visit(context, bytes != NULL ? bytes : "", (size_t)sqlite3_column_bytes(statement, 0))) {
            status = cir__fail_memory(err, store->name);
            break;
        }
    }
    if (statement != NULL)
        (void)sqlite3_reset(statement);
    return status;
}
