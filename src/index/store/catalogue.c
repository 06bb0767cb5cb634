#include "index/store/catalogue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"

#define APPLICATION_ID 0x63697231 /* "cir1" */
#define MAX_MODELS 1000
#define MAX_KEY 100

static const cir__store_kind kind = {CIR__CATALOGUE_NAME, "catalogue", "run: cir check --repair"};

enum { LIST_MODELS, ADD_MODEL, GET_SETTING, SET_SETTING, LIST_BLOCKS, PUT_BLOCK };

typedef struct table {
    const char *name;
    const char *sql;
} table;

#define IMAGE_COLUMNS                                                                                        \
    "CREATE TABLE image(id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, "          \
    "modified_ns INTEGER NOT NULL, hash BLOB, width INTEGER NOT NULL, height INTEGER NOT NULL, "             \
    "taken_at INTEGER, state INTEGER NOT NULL, error TEXT"

/* state: 0 there, 1 failed (error says why), 2 vanished, 3 forgotten (path is "//ID", all else is empty).
 * hash: XXH3-128 of the file's bytes, NULL when it was never read. inode, changed_ns: of the file whose bytes
 * the hash is of, NULL where they are not known. image_state holds the exceptions only, so that opening need
 * not visit every row. */
static const table tables[] = {
    {"image", IMAGE_COLUMNS ", inode INTEGER, changed_ns INTEGER) STRICT"},
    {"image_hash", "CREATE INDEX image_hash ON image(hash)"},
    {"image_state", "CREATE INDEX image_state ON image(state) WHERE state <> 0"},
    {"model", "CREATE TABLE model(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, "
              "path TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE, dim INTEGER NOT NULL) STRICT"},
    {"feature", "CREATE TABLE feature(model INTEGER NOT NULL, block INTEGER NOT NULL, "
                "checksums BLOB NOT NULL, PRIMARY KEY(model, block)) STRICT"},
    {"setting", "CREATE TABLE setting(key TEXT PRIMARY KEY, value ANY) STRICT"},
};
#define N_TABLES (sizeof tables / sizeof tables[0])

/* Random, so that a person's consent to what one index names is not another's. */
#define ADD_IDENTITY                                                                                         \
    "INSERT OR IGNORE INTO setting(key, value) VALUES('identity', lower(hex(randomblob(16))))"

static cir_status fail_not_index(const cir__place *place, const char *why, cir_error *err)
{
    return cir__fail(err, CIR_FORMAT, "%s: is not an index: %s; make one with: cir index FOLDER -o NAME.cir",
                     place->index, why);
}

static cir_status create_tables(cir__store *store, cir_error *err)
{
    cir_status status = cir__store_begin(store, true, err);
    for (size_t i = 0; status == CIR_OK && i < N_TABLES; i++)
        status = cir__store_run(store, tables[i].sql, err);
    char pragmas[96];
    (void)snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   APPLICATION_ID, CIR__CATALOGUE_FORMAT);
    if (status == CIR_OK)
        status = cir__store_run(store, pragmas, err);
    if (status == CIR_OK)
        status = cir__store_run(store, ADD_IDENTITY, err);
    if (status == CIR_OK)
        status = cir__store_commit(store, err);
    if (status != CIR_OK)
        cir__store_rollback(store);
    return status;
}

/* Adding columns appends their text to the table's, so that it is as if it had been made so. */
static cir_status upgrade(cir__store *store, cir_error *err)
{
    cir_status status = cir__store_run(store,
                                       "BEGIN IMMEDIATE; ALTER TABLE image ADD COLUMN inode INTEGER; "
                                       "ALTER TABLE image ADD COLUMN changed_ns INTEGER; " ADD_IDENTITY ";"
                                       "PRAGMA user_version = 2; COMMIT",
                                       err);
    if (status != CIR_OK)
        cir__store_rollback(store);
    return status;
}
_Static_assert(CIR__CATALOGUE_FORMAT == 2, "upgrade");

/* The tables must be exactly those above: nothing else is safe to rely on. */
static cir_status check_tables(cir__store *store, int64_t format, cir_error *err)
{
    for (size_t i = 0; i < N_TABLES; i++) {
        char *sql =
            sqlite3_mprintf("SELECT count(*) FROM sqlite_schema WHERE name = %Q AND sql = %Q", tables[i].name,
                            i == 0 && format == 1 ? IMAGE_COLUMNS ") STRICT" : tables[i].sql);
        if (sql == NULL)
            return cir__fail_memory(err, store->name);
        int64_t n;
        cir_status status = cir__store_get_number(store, sql, 0, &n, err);
        sqlite3_free(sql);
        if (status != CIR_OK)
            return status;
        if (n != 1) {
            char finding[64];
            (void)snprintf(finding, sizeof finding, "the table or index \"%s\" is not as it was made",
                           tables[i].name);
            return cir__store_fail_damaged(store, finding, err);
        }
    }
    return CIR_OK;
}

