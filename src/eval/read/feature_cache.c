#include "eval/read/feature_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "cir/cir.h"

/* File systems may count time in steps of up to two seconds. */
#define SETTLED_NS 3000000000LL
#define NAME_BEGIN "features-"
/* To be raised where the same picture and model give another feature than before. */
#define DECODING 2

enum { FIND_PLACE, FIND_CONTENT, PUT_FEATURE, PUT_PLACE, N_STATEMENTS };
static const char *const statement_texts[N_STATEMENTS] = {
    "SELECT f.feature, f.checksum FROM places p JOIN features f ON f.id = p.feature WHERE p.path = ?1 AND "
    "p.offset = "
    "?2 AND p.inode = ?3 AND p.size = ?4 AND p.changed = ?5 AND p.modified = ?6",
    "SELECT feature, checksum, id FROM features WHERE hash = ?1",
    "INSERT INTO features(hash, feature, checksum) VALUES(?1, ?2, ?3) ON CONFLICT(hash) DO UPDATE SET "
    "feature = "
    "excluded.feature, checksum = excluded.checksum RETURNING id",
    "INSERT OR REPLACE INTO places(path, offset, inode, size, changed, modified, feature) VALUES(?1, ?2, ?3, "
    "?4, ?5, "
    "?6, ?7)"};

