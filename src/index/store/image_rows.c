#include "index/store/image_rows.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* After those of the catalogue. */
enum {
    COUNT = 8,
    FIND_PATH,
    FIND_FILE,
    FIND_HASH,
    GET,
    PUT,
    SET_VANISHED,
    SET_FILE,
    LIST_STATES,
    LIST_PATHS,
    LIST_ALL,
    FORGET
};

enum { THERE = 0, FAILED = CIR__ROW_FAILED, VANISHED = CIR__ROW_VANISHED };

#define COLUMNS "id, size, modified_ns, hash, width, height, taken_at, state, error IS NOT NULL"
enum { N_COLUMNS = 9 };

cir_status cir__image_rows_count(cir__store *store, size_t *n_out, cir_error *err)
{
    *n_out = 0;
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(store, COUNT, "SELECT max(id) FROM image", &statement, err);
    if (status != CIR_OK)
        return status;
    bool has_row;
    status = cir__store_step(store, statement, &has_row, err);
    int64_t last = -1;
    if (has_row && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        last = sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    if (status != CIR_OK)
        return status;
    /* A row takes more than 8 bytes: a larger number would only make the caller ask for absurd memory. */
    int64_t n_bytes;
    status = cir__store_get_number(
        store, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", 0, &n_bytes, err);
    if (status != CIR_OK)
        return status;
    if (last < -1 || last > n_bytes / 8)
        return cir__store_fail_damaged(store, "an image's id is out of range", err);
    *n_out = (size_t)(last + 1);
    return CIR_OK;
}

static size_t size_of_column(sqlite3_stmt *statement, int i)
{
    int64_t value = sqlite3_column_int64(statement, i);
    return value > 0 ? (size_t)value : 0;
}

static void read_row(sqlite3_stmt *statement, cir__row *row_out)
{
    bool is_known = sqlite3_column_type(statement, 6) != SQLITE_NULL;
    int64_t state = sqlite3_column_int64(statement, 7);
    *row_out = (cir__row){.id = size_of_column(statement, 0),
                          .size_bytes = size_of_column(statement, 1),
                          .modified_ns = sqlite3_column_int64(statement, 2),
                          .width_px = size_of_column(statement, 4),
                          .height_px = size_of_column(statement, 5),
                          .taken_at = is_known ? sqlite3_column_int64(statement, 6) : INT64_MIN,
                          .is_vanished = state == VANISHED,
                          .is_failed = sqlite3_column_int(statement, 8) != 0};
    const void *hash = sqlite3_column_blob(statement, 3);
    if (hash != NULL && sqlite3_column_bytes(statement, 3) == CIR__HASH_SIZE) {
        row_out->has_hash = true;
        memcpy(row_out->hash, hash, CIR__HASH_SIZE);
    }
}

/* Steps a statement that answers at most one row. */
static cir_status find_one(cir__store *store, sqlite3_stmt *statement, cir__row *row_out, bool *is_found_out,
                           cir_error *err)
{
    cir_status status = cir__store_step(store, statement, is_found_out, err);
    if (status == CIR_OK && *is_found_out)
        read_row(statement, row_out);
    (void)sqlite3_reset(statement);
    return status;
}

cir_status cir__image_rows_find_path(cir__store *store, const char *stored, cir__row *row_out,
                                     bool *is_found_out, cir_error *err)
{
    *is_found_out = false;
    sqlite3_stmt *statement;
    cir_status status =
        cir__store_start(store, FIND_PATH, "SELECT " COLUMNS " FROM image WHERE path = ?1", &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_blob64(statement, 1, stored, strlen(stored), SQLITE_STATIC);
    return find_one(store, statement, row_out, is_found_out, err);
}

cir_status cir__image_rows_find_file(cir__store *store, const char *stored, cir__row *row_out,
                                     bool *is_found_out, cir_error *err)
{
    *is_found_out = false;
    sqlite3_stmt *statement;
    cir_status status =
        cir__store_start(store, FIND_FILE, "SELECT " COLUMNS ", inode, changed_ns FROM image WHERE path = ?1",
                         &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_blob64(statement, 1, stored, strlen(stored), SQLITE_STATIC);
    status = cir__store_step(store, statement, is_found_out, err);
    if (status == CIR_OK && *is_found_out) {
        read_row(statement, row_out);
        row_out->has_change = sqlite3_column_type(statement, N_COLUMNS) != SQLITE_NULL &&
                              sqlite3_column_type(statement, N_COLUMNS + 1) != SQLITE_NULL;
        row_out->inode = (uint64_t)sqlite3_column_int64(statement, N_COLUMNS);
        row_out->changed_ns = sqlite3_column_int64(statement, N_COLUMNS + 1);
    }
    (void)sqlite3_reset(statement);
    return status;
}

cir_status cir__image_rows_find_hash(cir__store *store, const uint8_t hash[CIR__HASH_SIZE], size_t first_id,
                                     cir__row *row_out, bool *is_found_out, cir_error *err)
{
    *is_found_out = false;
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(store, FIND_HASH,
                                         "SELECT " COLUMNS " FROM image "
                                         "WHERE hash = ?1 AND id >= ?2 ORDER BY id LIMIT 1",
                                         &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_blob(statement, 1, hash, CIR__HASH_SIZE, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)first_id);
    return find_one(store, statement, row_out, is_found_out, err);
}

/* A column's bytes with a final zero; NULL where it is NULL. false: memory. */
static bool copy_column(sqlite3_stmt *statement, int i, char **bytes_out)
{
    *bytes_out = NULL;
    if (sqlite3_column_type(statement, i) == SQLITE_NULL)
        return true;
    const void *bytes = sqlite3_column_blob(statement, i);
    size_t size = (size_t)sqlite3_column_bytes(statement, i);
    *bytes_out = malloc(size + 1);
    if (*bytes_out == NULL)
        return false;
    if (size > 0)
        memcpy(*bytes_out, bytes, size);
    (*bytes_out)[size] = '\0';
    return true;
}

cir_status cir__image_rows_get(cir__store *store, size_t id, cir__row *row_out, char **path_out,
                               char **error_out, cir_error *err)
{
    *row_out = (cir__row){0};
    char *path = NULL;
    char *error = NULL;
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(
        store, GET, "SELECT " COLUMNS ", path, error FROM image WHERE id = ?1", &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    bool has_row;
    status = cir__store_step(store, statement, &has_row, err);
    if (status == CIR_OK && !has_row) {
        status = cir__fail(err, CIR_NOT_FOUND, "%s: has no image %zu", store->name, id);
    } else if (status == CIR_OK) {
        read_row(statement, row_out);
        if (!copy_column(statement, N_COLUMNS, &path) || !copy_column(statement, N_COLUMNS + 1, &error))
            status = cir__fail_memory(err, store->name);
    }
    (void)sqlite3_reset(statement);
    if (status == CIR_OK && (path == NULL || path[0] == '\0'))
        status = cir__store_fail_damaged(store, "an image has no path", err);
    if (status == CIR_OK && path_out != NULL) {
        *path_out = path;
        path = NULL;
    }
    if (status == CIR_OK && error_out != NULL) {
        *error_out = error;
        error = NULL;
    }
    free(path);
    free(error);
    return status;
}

static void bind_change(sqlite3_stmt *statement, int i, const cir__row *row)
{
    if (!row->has_change)
        return;
    (void)sqlite3_bind_int64(statement, i, (sqlite3_int64)row->inode);
    (void)sqlite3_bind_int64(statement, i + 1, row->changed_ns);
}

cir_status cir__image_rows_put(cir__store *store, const cir__row *row, const char *stored, const char *error,
                               cir_error *err)
{
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(
        store, PUT,
        "INSERT INTO image(id, path, size, modified_ns, hash, width, height, taken_at, state, error, "
        "inode, changed_ns) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
        "ON CONFLICT(id) DO UPDATE SET path = excluded.path, "
        "size = excluded.size, modified_ns = excluded.modified_ns, hash = excluded.hash, "
        "width = excluded.width, height = excluded.height, taken_at = excluded.taken_at, "
        "state = excluded.state, error = excluded.error, inode = excluded.inode, "
        "changed_ns = excluded.changed_ns",
        &statement, err);
    if (status != CIR_OK)
        return status;
    int state = row->is_vanished ? VANISHED : row->is_failed ? FAILED : THERE;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)row->id);
    (void)sqlite3_bind_blob64(statement, 2, stored, strlen(stored), SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)row->size_bytes);
    (void)sqlite3_bind_int64(statement, 4, row->modified_ns);
    if (row->has_hash)
        (void)sqlite3_bind_blob(statement, 5, row->hash, CIR__HASH_SIZE, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 6, (sqlite3_int64)row->width_px);
    (void)sqlite3_bind_int64(statement, 7, (sqlite3_int64)row->height_px);
    if (row->taken_at != INT64_MIN)
        (void)sqlite3_bind_int64(statement, 8, row->taken_at);
    (void)sqlite3_bind_int(statement, 9, state);
    if (error != NULL)
        (void)sqlite3_bind_text(statement, 10, error, -1, SQLITE_STATIC);
    bind_change(statement, 11, row);
    return cir__store_finish(store, statement, err);
}

cir_status cir__image_rows_set_vanished(cir__store *store, size_t id, bool is_vanished, cir_error *err)
{
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(
        store, SET_VANISHED,
        "UPDATE image SET state = CASE WHEN ?2 THEN 2 ELSE error IS NOT NULL END WHERE id = ?1", &statement,
        err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    (void)sqlite3_bind_int(statement, 2, is_vanished ? 1 : 0);
    return cir__store_finish(store, statement, err);
}

cir_status cir__image_rows_set_file(cir__store *store, const cir__row *row, const char *stored,
                                    cir_error *err)
{
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(store, SET_FILE,
                                         "UPDATE image SET path = ?2, size = ?3, modified_ns = ?4, "
                                         "inode = ?5, changed_ns = ?6, state = error IS NOT NULL "
                                         "WHERE id = ?1",
                                         &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)row->id);
    (void)sqlite3_bind_blob64(statement, 2, stored, strlen(stored), SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)row->size_bytes);
    (void)sqlite3_bind_int64(statement, 4, row->modified_ns);
    bind_change(statement, 5, row);
    return cir__store_finish(store, statement, err);
}

cir_status cir__image_rows_forget(cir__store *store, size_t id, cir_error *err)
{
    sqlite3_stmt *statement;
    /* No file has two slashes in its path. */
    cir_status status = cir__store_start(
        store, FORGET,
        "UPDATE image SET path = CAST('//' || id AS BLOB), size = 0, modified_ns = 0, hash = NULL, "
        "width = 0, height = 0, taken_at = NULL, state = 3, error = NULL, inode = NULL, changed_ns = NULL WHERE id = ?1",
        &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    return cir__store_finish(store, statement, err);
}

cir_status cir__image_rows_list_states(cir__store *store, cir__rows_visit_state *visit, void *context,
                                       cir_error *err)
{
    sqlite3_stmt *statement;
    cir_status status =
        cir__store_start(store, LIST_STATES, "SELECT id, state FROM image WHERE state <> 0", &statement, err);
    while (status == CIR_OK) {
        bool has_row;
        status = cir__store_step(store, statement, &has_row, err);
        if (status != CIR_OK || !has_row)
            break;
        int64_t id = sqlite3_column_int64(statement, 0);
        visit(context, id >= 0 ? (size_t)id : SIZE_MAX, (cir__row_state)sqlite3_column_int(statement, 1));
    }
    return status;
}

cir_status cir__image_rows_list_all(cir__store *store, cir__rows_visit_row *visit, void *context,
                                    cir_error *err)
{
    sqlite3_stmt *statement;
    cir_status status =
        cir__store_start(store, LIST_ALL, "SELECT " COLUMNS ", path FROM image ORDER BY id", &statement, err);
    if (status != CIR_OK)
        return status;
    bool has_row = true;
    while (has_row) {
        status = cir__store_step(store, statement, &has_row, err);
        if (!has_row)
            break;
        cir__row row;
        read_row(statement, &row);
        has_row = visit(context, &row, sqlite3_column_blob(statement, N_COLUMNS),
                        (size_t)sqlite3_column_bytes(statement, N_COLUMNS));
    }
    (void)sqlite3_reset(statement);
    return status;
}

static cir_status list_range(cir__store *store, sqlite3_stmt *statement, const char *first, size_t first_size,
                             const char *end, size_t end_size, cir__rows_visit_path *visit, void *context,
                             cir_error *err)
{
    (void)sqlite3_bind_blob64(statement, 1, first, first_size, SQLITE_STATIC);
    (void)sqlite3_bind_blob64(statement, 2, end, end_size, SQLITE_STATIC);
    cir_status status = CIR_OK;
    bool has_row = true;
    while (status == CIR_OK && has_row) {
        status = cir__store_step(store, statement, &has_row, err);
        if (has_row && !visit(context, size_of_column(statement, 0), sqlite3_column_blob(statement, 1),
                              (size_t)sqlite3_column_bytes(statement, 1)))
            status = cir__fail_memory(err, store->name);
    }
    (void)sqlite3_reset(statement);
    return status;
}

cir_status cir__image_rows_list_paths(cir__store *store, const char *prefix, cir__rows_visit_path *visit,
                                      void *context, cir_error *err)
{
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(
        store, LIST_PATHS, "SELECT id, path FROM image WHERE path >= ?1 AND path < ?2", &statement, err);
    if (status != CIR_OK)
        return status;
    /* All that begin with "folder/" come before "folder0". All that are relative come before or after those
     * that begin with "/"; and none comes after more 0xff than a name can have. */
    size_t size = strlen(prefix);
    char last[NAME_MAX + 1];
    memset(last, 0xff, sizeof last);
    char *end = cir__copy_text(prefix);
    if (end == NULL)
        return cir__fail_memory(err, store->name);
    if (size > 0) {
        end[size - 1]++;
        status = list_range(store, statement, prefix, size, end, size, visit, context, err);
    } else {
        status = list_range(store, statement, "", 0, "/", 1, visit, context, err);
        if (status == CIR_OK)
            status = list_range(store, statement, "0", 1, last, sizeof last, visit, context, err);
    }
    free(end);
    return status;
}