static cir_status check_kind(const cir__place *place, cir__store *store, bool creates, cir_error *err)
{
    int64_t application;
    int64_t format = 0;
    int64_t n_objects = 0;
    cir_status status = cir__store_get_number(store, "PRAGMA application_id", 0, &application, err);
    if (status == CIR_OK)
        status = cir__store_get_number(store, "PRAGMA user_version", 0, &format, err);
    if (status == CIR_OK)
        status = cir__store_get_number(store, "SELECT count(*) FROM sqlite_schema", 0, &n_objects, err);
    if (status != CIR_OK)
        return status;
    if (application == 0 && format == 0 && n_objects == 0)
        return creates ? create_tables(store, err)
                       : fail_not_index(place, "its catalogue is empty, as when creating it was interrupted",
                                        err);
    if (application != APPLICATION_ID)
        return fail_not_index(place, "its catalogue was made by another program", err);
    if (format > CIR__CATALOGUE_FORMAT)
        return cir__fail(err, CIR_OTHER_VERSION,
                         "%s: is of format %lld, this version of cir knows format %d; install a newer cir",
                         place->index, (long long)format, CIR__CATALOGUE_FORMAT);
    if (format < 1)
        return cir__store_fail_damaged(store, "its format's number is out of range", err);
    status = check_tables(store, format, err);
    return status == CIR_OK && creates && format < CIR__CATALOGUE_FORMAT ? upgrade(store, err) : status;
}

cir_status cir__catalogue_open(const cir__place *place, cir__catalogue_mode mode, cir__store **store_out,
                               cir_error *err)
{
    *store_out = NULL;
    cir_status status;
    cir__store *store = NULL;
    struct stat facts;
    int why = cir__folder_examine(place->folder, CIR__CATALOGUE_NAME, &facts);
    if (why == 0)
        status =
            S_ISREG(facts.st_mode)
                ? CIR_OK
                : cir__fail(err, CIR_FORMAT,
                            "%s: is not an index: its catalogue is not a file: %s %s; put the file itself "
                            "there",
                            place->index, CIR__CATALOGUE_NAME,
                            cir__folder_find_fault(place->folder, CIR__CATALOGUE_NAME));
    else if (why != ENOENT)
        status = cir__fail_errno(err, why, "%s: the catalogue cannot be opened", place->index);
    else if (mode != CIR__CATALOGUE_CREATE)
        status = fail_not_index(place, "it holds no catalogue", err);
    else
        status = CIR_OK;
    if (status == CIR_OK)
        status = cir__store_open(place->folder, &kind, mode != CIR__CATALOGUE_READ,
                                 mode == CIR__CATALOGUE_CREATE, &store, err);
    if (status != CIR_OK)
        return status;
    status = check_kind(place, store, mode == CIR__CATALOGUE_CREATE, err);
    if (status != CIR_OK) {
        cir__store_close(store);
        return status;
    }
    *store_out = store;
    return CIR_OK;
}

cir_status cir__catalogue_get_revision(cir__store *store, uint64_t *revision_out, uint64_t *state_out,
                                       cir_error *err)
{
    *revision_out = 0;
    *state_out = 0;
    sqlite3_stmt *statement;
    bool has_row;
    cir_status status = cir__store_start(store, GET_SETTING,
                                         "SELECT (SELECT value FROM setting WHERE key = 'revision'), "
                                         "(SELECT value FROM setting WHERE key = 'state')",
                                         &statement, err);
    if (status != CIR_OK)
        return status;
    status = cir__store_step(store, statement, &has_row, err);
    if (has_row) {
        const bool has_state = sqlite3_column_type(statement, 1) == SQLITE_INTEGER;
        *revision_out = (uint64_t)sqlite3_column_int64(statement, 0);
        *state_out = has_state ? (uint64_t)sqlite3_column_int64(statement, 1) : *revision_out;
    }
    (void)sqlite3_reset(statement);
    return status;
}

cir_status cir__catalogue_raise_revision(cir__store *store, cir_error *err)
{
    uint64_t revision;
    uint64_t state;
    cir_status status = cir__catalogue_get_revision(store, &revision, &state, err);
    sqlite3_stmt *statement;
    if (status == CIR_OK)
        status = cir__store_start(store, SET_SETTING,
                                  "INSERT OR REPLACE INTO setting(key, value) "
                                  "VALUES('revision', ?1), ('state', random())",
                                  &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)(revision + 1));
    return cir__store_finish(store, statement, err);
}

