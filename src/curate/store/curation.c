#include "curate/store/curation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "curate/store/curation_tables.h"
#include "curate/store/sql.h"
#include "index/store/lock.h"
#include "index/store/place.h"

static const cir__store_kind kind = {CIR__CURATION_NAME, "project's database",
                                     "restore a copy of it; what can still be read says: cir curate log"};

static const char guidelines[] =
    "# Guidelines\n\n"
    "A picture is positive for a text if it shows the very same thing, and the text holds for it.\n"
    "Unsure? Say so: the picture then leaves the instance's database.\n";

static void visit_content(void *context, const cir__folder *folder, const char *name,
                          const struct stat *facts)
{
    (void)folder;
    (void)name;
    (void)facts;
    (*(size_t *)context)++;
}

/* The folder, which may be there and empty. */
static cir_status make_folder(const char *path, cir__folder **folder_out, cir_error *err)
{
    *folder_out = NULL;
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return cir__fail_errno(err, errno, "%s: cannot be made", path);
    cir_status status = cir__folder_open(path, folder_out, err);
    size_t n = 0;
    if (status == CIR_OK && !cir__folder_list(*folder_out, visit_content, &n))
        status = cir__fail_errno(err, errno, "%s: cannot be listed", path);
    if (status == CIR_OK && n > 0)
        status = cir__fail(
            err, CIR_ARGUMENT,
            "%s: is there and holds something; name a folder that is not there, or continue with: cir "
            "curate plan %s",
            path, path);
    if (status == CIR_OK)
        status = cir__folder_sync(path, err);
    if (status != CIR_OK) {
        cir__folder_close(*folder_out);
        *folder_out = NULL;
    }
    return status;
}

static cir_status make_subfolder(const cir__folder *parent, const char *name, mode_t mode, cir_error *err)
{
    if (mkdirat(cir__folder_fd(parent), name, mode) != 0)
        return cir__fail_errno(err, errno, "%s: %s cannot be made", cir__folder_name(parent), name);
    return CIR_OK;
}

cir_status cir_curation_new(const char *path, const char *index_path, cir_error *err)
{
    cir__error_clear(err);
    cir__folder *folder = NULL;
    cir__store *store = NULL;
    char *absolute = NULL;
    int lock_fd = -1;
    cir_status status = cir__place_resolve(index_path, &absolute, err);
    if (status == CIR_OK)
        status = make_folder(path, &folder, err);
    if (status == CIR_OK)
        status = cir__lock_take(folder, &lock_fd, err);
    if (status == CIR_OK)
        status = make_subfolder(folder, CIR__CURATION_SEEDS, 0700, err);
    if (status == CIR_OK)
        status = make_subfolder(folder, CIR__CURATION_RELEASES, 0777, err);
    if (status == CIR_OK)
        status = cir__folder_replace(folder, CIR__CURATION_GUIDELINES, 0666, guidelines,
                                     sizeof guidelines - 1, err);
    if (status == CIR_OK)
        status = cir__store_open(folder, &kind, true, true, &store, err);
    if (status == CIR_OK)
        status = cir__curation_tables_make(store, err);
    if (status == CIR_OK)
        status =
            cir__sql_run(store, err, "INSERT INTO setting(key, value) VALUES('index', ?1)", "t", absolute);
    if (status == CIR_OK)
        status = cir__folder_sync_names(folder, err);
    cir__store_close(store);
    if (lock_fd >= 0)
        close(lock_fd);
    cir__folder_close(folder);
    free(absolute);
    return status;
}

static cir_status read_settings(cir_curation *curation, cir_error *err)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    cir_status status = cir__sql_prepare(curation->store, &statement, err,
                                         "SELECT (SELECT value FROM setting WHERE key = 'index'), "
                                         "(SELECT value FROM setting WHERE key = 'identity')",
                                         "");
    if (status == CIR_OK)
        status = cir__store_step(curation->store, statement, &has_row, err);
    if (has_row) {
        curation->index_path = cir__sql_copy_text(statement, 0);
        (void)snprintf(curation->info.identity, sizeof curation->info.identity, "%s",
                       cir__sql_text(statement, 1));
        if (curation->index_path == NULL)
            status = cir__fail_memory(err, curation->path);
    }
    (void)sqlite3_finalize(statement);
    if (status == CIR_OK && (curation->index_path == NULL || curation->index_path[0] == '\0'))
        status = cir__store_fail_damaged(curation->store, "it names no index", err);
    return status;
}