static const char schema[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                             "CREATE TABLE IF NOT EXISTS features(id INTEGER PRIMARY KEY, hash BLOB NOT NULL "
                             "UNIQUE, feature BLOB NOT NULL,"
                             " checksum INTEGER NOT NULL);"
                             "CREATE TABLE IF NOT EXISTS places(path TEXT NOT NULL, offset INTEGER NOT NULL, "
                             "inode INTEGER NOT NULL, size INTEGER"
                             " NOT NULL, changed INTEGER NOT NULL, modified INTEGER NOT NULL, feature "
                             "INTEGER NOT NULL, PRIMARY KEY(path,"
                             " offset)) WITHOUT ROWID;";

struct cir__feature_cache {
    sqlite3 *database;
    sqlite3_stmt *statements[N_STATEMENTS];
    char *path;
    size_t dim;
    uint64_t max_bytes;
    bool is_writing; /* a transaction is open */
    bool is_closed_to_writes;
    cir_cache_report report;
};

bool cir__picture_place_find(const char *path, uint64_t offset, cir__picture_place *place_out)
{
    struct stat facts;
    struct timespec now;

    if (stat(path, &facts) != 0)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    *place_out = (cir__picture_place){
        .path = path,
        .offset = offset,
        .inode = facts.st_ino,
        .size = (uint64_t)facts.st_size,
        .changed_ns = (int64_t)facts.st_ctim.tv_sec * 1000000000 + facts.st_ctim.tv_nsec,
        .modified_ns = (int64_t)facts.st_mtim.tv_sec * 1000000000 + facts.st_mtim.tv_nsec};
    const int64_t age_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - place_out->changed_ns;
    place_out->is_settled = age_ns > SETTLED_NS;
    return true;
}

/* From now on nothing is written, and the report says why. */
static void stop_writing(cir__feature_cache *cache, const char *why)
{
    cache->is_closed_to_writes = true;
    if (cache->report.problem[0] == '\0')
        snprintf(cache->report.problem, sizeof cache->report.problem, "%s: %s", cache->path, why);
    if (cache->is_writing)
        sqlite3_exec(cache->database, "ROLLBACK", NULL, NULL, NULL);
    cache->is_writing = false;
}

static uint64_t file_bytes(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 ? (uint64_t)facts.st_size : 0;
}

/* The file and what is still in its log. */
static uint64_t bytes_of(const cir__feature_cache *cache)
{
    char *log;
    if (asprintf(&log, "%s-wal", cache->path) < 0)
        return file_bytes(cache->path);
    const uint64_t sum = file_bytes(cache->path) + file_bytes(log);
    free(log);
    return sum;
}

/* The oldest file of the folder that is another model's, and what all take together. *oldest_out: to be
 * freed, or NULL. */
static uint64_t look_around(const char *folder, const char *own, char **oldest_out)
{
    DIR *const listed = opendir(folder);
    uint64_t sum = 0;
    time_t oldest = 0;

    *oldest_out = NULL;
    for (const struct dirent *entry; listed != NULL && (entry = readdir(listed)) != NULL;) {
        struct stat facts;
        const size_t size = strlen(entry->d_name);
        char *path;
        if (strncmp(entry->d_name, NAME_BEGIN, strlen(NAME_BEGIN)) != 0 || size < 7 ||
            strcmp(entry->d_name + size - 7, ".sqlite") != 0 ||
            (path = cir__path_join(folder, entry->d_name)) == NULL)
            continue;
        if (stat(path, &facts) == 0) {
            sum += (uint64_t)facts.st_size;
            if (strcmp(path, own) != 0 && (*oldest_out == NULL || facts.st_mtime < oldest)) {
                char *const previous = *oldest_out;
                *oldest_out = path;
                path = previous;
                oldest = facts.st_mtime;
            }
        }
        free(path);
    }
    if (listed != NULL)
        closedir(listed);
    return sum;
}

/* A database and what SQLite puts beside it. */
static bool remove_database(const char *path)
{
    static const char *const endings[] = {"-wal", "-shm"};
    const bool is_gone = unlink(path) == 0 || errno == ENOENT;

    for (size_t i = 0; i < 2; i++) {
        char *beside;
        if (asprintf(&beside, "%s%s", path, endings[i]) < 0)
            return false;
        unlink(beside);
        free(beside);
    }
    return is_gone;
}

static void make_room(const char *folder, const char *own, uint64_t max_bytes)
{
    char *oldest;
    uint64_t sum;

    while ((sum = look_around(folder, own, &oldest)) > max_bytes && oldest != NULL) {
        const bool is_gone = remove_database(oldest);
        free(oldest);
        if (!is_gone)
            return;
    }
    free(oldest);
}

static void database_close(cir__feature_cache *cache)
{
    for (size_t i = 0; i < N_STATEMENTS; i++) {
        sqlite3_finalize(cache->statements[i]);
        cache->statements[i] = NULL;
    }
    sqlite3_close(cache->database);
    cache->database = NULL;
}

static int database_open(cir__feature_cache *cache)
{
    int code = sqlite3_open_v2(cache->path, &cache->database,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(cache->database, 10000);
        sqlite3_extended_result_codes(cache->database, 0);
        code = sqlite3_exec(cache->database, schema, NULL, NULL, NULL);
    }
    for (size_t i = 0; i < N_STATEMENTS && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v3(cache->database, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &cache->statements[i], NULL);
    return code;
}

static cir_status fail_database(const cir__feature_cache *cache, int code, cir_error *err)
{
    const cir_status status = code == SQLITE_FULL                              ? CIR_FULL
                              : code == SQLITE_NOMEM                           ? CIR_NO_MEMORY
                              : code == SQLITE_PERM || code == SQLITE_READONLY ? CIR_PERMISSION
                                                                               : CIR_IO;
    return cir__fail(err, status, "%s: cannot be used: %s; name another folder, or none", cache->path,
                     sqlite3_errstr(code));
}

cir_status cir__feature_cache_open(const char *folder, const cir_model_info *model, bool ignore_exif_rotation,
                                   uint64_t max_bytes, cir__feature_cache **cache_out, cir_error *err)
{
    cir__feature_cache *cache = cir__new(1, sizeof *cache);
    char name[128];
    cir_status status = CIR_OK;

    *cache_out = NULL;
    if (cache == NULL)
        return cir__fail_memory(err, "a cache");
    /* Features of different precisions are kept apart. */
    bool is_f32 = model->precision != CIR_PRECISION_BF16 && model->precision != CIR_PRECISION_INT8;
    snprintf(name, sizeof name, NAME_BEGIN "%s%s%s%s-%d-%s.sqlite", model->fingerprint, is_f32 ? "" : "-",
             is_f32                                   ? ""
             : model->precision == CIR_PRECISION_BF16 ? "bf16"
                                                      : "int8",
             ignore_exif_rotation ? "-stored" : "", DECODING, cir_version());
    cache->dim = model->dim;
    cache->max_bytes = max_bytes;
    cache->path = cir__path_join(folder, name);
    if (cache->path == NULL)
        status = cir__fail_memory(err, "a cache");
    else if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        status = cir__fail_errno(err, errno, "%s: cannot be created", folder);
    if (status != CIR_OK)
        goto exit;
    make_room(folder, cache->path, max_bytes);
    int code = database_open(cache);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR) {
        /* What was kept can be made again. */
        database_close(cache);
        code = remove_database(cache->path) ? database_open(cache) : SQLITE_PERM;
    }
    if (code != SQLITE_OK) {
        status = fail_database(cache, code, err);
        goto exit;
    }
    utimensat(AT_FDCWD, cache->path, NULL, 0); /* used now */
    *cache_out = cache;
    return CIR_OK;
exit:
    database_close(cache);
    free(cache->path);
    free(cache);
    return status;
}

void cir__feature_cache_commit(cir__feature_cache *cache)
{
    if (!cache->is_writing)
        return;
    const int code = sqlite3_exec(cache->database, "COMMIT", NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        stop_writing(cache, sqlite3_errstr(code));
        return;
    }
    cache->is_writing = false;
    if (bytes_of(cache) > cache->max_bytes)
        stop_writing(cache, "is full; remove what is not needed any more");
}

void cir__feature_cache_close(cir__feature_cache *cache, cir_cache_report *report)
{
    if (cache == NULL)
        return;
    cir__feature_cache_commit(cache);
    database_close(cache);
    cache->report.size_bytes = bytes_of(cache);
    if (report != NULL)
        *report = cache->report;
    free(cache->path);
    free(cache);
}

static void place_bind(sqlite3_stmt *statement, const cir__picture_place *place)
{
    sqlite3_bind_text(statement, 1, place->path, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)place->offset);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)place->inode);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)place->size);
    sqlite3_bind_int64(statement, 5, place->changed_ns);
    sqlite3_bind_int64(statement, 6, place->modified_ns);
}