/* A key becomes a folder's name: one that could lead elsewhere is damage. */
static bool is_key(const char *key)
{
    size_t length = strlen(key);
    return length > 0 && length <= MAX_KEY && key[0] != '.' &&
           strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

/* Text of a column, newly allocated; NULL when out of memory. */
static const char *copy_column(sqlite3_stmt *statement, int i)
{
    const char *text = (const char *)sqlite3_column_text(statement, i);
    return cir__copy_text(text != NULL ? text : "");
}

static cir_status read_model(cir__store *store, sqlite3_stmt *statement, size_t i_model,
                             cir_index_model *models, cir_error *err)
{
    cir_index_model *model_out = &models[i_model];
    int64_t dim = sqlite3_column_int64(statement, 5);
    *model_out = (cir_index_model){.key = copy_column(statement, 1),
                                   .name = copy_column(statement, 2),
                                   .path = copy_column(statement, 3),
                                   .fingerprint = copy_column(statement, 4),
                                   .dim = (size_t)dim};
    if (model_out->key == NULL || model_out->name == NULL || model_out->path == NULL ||
        model_out->fingerprint == NULL)
        return cir__fail_memory(err, store->name);
    model_out->is_synthetic =
        strncmp(model_out->path, CIR__SYNTHETIC_PREFIX, sizeof CIR__SYNTHETIC_PREFIX - 1) == 0;
    if (sqlite3_column_int64(statement, 0) != (int64_t)i_model || dim < 1 || dim > CIR__MAX_DIM ||
        !is_key(model_out->key))
        return cir__store_fail_damaged(store, "a model's row is out of range", err);
    return CIR_OK;
}

cir_status cir__catalogue_list_models(cir__store *store, cir_index_model **models_out, size_t *n_out,
                                      cir_error *err)
{
    *models_out = NULL;
    *n_out = 0;
    cir_index_model *models = NULL;
    size_t capacity = 0;
    size_t n = 0;
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(
        store, LIST_MODELS, "SELECT id, key, name, path, fingerprint, dim FROM model ORDER BY id LIMIT 1000",
        &statement, err);
    bool has_row = false;
    while (status == CIR_OK) {
        status = cir__store_step(store, statement, &has_row, err);
        if (status != CIR_OK || !has_row)
            break;
        if (!cir__grow((void **)&models, &capacity, n + 1, sizeof *models))
            status = cir__fail_memory(err, store->name);
        else
            status = read_model(store, statement, n++, models, err);
    }
    if (statement != NULL)
        (void)sqlite3_reset(statement);
    if (status != CIR_OK) {
        cir__catalogue_free_models(models, n);
        return status;
    }
    *models_out = models;
    *n_out = n;
    return CIR_OK;
}

void cir__catalogue_free_models(cir_index_model *models, size_t n)
{
    for (size_t i = 0; models != NULL && i < n; i++) {
        free((void *)(uintptr_t)models[i].key);
        free((void *)(uintptr_t)models[i].name);
        free((void *)(uintptr_t)models[i].path);
        free((void *)(uintptr_t)models[i].fingerprint);
    }
    free(models);
}

cir_status cir__catalogue_add_model(cir__store *store, size_t i_model, const cir_index_model *model,
                                    cir_error *err)
{
    if (i_model >= MAX_MODELS)
        return cir__fail(err, CIR_LIMIT, "%s: holds features of %d models already; make another index",
                         store->name, MAX_MODELS);
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(
        store, ADD_MODEL,
        "INSERT INTO model(id, key, name, path, fingerprint, dim) VALUES(?1, ?2, ?3, ?4, ?5, ?6)", &statement,
        err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)i_model);
    (void)sqlite3_bind_text(statement, 2, model->key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 3, model->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 4, model->path, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 5, model->fingerprint, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 6, (sqlite3_int64)model->dim);
    return cir__store_finish(store, statement, err);
}

cir_status cir__catalogue_list_blocks(cir__store *store, size_t i_model, cir__catalogue_visit_block *visit,
                                      void *context, cir_error *err)
{
    sqlite3_stmt *statement;
    cir_status status = cir__store_start(
        store, LIST_BLOCKS, "SELECT block, checksums FROM feature WHERE model = ?1", &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)i_model);
    for (;;) {
        bool has_row;
        status = cir__store_step(store, statement, &has_row, err);
        if (status != CIR_OK || !has_row)
            break;
        int64_t i_block = sqlite3_column_int64(statement, 0);
        uint64_t values[CIR__BLOCK_ROWS];
        const void *bytes = sqlite3_column_blob(statement, 1);
        if (i_block < 0 || bytes == NULL || sqlite3_column_bytes(statement, 1) != (int)sizeof values) {
            status = cir__store_fail_damaged(store, "a block of checksums is out of range", err);
            break;
        }
        memcpy(values, bytes, sizeof values);
        visit(context, (size_t)i_block, values);
    }
    (void)sqlite3_reset(statement);
    return status;
}

