/* Forgetting: a folder or photo leaves the index, with all that was derived from it.
 *
 * In this order, so that whatever stops it nothing is half known: the rows' checksums go, and no reader
 * counts their features any more; the features are overwritten and the codes removed; then the rows lose
 * path, hash and facts. Until then asking again goes on. What SQLite gives up it overwrites with zeros. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cir/index.h"
#include "index/codes/codes_file.h"
#include "index/store/catalogue.h"
#include "index/store/checksums.h"
#include "index/store/consent.h"
#include "index/store/image_rows.h"
#include "index/store/layout.h"
#include "index/store/lock.h"
#include "index/store/notes.h"
#include "index/store/vectors.h"

typedef struct forgetting {
    cir__place place;
    int lock;
    cir__store *store;
    cir_index_model *models;
    size_t n_models;
    size_t n_rows;
    char *paths[2]; /* what is to go, absolute: as its folder really lies, and by its text alone */
    size_t n_paths;
    size_t *ids;
    size_t n_ids, ids_capacity;
    bool is_root; /* or noted otherwise */
} forgetting;

static bool is_meant(const forgetting *self, const char *path)
{
    for (size_t i = 0; i < self->n_paths; i++)
        if (cir__place_is_below(path, self->paths[i]))
            return true;
    return false;
}

static bool visit_row(void *context, const cir__row *row, const char *stored, size_t size)
{
    forgetting *self = context;
    if (row->id >= self->n_rows || (size >= 2 && memcmp(stored, "//", 2) == 0))
        return true;
    char *path = cir__place_absolute(&self->place, stored != NULL ? stored : "", size);
    bool goes_on = path != NULL;
    if (goes_on && is_meant(self, path)) {
        goes_on = cir__grow((void **)&self->ids, &self->ids_capacity, self->n_ids + 1, sizeof *self->ids);
        if (goes_on)
            self->ids[self->n_ids++] = row->id;
    }
    free(path);
    return goes_on;
}

/* As updates store it; and, where it is gone or was reached through a link, as it is written. */
static cir_status find_paths(forgetting *self, const char *what, cir_error *err)
{
    if (cir__place_resolve(what, &self->paths[0], NULL) == CIR_OK)
        self->n_paths = 1;
    char *tidy = cir__place_tidy(what);
    if (tidy == NULL)
        return cir__fail_memory(err, what);
    self->paths[self->n_paths++] = tidy;
    return CIR_OK;
}

static cir_status open_all(forgetting *self, const char *index_path, bool is_trusted, cir_error *err)
{
    cir_status status = cir__place_init(&self->place, index_path, err);
    if (status == CIR_OK && !is_trusted)
        status = cir__consent_check_owner(self->place.folder, err);
    /* Whether it is an index at all comes before making a lock in it. */
    if (status == CIR_OK)
        status = cir__catalogue_open(&self->place, CIR__CATALOGUE_READ, &self->store, err);
    if (status == CIR_OK)
        status = cir__lock_take(self->place.folder, &self->lock, err);
    cir__store_close(self->store);
    self->store = NULL;
    if (status == CIR_OK)
        status = cir__catalogue_open(&self->place, CIR__CATALOGUE_CREATE, &self->store, err);
    if (status == CIR_OK)
        status = cir__store_run(self->store, "PRAGMA secure_delete = ON", err);
    if (status == CIR_OK)
        status = cir__catalogue_list_models(self->store, &self->models, &self->n_models, err);
    if (status == CIR_OK)
        status = cir__image_rows_count(self->store, &self->n_rows, err);
    return status;
}

/* One model's checksums of the rows are cleared; within a transaction. *n_needed_out: rows its file must
 * have. */
static cir_status clear_checksums(forgetting *self, size_t i_model, size_t *n_needed_out, cir_error *err)
{
    cir__checksums checksums;
    cir_status status = cir__checksums_load(self->store, i_model, self->n_rows, NULL, &checksums, err);
    if (status != CIR_OK)
        return status;
    for (size_t i = 0; status == CIR_OK && i < self->n_ids; i++)
        if (cir__checksums_get(&checksums, self->ids[i]) != 0 &&
            !cir__checksums_set(&checksums, self->ids[i], 0))
            status = cir__fail_memory(err, self->store->name);
    if (status == CIR_OK)
        status = cir__checksums_store(&checksums, self->store, err);
    *n_needed_out = cir__checksums_n_needed(&checksums);
    cir__checksums_done(&checksums);
    return status;
}

static cir_status erase_features(forgetting *self, const cir_index_model *model, size_t n_needed,
                                 cir_error *err)
{
    cir__folder *folder;
    cir__vectors vectors = {.fd = -1};
    cir_status status = cir__layout_open_model(&self->place, model->key, false, &folder, err);
    if (status != CIR_OK)
        return status;
    uint16_t *zeros = cir__new(model->dim, sizeof *zeros);
    if (zeros == NULL)
        status = cir__fail_memory(err, self->place.index);
    if (status == CIR_OK)
        status = cir__vectors_open(folder, model->dim, self->n_rows, n_needed, &vectors, err);
    for (size_t i = 0; status == CIR_OK && i < self->n_ids; i++)
        status = cir__vectors_write(&vectors, self->ids[i], zeros, err);
    if (status == CIR_OK && self->n_ids > 0)
        status = cir__vectors_sync(&vectors, err);
    cir__vectors_close(&vectors);
    /* A code tells of a photo, too; and all of them are quickly made again. */
    if (status == CIR_OK && self->n_ids > 0 &&
        (!cir__folder_remove(folder, CIR__CODES_SUMS_NAME) || !cir__folder_remove(folder, CIR__CODES_NAME)))
        status = cir__fail(err, CIR_IO, "%s: compact codes of what is forgotten cannot be removed",
                           self->place.index);
    free(zeros);
    cir__folder_close(folder);
    return status;
}

