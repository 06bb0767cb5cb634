#include "server/common/thumbnail_store.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>
#include <sqlite3.h>

#include "shared/clock.h"

enum {
    FORMAT = 1,
    MAX_BYTES = 512 << 20,
    MAX_FILE_BYTES = 1 << 30,
    MAX_PICTURE_BYTES = 4 << 20,
    MAX_SECONDS = 2
};

struct cir__thumbnail_store {
    pthread_mutex_t lock;
    sqlite3 *db;
    sqlite3_stmt *find, *put, *drop, *find_camera, *put_camera;
    bool has_begun; /* a transaction of cameras */
    size_t n_bytes;
    double deadline; /* of the statement that runs */
};

static bool prepare(cir__thumbnail_store *self, const char *sql, sqlite3_stmt **statement_out)
{
    return sqlite3_prepare_v3(self->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement_out, NULL) == SQLITE_OK;
}

/* Called every so many steps of a statement: one that takes too long, as in a file made to, is given up. */
static int is_late(void *context)
{
    const cir__thumbnail_store *self = context;
    return cir__clock_seconds() > self->deadline;
}

static void allow_time(cir__thumbnail_store *self)
{
    self->deadline = cir__clock_seconds() + MAX_SECONDS;
}

/* The single number that a question answers; -1: it answers none. */
static sqlite3_int64 ask(cir__thumbnail_store *self, const char *sql)
{
    sqlite3_stmt *statement;
    sqlite3_int64 number = -1;
    allow_time(self);
    if (sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static void close_database(cir__thumbnail_store *self)
{
    sqlite3_finalize(self->find);
    sqlite3_finalize(self->put);
    sqlite3_finalize(self->drop);
    sqlite3_finalize(self->find_camera);
    sqlite3_finalize(self->put_camera);
    self->find = self->put = self->drop = self->find_camera = self->put_camera = NULL;
    sqlite3_close(self->db);
    self->db = NULL;
}

/* ---- a file that may come from somebody else ---- */

static const char *const endings[] = {"", "-wal", "-journal", "-shm"};
enum { N_ENDINGS = sizeof endings / sizeof endings[0] };

/* As SQLite keeps them: what differs in a letter is not ours. */
static const char *const tables[] = {
    "CREATE TABLE thumbnail(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, bytes BLOB NOT "
    "NULL) "
    "STRICT",
    "CREATE TABLE camera(id INTEGER PRIMARY KEY, modified_ns INTEGER NOT NULL, name TEXT NOT NULL) STRICT",
    "CREATE TABLE sqlite_sequence(name,seq)",
};

/* Whether what lies there is a file of its own, not too large; or nothing. */
static bool are_files_plain(const char *path)
{
    bool are_plain = true;
    for (size_t i = 0; i < N_ENDINGS && are_plain; i++) {
        struct stat facts;
        gchar *name = g_strconcat(path, endings[i], NULL);
        if (lstat(name, &facts) == 0)
            are_plain = S_ISREG(facts.st_mode) && facts.st_nlink == 1 && facts.st_size <= MAX_FILE_BYTES;
        g_free(name);
    }
    return are_plain;
}

/* Makes the file where there is none, for this user alone: thumbnails are as private as the photos. */
static void make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    struct stat facts;
    if (fd < 0)
        return;
    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == geteuid())
        (void)fchmod(fd, 0600);
    close(fd);
}