cir_status cir__catalogue_put_block(cir__store *store, size_t i_model, size_t i_block, const uint64_t *values,
                                    cir_error *err)
{
    sqlite3_stmt *statement;
    cir_status status =
        cir__store_start(store, PUT_BLOCK,
                         "INSERT INTO feature(model, block, checksums) VALUES(?1, ?2, ?3) "
                         "ON CONFLICT(model, block) DO UPDATE SET checksums = excluded.checksums",
                         &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)i_model);
    (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)i_block);
    (void)sqlite3_bind_blob(statement, 3, values, CIR__BLOCK_ROWS * (int)sizeof *values, SQLITE_STATIC);
    return cir__store_finish(store, statement, err);
}

#define BAD_STATE                                                                                            \
    "(state NOT IN (0, 1, 2, 3) OR (state = 1 AND error IS NULL) OR (state = 0 AND error IS NOT NULL))"
#define BAD_HASH "(hash IS NOT NULL AND length(hash) <> 16)"
#define BAD_BLOCK                                                                                            \
    "(block < 0 OR block > (SELECT coalesce(max(id), -1) FROM image) / 1024 OR length(checksums) <> 8192 "   \
    "OR model NOT IN (SELECT id FROM model))"
_Static_assert(CIR__BLOCK_ROWS == 1024, "BAD_BLOCK");

/* Steps one question through all its answers. */
static cir_status ask(cir__store *store, const char *question, cir__catalogue_visit_finding *visit,
                      void *context, cir_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->db, question, -1, &statement, NULL) != SQLITE_OK) {
        visit(context, sqlite3_errmsg(store->db));
        return CIR_OK;
    }
    cir_status status = CIR_OK;
    bool has_row = true;
    while (has_row) {
        cir_error why;
        status = cir__store_step(store, statement, &has_row, &why);
        const char *text = has_row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        if (text != NULL && strcmp(text, "ok") != 0)
            visit(context, text);
        if (status == CIR_DAMAGED) /* damage that ends the question is an answer too */
            visit(context, why.message);
        else if (status != CIR_OK)
            cir__fail(err, status, "%s", why.message);
    }
    (void)sqlite3_finalize(statement);
    return status == CIR_DAMAGED ? CIR_OK : status;
}

cir_status cir__catalogue_check(cir__store *store, cir__catalogue_visit_finding *visit, void *context,
                                cir_error *err)
{
    static const char *const questions[] = {
        "PRAGMA integrity_check",
        "SELECT 'image ' || id || ': its state contradicts its error' FROM image WHERE " BAD_STATE
        " LIMIT 20",
        "SELECT 'image ' || id || ': its hash is invalid' FROM image WHERE " BAD_HASH " LIMIT 20",
        "SELECT 'image ' || id || ': a number or its path is out of range' FROM image WHERE length(path) = 0 "
        "OR instr(path, x'00') > 0 OR size < 0 OR width < 0 OR height < 0 OR id < 0 LIMIT 20",
        "SELECT 'ids have gaps: ' || count(*) || ' rows, the last is ' || max(id) FROM image "
        "HAVING count(*) <> coalesce(max(id) + 1, 0)",
        "SELECT 'a block of checksums is out of place' FROM feature WHERE " BAD_BLOCK " LIMIT 20",
    };
    cir_status status = CIR_OK;
    for (size_t i = 0; status == CIR_OK && i < sizeof questions / sizeof questions[0]; i++)
        status = ask(store, questions[i], visit, context, err);
    return status;
}

cir_status cir__catalogue_repair(cir__store *store, cir_error *err)
{
    cir_status status = cir__store_run(store,
                                       "BEGIN IMMEDIATE; REINDEX; "
                                       "UPDATE image SET state = error IS NOT NULL WHERE " BAD_STATE ";"
                                       "UPDATE image SET hash = NULL WHERE " BAD_HASH ";"
                                       "DELETE FROM feature WHERE " BAD_BLOCK ";"
                                       "COMMIT",
                                       err);
    if (status != CIR_OK)
        cir__store_rollback(store);
    return status;
}
