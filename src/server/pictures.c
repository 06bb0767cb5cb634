#include "server/pictures.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <sqlite3.h>

enum { FORMAT = 1, MAX_BYTES = 512 << 20 };

struct cir__pictures {
    pthread_mutex_t lock;
    sqlite3 *db;
    sqlite3_stmt *find, *put, *drop, *find_camera, *put_camera;
    bool has_begun; /* a transaction of cameras */
    size_t n_bytes;
};

static bool prepare(cir__pictures *self, const char *sql, sqlite3_stmt **statement_out)
{
    return sqlite3_prepare_v3(self->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement_out, NULL) == SQLITE_OK;
}

/* The single number that a question answers; -1: it answers none. */
static sqlite3_int64 ask(cir__pictures *self, const char *sql)
{
    sqlite3_stmt *statement;
    sqlite3_int64 number = -1;
    if (sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static void close_database(cir__pictures *self)
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

/* Ids grow, so the smallest is the oldest. */
static bool open_database(cir__pictures *self, const char *path)
{
    char version[64];
    (void)snprintf(version, sizeof version, "PRAGMA user_version = %d", FORMAT);
    if (sqlite3_open_v2(path, &self->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                            SQLITE_OPEN_PRIVATECACHE,
                        NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(self->db, 1000);
        sqlite3_int64 format = ask(self, "PRAGMA user_version");
        if ((format == 0 || format == FORMAT) &&
            sqlite3_exec(
                self->db,
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                "CREATE TABLE IF NOT EXISTS thumbnail(id INTEGER PRIMARY KEY AUTOINCREMENT, "
                "key TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT;"
                "CREATE TABLE IF NOT EXISTS camera(id INTEGER PRIMARY KEY, modified_ns INTEGER NOT NULL, "
                "name TEXT NOT NULL) STRICT",
                NULL, NULL, NULL) == SQLITE_OK &&
            sqlite3_exec(self->db, version, NULL, NULL, NULL) == SQLITE_OK &&
            prepare(self, "SELECT bytes FROM thumbnail WHERE key = ?1", &self->find) &&
            prepare(self, "INSERT OR REPLACE INTO thumbnail(key, bytes) VALUES(?1, ?2)", &self->put) &&
            prepare(self,
                    "DELETE FROM thumbnail WHERE id IN (SELECT id FROM thumbnail ORDER BY id LIMIT 1000)",
                    &self->drop) &&
            prepare(self, "SELECT name FROM camera WHERE id = ?1 AND modified_ns = ?2", &self->find_camera) &&
            prepare(self, "INSERT OR REPLACE INTO camera(id, modified_ns, name) VALUES(?1, ?2, ?3)",
                    &self->put_camera)) {
            sqlite3_int64 n_bytes = ask(self, "SELECT coalesce(sum(length(bytes)), 0) FROM thumbnail");
            self->n_bytes = n_bytes > 0 ? (size_t)n_bytes : 0;
            return n_bytes >= 0;
        }
    }
    close_database(self);
    return false;
}

static void remove_database(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        gchar *name = g_strconcat(path, endings[i], NULL);
        (void)unlink(name);
        g_free(name);
    }
}

/* Beside the index, or in the user's cache under a name made of the index' place. g_free(). */
static gchar *choose_path(const char *index_path, bool is_beside)
{
    if (is_beside)
        return g_build_filename(index_path, "thumbnails.sqlite", NULL);
    char *place = realpath(index_path, NULL);
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

cir__pictures *cir__pictures_open(const char *index_path)
{
    cir__pictures *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    for (int is_beside = 1; is_beside >= 0 && self->db == NULL; is_beside--) {
        gchar *path = choose_path(index_path, is_beside != 0);
        if (path != NULL && !open_database(self, path) && access(path, W_OK) == 0) {
            remove_database(path);
            (void)open_database(self, path);
        }
        g_free(path);
    }
    if (self->db != NULL)
        return self;
    cir__pictures_close(self);
    return NULL;
}

void cir__pictures_close(cir__pictures *self)
{
    if (self == NULL)
        return;
    if (self->db != NULL)
        cir__pictures_commit(self);
    close_database(self);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

cir__blob *cir__pictures_find(cir__pictures *self, const char *key)
{
    cir__blob *blob = NULL;
    if (self == NULL)
        return NULL;
    pthread_mutex_lock(&self->lock);
    (void)sqlite3_bind_text(self->find, 1, key, -1, SQLITE_STATIC);
    if (sqlite3_step(self->find) == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(self->find, 0);
        int size = sqlite3_column_bytes(self->find, 0);
        blob = bytes != NULL && size > 0 ? cir__blob_new(bytes, (size_t)size) : NULL;
    }
    (void)sqlite3_reset(self->find);
    pthread_mutex_unlock(&self->lock);
    return blob;
}

void cir__pictures_put(cir__pictures *self, const char *key, const cir__blob *blob)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
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

bool cir__pictures_find_camera(cir__pictures *self, size_t id, int64_t modified_ns,
                               char name_out[CIR__CAMERA_SIZE])
{
    bool is_found = false;
    name_out[0] = '\0';
    if (self == NULL)
        return false;
    pthread_mutex_lock(&self->lock);
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

void cir__pictures_put_camera(cir__pictures *self, size_t id, int64_t modified_ns, const char *name)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    if (!self->has_begun)
        self->has_begun = sqlite3_exec(self->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
    (void)sqlite3_bind_int64(self->put_camera, 1, (sqlite3_int64)id);
    (void)sqlite3_bind_int64(self->put_camera, 2, modified_ns);
    (void)sqlite3_bind_text(self->put_camera, 3, name, -1, SQLITE_STATIC);
    (void)sqlite3_step(self->put_camera);
    (void)sqlite3_reset(self->put_camera);
    pthread_mutex_unlock(&self->lock);
}

void cir__pictures_commit(cir__pictures *self)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    if (self->has_begun)
        (void)sqlite3_exec(self->db, "COMMIT", NULL, NULL, NULL);
    self->has_begun = false;
    pthread_mutex_unlock(&self->lock);
}