/* Nothing in the file is run, and nothing of it is taken that is larger than we make. */
static void disarm(cir__thumbnail_store *self)
{
    static const int limits[][2] = {{SQLITE_LIMIT_LENGTH, MAX_PICTURE_BYTES},
                                    {SQLITE_LIMIT_SQL_LENGTH, 4096},
                                    {SQLITE_LIMIT_COLUMN, 16},
                                    {SQLITE_LIMIT_ATTACHED, 0},
                                    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
                                    {SQLITE_LIMIT_WORKER_THREADS, 0}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        sqlite3_limit(self->db, limits[i][0], limits[i][1]);
    sqlite3_db_config(self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(self->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(self->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(self->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(self->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_progress_handler(self->db, 1000, is_late, self);
    sqlite3_busy_timeout(self->db, 500);
}

static bool is_ours(const char *sql)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (strcmp(sql, tables[i]) == 0)
            return true;
    return false;
}

/* Whether it holds our tables and nothing else; nothing at all is well too. */
static bool is_schema_ours(cir__thumbnail_store *self)
{
    sqlite3_stmt *statement;
    bool is_good = true;
    int code;
    allow_time(self);
    if (sqlite3_prepare_v2(self->db, "SELECT type, name, sql FROM sqlite_schema", -1, &statement, NULL) !=
        SQLITE_OK)
        return false;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && is_good) {
        const char *type = (const char *)sqlite3_column_text(statement, 0);
        const char *name = (const char *)sqlite3_column_text(statement, 1);
        const char *sql = (const char *)sqlite3_column_text(statement, 2);
        if (sql == NULL)
            is_good = name != NULL && strcmp(name, "sqlite_autoindex_thumbnail_1") == 0;
        else
            is_good = type != NULL && strcmp(type, "table") == 0 && is_ours(sql);
    }
    sqlite3_finalize(statement);
    return is_good && code == SQLITE_DONE;
}

/* Ids grow, so the smallest is the oldest. No other server shares the file, so that SQLite maps no memory
 * that somebody could take away. */
static bool set_up(cir__thumbnail_store *self)
{
    char sql[1000];
    (void)snprintf(sql, sizeof sql, "%s; %s; PRAGMA user_version = %d", tables[0], tables[1], FORMAT);
    allow_time(self);
    if (sqlite3_exec(self->db,
                     "PRAGMA locking_mode = EXCLUSIVE; PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON;"
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
                     NULL, NULL, NULL) != SQLITE_OK ||
        !is_schema_ours(self))
        return false;
    sqlite3_int64 format = ask(self, "PRAGMA user_version");
    sqlite3_int64 n_tables = ask(self, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'");
    if (format == 0 && n_tables == 0) {
        if (sqlite3_exec(self->db, sql, NULL, NULL, NULL) != SQLITE_OK)
            return false;
    } else if (format != FORMAT) {
        return false;
    }
    if (!prepare(self, "SELECT bytes FROM thumbnail WHERE key = ?1", &self->find) ||
        !prepare(self, "INSERT OR REPLACE INTO thumbnail(key, bytes) VALUES(?1, ?2)", &self->put) ||
        !prepare(self, "DELETE FROM thumbnail WHERE id IN (SELECT id FROM thumbnail ORDER BY id LIMIT 1000)",
                 &self->drop) ||
        !prepare(self, "SELECT name FROM camera WHERE id = ?1 AND modified_ns = ?2", &self->find_camera) ||
        !prepare(self, "INSERT OR REPLACE INTO camera(id, modified_ns, name) VALUES(?1, ?2, ?3)",
                 &self->put_camera))
        return false;
    sqlite3_int64 n_bytes = ask(self, "SELECT coalesce(sum(length(bytes)), 0) FROM thumbnail");
    self->n_bytes = n_bytes > 0 ? (size_t)n_bytes : 0;
    return n_bytes >= 0;
}

/* is_busy_out: another server has it. */
static bool open_database(cir__thumbnail_store *self, const char *path, bool *is_busy_out)
{
    *is_busy_out = false;
    if (!are_files_plain(path))
        return false;
    make_private(path);
    bool is_good = sqlite3_open_v2(path, &self->db,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                                       SQLITE_OPEN_NOFOLLOW,
                                   NULL) == SQLITE_OK;
    if (is_good) {
        disarm(self);
        is_good = set_up(self);
        int code = sqlite3_errcode(self->db);
        *is_busy_out = !is_good && (code == SQLITE_BUSY || code == SQLITE_LOCKED);
    }
    if (!is_good)
        close_database(self);
    return is_good;
}

static void remove_database(const char *path)
{
    for (size_t i = 0; i < N_ENDINGS; i++) {
        gchar *name = g_strconcat(path, endings[i], NULL);
        (void)unlink(name);
        g_free(name);
    }
}

/* Beside the index, or in the user's cache under a name made of the index' place. g_free(). */
static gchar *choose_path(const char *index_path, bool is_beside)
{
    /* Without links on the way, which SQLite is told to refuse. */
    char *place = realpath(index_path, NULL);
    if (is_beside) {
        gchar *beside = place != NULL ? g_build_filename(place, "thumbnails.sqlite", NULL) : NULL;
        free(place);
        return beside;
    }
    gchar *folder = g_build_filename(g_get_user_cache_dir(), "cir", NULL);
    gchar *path = NULL;
    if (place != NULL && g_mkdir_with_parents(folder, 0700) == 0) {
        gchar *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, place, -1);
        gchar *name = g_strdup_printf("thumbnails-%.32s.sqlite", hash);
        path = g_build_filename(folder, name, NULL);
        g_free(name);
        g_free(hash);
    }
    g_free(folder);
    free(place);
    return path;
}

cir__thumbnail_store *cir__thumbnail_store_open(const char *index_path)
{
    cir__thumbnail_store *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    for (int is_beside = 1; is_beside >= 0 && self->db == NULL; is_beside--) {
        gchar *path = choose_path(index_path, is_beside != 0);
        bool is_busy;
        if (path != NULL && !open_database(self, path, &is_busy) && !is_busy) {
            remove_database(path);
            (void)open_database(self, path, &is_busy);
        }
        g_free(path);
    }
    if (self->db != NULL)
        return self;
    cir__thumbnail_store_close(self);
    return NULL;
}

void cir__thumbnail_store_remove(const char *index_path)
{
    for (int is_beside = 1; is_beside >= 0; is_beside--) {
        gchar *path = choose_path(index_path, is_beside != 0);
        if (path != NULL)
            remove_database(path);
        g_free(path);
    }
}

void cir__thumbnail_store_close(cir__thumbnail_store *self)
{
    if (self == NULL)
        return;
    if (self->db != NULL)
        cir__thumbnail_store_commit(self);
    close_database(self);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

cir__blob *cir__thumbnail_store_find(cir__thumbnail_store *self, const char *key)
{
    cir__blob *blob = NULL;
    if (self == NULL)
        return NULL;
    pthread_mutex_lock(&self->lock);
    allow_time(self);
    (void)sqlite3_bind_text(self->find, 1, key, -1, SQLITE_STATIC);
    if (sqlite3_step(self->find) == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(self->find, 0);
        int size = sqlite3_column_bytes(self->find, 0);
        bool is_jpeg = bytes != NULL && size > 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0;
        blob = is_jpeg ? cir__blob_new(bytes, (size_t)size) : NULL;
    }
    (void)sqlite3_reset(self->find);
    pthread_mutex_unlock(&self->lock);
    return blob;
}

void cir__thumbnail_store_put(cir__thumbnail_store *self, const char *key, const cir__blob *blob)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    allow_time(self);
    while (self->n_bytes + blob->size > MAX_BYTES) {
        bool is_done = sqlite3_step(self->drop) == SQLITE_DONE;
        (void)sqlite3_reset(self->drop);
        sqlite3_int64 n_bytes = ask(self, "SELECT coalesce(sum(length(bytes)), 0) FROM thumbnail");
        if (!is_done || n_bytes < 0 || (size_t)n_bytes >= self->n_bytes)
            break;
        self->n_bytes = (size_t)n_bytes;
    }
    (void)sqlite3_bind_text(self->put, 1, key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob64(self->put, 2, blob->data, blob->size, SQLITE_STATIC);
    if (self->n_bytes + blob->size <= MAX_BYTES && sqlite3_step(self->put) == SQLITE_DONE)
        self->n_bytes += blob->size;
    (void)sqlite3_reset(self->put);
    pthread_mutex_unlock(&self->lock);
}

bool cir__thumbnail_store_find_camera(cir__thumbnail_store *self, size_t id, int64_t modified_ns,
                                      char name_out[CIR__CAMERA_SIZE])
{
    bool is_found = false;
    name_out[0] = '\0';
    if (self == NULL)
        return false;
    pthread_mutex_lock(&self->lock);
    allow_time(self);
    (void)sqlite3_bind_int64(self->find_camera, 1, (sqlite3_int64)id);
    (void)sqlite3_bind_int64(self->find_camera, 2, modified_ns);
    if (sqlite3_step(self->find_camera) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(self->find_camera, 0);
        (void)snprintf(name_out, CIR__CAMERA_SIZE, "%s", name != NULL ? name : "");
        is_found = true;
    }
    (void)sqlite3_reset(self->find_camera);
    pthread_mutex_unlock(&self->lock);
    return is_found;
}

void cir__thumbnail_store_put_camera(cir__thumbnail_store *self, size_t id, int64_t modified_ns,
                                     const char *name)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    allow_time(self);
    if (!self->has_begun)
        self->has_begun = sqlite3_exec(self->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
    (void)sqlite3_bind_int64(self->put_camera, 1, (sqlite3_int64)id);
    (void)sqlite3_bind_int64(self->put_camera, 2, modified_ns);
    (void)sqlite3_bind_text(self->put_camera, 3, name, -1, SQLITE_STATIC);
    (void)sqlite3_step(self->put_camera);
    (void)sqlite3_reset(self->put_camera);
    pthread_mutex_unlock(&self->lock);
}

void cir__thumbnail_store_commit(cir__thumbnail_store *self)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    allow_time(self);
    if (self->has_begun && sqlite3_exec(self->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        (void)sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
    self->has_begun = false;
    pthread_mutex_unlock(&self->lock);
}