/* Roots and unreadable folders at or below what is forgotten go; it is left out from now on. */
static cir_status change_notes(forgetting *self, cir_error *err)
{
    static const cir__note notes[] = {CIR__NOTE_ROOT, CIR__NOTE_UNREADABLE, CIR__NOTE_FORGOTTEN};
    cir_status status = CIR_OK;
    for (size_t k = 0; status == CIR_OK && k < sizeof notes / sizeof notes[0]; k++) {
        char **items;
        size_t n;
        status = cir__notes_read(self->store, notes[k], &items, &n, err);
        for (size_t i = 0; status == CIR_OK && i < n; i++) {
            const size_t n_path = strlen(items[i]);
            /* Behind the path of an unreadable folder, a zero byte and the reason follow. */
            const size_t size =
                notes[k] == CIR__NOTE_UNREADABLE ? n_path + 1 + strlen(items[i] + n_path + 1) : n_path;
            char *path = n_path > 0 ? cir__place_absolute(&self->place, items[i], n_path)
                                    : cir__copy_text(self->place.base);
            if (path == NULL)
                status = cir__fail_memory(err, self->store->name);
            else if (is_meant(self, path))
                status = cir__notes_remove(self->store, notes[k], (cir__note_item){items[i], size}, err);
            self->is_root = self->is_root || (path != NULL && is_meant(self, path));
            free(path);
        }
        cir__notes_free(items, n);
    }
    for (size_t i = 0; status == CIR_OK && i < self->n_paths; i++) {
        const char *stored = cir__place_stored(&self->place, self->paths[i]);
        status =
            cir__notes_add(self->store, CIR__NOTE_FORGOTTEN, (cir__note_item){stored, strlen(stored)}, err);
    }
    return status;
}

static cir_status erase_rows(forgetting *self, cir_error *err)
{
    cir_status status = cir__store_begin(self->store, true, err);
    if (status == CIR_OK)
        status = change_notes(self, err);
    for (size_t i = 0; status == CIR_OK && i < self->n_ids; i++)
        status = cir__image_rows_forget(self->store, self->ids[i], err);
    if (status == CIR_OK && self->n_ids == 0 && !self->is_root)
        status = cir__fail(err, CIR_NOT_FOUND, "%s: nothing at or below it is in %s", self->paths[0],
                           self->place.index);
    if (status == CIR_OK)
        status = cir__catalogue_raise_revision(self->store, err);
    if (status == CIR_OK)
        status = cir__store_commit(self->store, err);
    if (status != CIR_OK)
        cir__store_rollback(self->store);
    return status;
}

static cir_status forget(forgetting *self, cir_error *err)
{
    cir_status status = cir__image_rows_list_all(self->store, visit_row, self, err);
    size_t *n_needed = cir__new(self->n_models, sizeof *n_needed);
    if (status == CIR_OK && n_needed == NULL)
        status = cir__fail_memory(err, self->place.index);
    if (status == CIR_OK && self->n_ids > 0) {
        status = cir__store_begin(self->store, true, err);
        for (size_t i = 0; status == CIR_OK && i < self->n_models; i++)
            status = clear_checksums(self, i, &n_needed[i], err);
        if (status == CIR_OK)
            status = cir__catalogue_raise_revision(self->store, err);
        if (status == CIR_OK)
            status = cir__store_commit(self->store, err);
        if (status != CIR_OK)
            cir__store_rollback(self->store);
        for (size_t i = 0; status == CIR_OK && i < self->n_models; i++)
            status = erase_features(self, &self->models[i], n_needed[i], err);
    }
    free(n_needed);
    return status == CIR_OK ? erase_rows(self, err) : status;
}

cir_status cir_index_forget(const char *index_path, const char *path, bool is_trusted, size_t *n_out,
                            cir_error *err)
{
    cir__error_clear(err);
    struct stat facts;
    if (n_out != NULL)
        *n_out = 0;
    if (stat(index_path, &facts) != 0 && errno == ENOENT)
        return cir__fail(err, CIR_NOT_FOUND, "%s: there is no index; make one with: cir index FOLDER -o %s",
                         index_path, index_path);
    forgetting self = {.lock = -1};
    cir_status status = find_paths(&self, path, err);
    if (status == CIR_OK)
        status = open_all(&self, index_path, is_trusted, err);
    if (status == CIR_OK)
        status = forget(&self, err);
    if (status == CIR_OK && n_out != NULL)
        *n_out = self.n_ids;
    for (size_t i = 0; i < self.n_paths; i++)
        free(self.paths[i]);
    free(self.ids);
    cir__catalogue_free_models(self.models, self.n_models);
    cir__store_close(self.store);
    if (self.lock >= 0)
        close(self.lock);
    cir__place_done(&self.place);
    return status;
}