/* The feature of a statement's row; false where it is not what was put there. */
static bool feature_take(const cir__feature_cache *cache, sqlite3_stmt *statement, float *feature_out)
{
    const size_t size = cache->dim * sizeof *feature_out;
    const void *const bytes = sqlite3_column_blob(statement, 0);

    if (bytes == NULL || (size_t)sqlite3_column_bytes(statement, 0) != size ||
        (uint64_t)sqlite3_column_int64(statement, 1) != cir__hash64(bytes, size))
        return false;
    memcpy(feature_out, bytes, size);
    return true;
}

bool cir__feature_cache_find(cir__feature_cache *cache, const cir__picture_place *place, float *feature_out)
{
    sqlite3_stmt *const statement = cache->statements[FIND_PLACE];

    place_bind(statement, place);
    const bool is_found =
        sqlite3_step(statement) == SQLITE_ROW && feature_take(cache, statement, feature_out);
    sqlite3_reset(statement);
    cache->report.n_found += is_found;
    return is_found;
}

static bool begin_writing(cir__feature_cache *cache)
{
    if (cache->is_writing || cache->is_closed_to_writes)
        return cache->is_writing;
    const int code = sqlite3_exec(cache->database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        stop_writing(cache, sqlite3_errstr(code));
    cache->is_writing = code == SQLITE_OK;
    return cache->is_writing;
}

static void place_put(cir__feature_cache *cache, const cir__picture_place *place, sqlite3_int64 id)
{
    sqlite3_stmt *const statement = cache->statements[PUT_PLACE];

    if (place == NULL || !place->is_settled || !begin_writing(cache))
        return;
    place_bind(statement, place);
    sqlite3_bind_int64(statement, 7, id);
    const int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    if (code != SQLITE_DONE)
        stop_writing(cache, sqlite3_errstr(code));
}

bool cir__feature_cache_find_content(cir__feature_cache *cache, const uint8_t hash[16],
                                     const cir__picture_place *place, float *feature_out)
{
    sqlite3_stmt *const statement = cache->statements[FIND_CONTENT];

    sqlite3_bind_blob(statement, 1, hash, 16, SQLITE_STATIC);
    const bool is_found =
        sqlite3_step(statement) == SQLITE_ROW && feature_take(cache, statement, feature_out);
    const sqlite3_int64 id = is_found ? sqlite3_column_int64(statement, 2) : 0;
    sqlite3_reset(statement);
    if (is_found)
        place_put(cache, place, id);
    cache->report.n_found += is_found;
    return is_found;
}

void cir__feature_cache_put(cir__feature_cache *cache, const uint8_t hash[16],
                            const cir__picture_place *place, const float *feature)
{
    sqlite3_stmt *const statement = cache->statements[PUT_FEATURE];
    const size_t size = cache->dim * sizeof *feature;

    cache->report.n_encoded++;
    if (!begin_writing(cache))
        return;
    sqlite3_bind_blob(statement, 1, hash, 16, SQLITE_STATIC);
    sqlite3_bind_blob64(statement, 2, feature, size, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)cir__hash64(feature, size));
    int code = sqlite3_step(statement);
    const sqlite3_int64 id = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    if (code == SQLITE_ROW)
        code = sqlite3_step(statement); /* the insertion ends with the step behind its row */
    sqlite3_reset(statement);
    if (code != SQLITE_DONE)
        stop_writing(cache, sqlite3_errstr(code));
    else
        place_put(cache, place, id);
}
