#include "curate/store/sql.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "base/memory.h"

static void bind(sqlite3_stmt *statement, const char *types, va_list values)
{
    for (int i = 1; *types != '\0'; types++, i++) {
        switch (*types) {
        case 'i':
            (void)sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
            break;
        case 'd':
            (void)sqlite3_bind_double(statement, i, va_arg(values, double));
            break;
        case 't':
            (void)sqlite3_bind_text(statement, i, va_arg(values, const char *), -1, SQLITE_STATIC);
            break;
        case 'b': {
            const void *bytes = va_arg(values, const void *);
            const size_t size = va_arg(values, size_t);
            (void)sqlite3_bind_blob64(statement, i, bytes, size, SQLITE_STATIC);
            break;
        }
        default:
            assert(false);
        }
    }
}

static cir_status prepare(cir__store *store, sqlite3_stmt **statement_out, cir_error *err, const char *sql,
                          const char *types, va_list values)
{
    cir_status status = cir__store_prepare(store, sql, statement_out, err);
    if (status == CIR_OK)
        bind(*statement_out, types, values);
    return status;
}

cir_status cir__sql_prepare(cir__store *store, sqlite3_stmt **statement_out, cir_error *err, const char *sql,
                            const char *types, ...)
{
    va_list values;
    va_start(values, types);
    cir_status status = prepare(store, statement_out, err, sql, types, values);
    va_end(values);
    return status;
}

void cir__sql_bind(sqlite3_stmt *statement, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    (void)sqlite3_reset(statement);
    bind(statement, types, values);
    va_end(values);
}

cir_status cir__sql_run(cir__store *store, cir_error *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    va_list values;
    va_start(values, types);
    cir_status status = prepare(store, &statement, err, sql, types, values);
    va_end(values);
    if (status == CIR_OK)
        status = cir__store_finish(store, statement, err);
    (void)sqlite3_finalize(statement);
    return status;
}

cir_status cir__sql_get(cir__store *store, int64_t missing, int64_t *value_out, cir_error *err,
                        const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    va_list values;
    *value_out = missing;
    va_start(values, types);
    cir_status status = prepare(store, &statement, err, sql, types, values);
    va_end(values);
    if (status == CIR_OK)
        status = cir__store_step(store, statement, &has_row, err);
    if (has_row && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *value_out = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return status;
}

const char *cir__sql_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text != NULL ? text : "";
}

char *cir__sql_copy_text(sqlite3_stmt *statement, int column)
{
    return cir__copy_text(cir__sql_text(statement, column));
}

bool cir__sql_copy_bytes(sqlite3_stmt *statement, int column, void *bytes_out, size_t size)
{
    const void *bytes = sqlite3_column_blob(statement, column);
    if (bytes == NULL || (size_t)sqlite3_column_bytes(statement, column) != size)
        return false;
    memcpy(bytes_out, bytes, size);
    return true;
}

cir_status cir__sql_end(cir__store *store, cir_status status, cir_error *err)
{
    if (status == CIR_OK)
        status = cir__store_commit(store, err);
    if (status != CIR_OK)
        cir__store_rollback(store);
    return status;
}