cir_status cir_curation_open(const char *path, bool writes, cir_curation **curation_out, cir_error *err)
{
    cir__error_clear(err);
    *curation_out = NULL;
    cir_curation *curation = cir__new(1, sizeof *curation);
    if (curation == NULL)
        return cir__fail_memory(err, path);
    pthread_mutex_init(&curation->lock, NULL);
    pthread_mutex_init(&curation->queue_lock, NULL);
    pthread_cond_init(&curation->queue_changed, NULL);
    curation->lock_fd = -1;
    curation->path = cir__copy_text(path);
    cir_status status = curation->path != NULL ? CIR_OK : cir__fail_memory(err, path);
    struct stat facts;
    if (status == CIR_OK && stat(path, &facts) != 0 && errno == ENOENT)
        status =
            cir__fail(err, CIR_NOT_FOUND,
                      "%s: there is no project; make one with: cir curate new %s --index INDEX", path, path);
    if (status == CIR_OK)
        status = cir__folder_open(path, &curation->folder, err);
    if (status == CIR_OK && cir__folder_examine(curation->folder, CIR__CURATION_NAME, &facts) == ENOENT)
        status =
            cir__fail(err, CIR_FORMAT, "%s: is not a project: it holds no %s; make one with: cir curate new",
                      path, CIR__CURATION_NAME);
    if (status == CIR_OK && writes) {
        status = cir__lock_take(curation->folder, &curation->lock_fd, err);
        if (status == CIR_BUSY)
            cir__fail(err, CIR_BUSY, "%s: another process has it open for writing; wait until that has ended",
                      path);
    }
    if (status == CIR_OK)
        status = cir__store_open(curation->folder, &kind, writes, false, &curation->store, err);
    if (status == CIR_OK)
        status = cir__curation_tables_check(curation->store, err);
    if (status == CIR_OK)
        status = read_settings(curation, err);
    if (status != CIR_OK) {
        cir_curation_close(curation);
        return status;
    }
    curation->info.path = curation->path;
    curation->info.index_path = curation->index_path;
    *curation_out = curation;
    return CIR_OK;
}

void cir_curation_close(cir_curation *curation)
{
    if (curation == NULL)
        return;
    cir__store_close(curation->store);
    if (curation->lock_fd >= 0)
        close(curation->lock_fd);
    cir__folder_close(curation->folder);
    pthread_cond_destroy(&curation->queue_changed);
    pthread_mutex_destroy(&curation->queue_lock);
    pthread_mutex_destroy(&curation->lock);
    free(curation->index_path);
    free(curation->path);
    free(curation);
}

const cir_curation_info *cir_curation_get_info(const cir_curation *curation)
{
    return &curation->info;
}

cir_status cir__curation_begin(cir_curation *curation, bool writes, cir_error *err)
{
    if (writes && curation->lock_fd < 0)
        return cir__fail(err, CIR_PERMISSION, "%s: is open for reading", curation->path);
    pthread_mutex_lock(&curation->lock);
    cir_status status = cir__store_begin(curation->store, writes, err);
    if (status != CIR_OK) {
        cir__store_rollback(curation->store);
        pthread_mutex_unlock(&curation->lock);
    }
    return status;
}

cir_status cir__curation_end(cir_curation *curation, cir_status status, cir_error *err)
{
    status = cir__sql_end(curation->store, status, err);
    pthread_mutex_unlock(&curation->lock);
    return status;
}

cir_status cir__curation_find_instance(cir_curation *curation, const char *key, int64_t *id_out,
                                       cir_error *err)
{
    cir_status status =
        cir__sql_get(curation->store, 0, id_out, err, "SELECT id FROM instance WHERE key = ?1", "t", key);
    if (status == CIR_OK && *id_out == 0)
        status =
            cir__fail(err, CIR_NOT_FOUND, "%s: has no instance \"%s\"; list them with: cir curate status %s",
                      curation->path, key, curation->path);
    return status;
}

cir_status cir__curation_get_person(cir_curation *curation, const char *name, int64_t *id_out, cir_error *err)
{
    *id_out = 0;
    if (name[0] == '\0' || strlen(name) > 200)
        return cir__fail(err, CIR_ARGUMENT, "a person's name has 1 to 200 bytes");
    cir_status status = cir__sql_run(
        curation->store, err, "INSERT OR IGNORE INTO person(name, role) VALUES(?1, 'reviewer')", "t", name);
    if (status == CIR_OK)
        status =
            cir__sql_get(curation->store, 0, id_out, err, "SELECT id FROM person WHERE name = ?1", "t", name);
    return status;
}
