/* An index opened for reading: one view of the catalogue, taken in one transaction, and the vectors mapped.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cir/index.h"
#include "index/catalogue.h"
#include "index/checksums.h"
#include "index/codes_open.h"
#include "index/layout.h"
#include "index/place.h"
#include "index/roots.h"
#include "index/rows.h"
#include "index/vectors.h"
#include "kernels/half.h"

struct cir_index {
    cir__place place;
    cir__store *store;
    pthread_mutex_t lock; /* the store serves one thread at a time */
    cir_index_info info;
    cir_index_model *models;
    uint8_t *ready;
    uint8_t *states; /* cir_image_state */
    size_t n_needed; /* rows up to the last with a feature */
    uint64_t digest; /* of all checksums */
    char *folder;
    cir__vectors_map map;
    cir__codes_view codes;
    char *codes_problem;
};

static void visit_block(void *context, size_t i_block, const uint64_t *values)
{
    cir_index *index = context;
    size_t n_rows = index->info.n_rows;
    if (i_block > n_rows / CIR__BLOCK_ROWS)
        return;
    size_t first = i_block * CIR__BLOCK_ROWS;
    size_t n = n_rows - first < CIR__BLOCK_ROWS ? n_rows - first : CIR__BLOCK_ROWS;
    for (size_t i = 0; i < n; i++) {
        index->ready[first + i] = values[i] != 0;
        index->states[first + i] = values[i] != 0 ? CIR_IMAGE_READY : CIR_IMAGE_PENDING;
    }
    while (n > 0 && values[n - 1] == 0)
        n--;
    if (n > 0 && first + n > index->n_needed)
        index->n_needed = first + n;
    index->digest += cir__checksums_digest_block(i_block, values);
}

static void visit_state(void *context, size_t id, bool is_vanished)
{
    cir_index *index = context;
    if (id >= index->info.n_rows)
        return;
    /* An image that failed with one model may have a feature of another. */
    if (is_vanished) {
        index->ready[id] = 0;
        index->states[id] = CIR_IMAGE_VANISHED;
    } else if (!index->ready[id]) {
        index->states[id] = CIR_IMAGE_FAILED;
    }
}

static cir_status choose_model(cir_index *index, const char *fingerprint, size_t *i_model_out, cir_error *err)
{
    const cir_index_info *info = &index->info;
    if (info->n_models == 0)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: holds no features: its making was interrupted; go on with: cir index FOLDER -o %s",
            info->path, info->path);
    for (size_t i = 0; i < info->n_models; i++)
        if (fingerprint == NULL || strcmp(fingerprint, info->models[i].fingerprint) == 0) {
            *i_model_out = i;
            index->info.model = &info->models[i];
            return CIR_OK;
        }
    return cir__fail(err, CIR_MISMATCH,
                     "%s: holds features of %s (fingerprint %.8s) and none of the model in use (fingerprint "
                     "%.8s); add them with: cir index FOLDER -o %s --model MODEL",
                     info->path, info->models[0].name, info->models[0].fingerprint, fingerprint, info->path);
}

/* Codes that cannot be used make searches slower, nothing else: what is wrong with them is told by info. */
static cir_status open_codes(cir_index *index, size_t i_model, cir_error *err)
{
    const cir__codes_reader reader = {.folder = index->folder,
                                      .model = index->info.model,
                                      .i_model = i_model,
                                      .store = index->store,
                                      .n_rows = index->info.n_rows,
                                      .ready = index->ready,
                                      .digest = index->digest};
    cir_error why;
    cir_status status = cir__codes_open(&reader, &index->codes, &why);
    index->info.n_coded = index->codes.n_coded;
    if (status == CIR_OK || status == CIR_NOT_FOUND)
        return CIR_OK;
    index->info.codes_problem = index->codes_problem = cir__copy_text(why.message);
    return index->codes_problem != NULL ? CIR_OK : cir__fail_memory(err, index->info.path);
}

/* Everything that the catalogue says now, and the codes that fit it. */
static cir_status read_catalogue(cir_index *index, const char *fingerprint, cir_error *err)
{
    cir_index_info *info = &index->info;
    cir__store *store = index->store;
    size_t i_model = 0;
    cir_status status = cir__store_begin(store, false, err);
    if (status != CIR_OK)
        return status;
    status = cir__catalogue_list_models(store, &index->models, &info->n_models, err);
    if (status != CIR_OK)
        goto done;
    info->models = index->models;
    status = choose_model(index, fingerprint, &i_model, err);
    if (status == CIR_OK)
        status = cir__catalogue_get_revision(store, &info->revision, err);
    if (status == CIR_OK)
        status = cir__rows_count(store, &info->n_rows, err);
    if (status != CIR_OK)
        goto done;
    index->ready = cir__new(info->n_rows, 1);
    index->states = cir__new_unset(info->n_rows, 1);
    if (index->ready == NULL || index->states == NULL) {
        status = cir__fail_memory(err, info->path);
        goto done;
    }
    memset(index->states, CIR_IMAGE_PENDING, info->n_rows);
    status = cir__catalogue_list_blocks(store, i_model, visit_block, index, err);
    if (status == CIR_OK)
        status = cir__rows_list_states(store, visit_state, index, err);
    index->folder = cir__layout_of_model(&index->place, info->model->key);
    if (status == CIR_OK)
        status = index->folder != NULL ? open_codes(index, i_model, err) : cir__fail_memory(err, info->path);
done:
    cir__store_rollback(store);
    return status;
}

static void count_states(cir_index *index)
{
    size_t counts[CIR_IMAGE_PENDING + 1] = {0};
    for (size_t i = 0; i < index->info.n_rows; i++)
        counts[index->states[i]]++;
    index->info.n_ready = counts[CIR_IMAGE_READY];
    index->info.n_failed = counts[CIR_IMAGE_FAILED];
    index->info.n_vanished = counts[CIR_IMAGE_VANISHED];
    index->info.n_pending = counts[CIR_IMAGE_PENDING];
}

static cir_status map_vectors(cir_index *index, cir_error *err)
{
    const cir_index_model *model = index->info.model;
    char *path = cir__path_join(index->folder, CIR__VECTORS_NAME);
    if (path == NULL)
        return cir__fail_memory(err, index->info.path);
    cir_status status =
        cir__vectors_map_open(path, model->dim, index->info.n_rows, index->n_needed, &index->map, err);
    free(path);
    return status;
}

cir_status cir_index_open(const char *path, const char *model_fingerprint, cir_index **index_out,
                          cir_error *err)
{
    cir__error_clear(err);
    *index_out = NULL;
    struct stat facts;
    if (stat(path, &facts) != 0 && errno == ENOENT)
        return cir__fail(err, CIR_NOT_FOUND, "%s: there is no index; make one with: cir index FOLDER -o %s",
                         path, path);
    cir_index *index = cir__new(1, sizeof *index);
    if (index == NULL)
        return cir__fail_memory(err, path);
    pthread_mutex_init(&index->lock, NULL);
    index->codes.codes.vectors_fd = -1;
    cir_status status = cir__place_init(&index->place, path, err);
    if (status == CIR_OK) {
        index->info.path = index->place.index;
        status = cir__catalogue_open(&index->place, CIR__CATALOGUE_READ, &index->store, err);
    }
    if (status == CIR_OK)
        status = read_catalogue(index, model_fingerprint, err);
    if (status == CIR_OK) {
        count_states(index);
        index->info.size_bytes = cir__layout_size(&index->place);
        status = map_vectors(index, err);
    }
    if (status != CIR_OK) {
        cir_index_close(index);
        return status;
    }
    *index_out = index;
    return CIR_OK;
}

void cir_index_close(cir_index *index)
{
    if (index == NULL)
        return;
    cir__codes_close(&index->codes);
    cir__vectors_map_close(&index->map);
    cir__store_close(index->store);
    cir__catalogue_free_models(index->models, index->info.n_models);
    cir__place_done(&index->place);
    pthread_mutex_destroy(&index->lock);
    free(index->ready);
    free(index->states);
    free(index->folder);
    free(index->codes_problem);
    free(index);
}

const cir_index_info *cir_index_get_info(const cir_index *index)
{
    return &index->info;
}

const uint16_t *cir_index_get_vectors(const cir_index *index)
{
    return index->map.rows;
}

const cir_codes *cir_index_get_codes(const cir_index *index)
{
    return index->codes.coder != NULL ? &index->codes.codes : NULL;
}

const uint8_t *cir_index_get_ready(const cir_index *index)
{
    return index->ready;
}

const char *cir_index_get_folder(const cir_index *index)
{
    return index->folder;
}

static void lock(const cir_index *index)
{
    pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&index->lock);
}

static void unlock(const cir_index *index)
{
    pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&index->lock);
}

static cir_status check_id(const cir_index *index, size_t id, cir_error *err)
{
    if (id < index->info.n_rows)
        return CIR_OK;
    return cir__fail(err, CIR_NOT_FOUND, "%s: has no image %zu; ids lie below %zu", index->info.path, id,
                     index->info.n_rows);
}

/* "PATH: WHY", the path as it is now. */
static char *format_error(const char *path, const char *why)
{
    size_t n_path = strlen(path);
    size_t n_why = strlen(why);
    char *text = malloc(n_path + n_why + 3);
    if (text == NULL)
        return NULL;
    memcpy(text, path, n_path);
    memcpy(text + n_path, ": ", 2);
    memcpy(text + n_path + 2, why, n_why + 1);
    return text;
}

cir_status cir_index_get_image(const cir_index *index, size_t id, cir_image_record *record_out,
                               cir_error *err)
{
    cir__error_clear(err);
    *record_out = (cir_image_record){0};
    cir_status status = check_id(index, id, err);
    if (status != CIR_OK)
        return status;
    cir__row row;
    char *stored = NULL;
    char *why = NULL;
    lock(index);
    status = cir__rows_get(index->store, id, &row, &stored, &why, err);
    if (status == CIR_NOT_FOUND)
        status = cir__store_fail_damaged(index->store, "an image's row is missing", err);
    unlock(index);
    if (status != CIR_OK)
        return status;
    *record_out = (cir_image_record){.id = id,
                                     .state = (cir_image_state)index->states[id],
                                     .size_bytes = row.size_bytes,
                                     .modified_ns = row.modified_ns,
                                     .width_px = row.width_px,
                                     .height_px = row.height_px,
                                     .taken_at = row.taken_at};
    record_out->path = cir__place_opened(&index->place, stored, strlen(stored));
    if (record_out->path != NULL && why != NULL)
        record_out->error = format_error(record_out->path, why);
    if (record_out->path == NULL || (why != NULL && record_out->error == NULL)) {
        cir_image_record_done(record_out);
        status = cir__fail_memory(err, index->info.path);
    }
    free(stored);
    free(why);
    return status;
}

void cir_image_record_done(cir_image_record *record)
{
    free(record->path);
    free(record->error);
    *record = (cir_image_record){0};
}

cir_status cir_index_get_feature(const cir_index *index, size_t id, float *feature_out, cir_error *err)
{
    cir__error_clear(err);
    size_t dim = index->info.model->dim;
    memset(feature_out, 0, dim * sizeof *feature_out);
    cir_status status = check_id(index, id, err);
    if (status == CIR_OK && !index->ready[id])
        status = cir__fail(err, CIR_NOT_FOUND, "%s: image %zu has no feature: it %s", index->info.path, id,
                           index->states[id] == CIR_IMAGE_FAILED     ? "could not be read"
                           : index->states[id] == CIR_IMAGE_VANISHED ? "has vanished"
                                                                     : "is still to be encoded");
    if (status != CIR_OK)
        return status;
    const uint16_t *row = index->map.rows + id * dim;
    for (size_t i = 0; i < dim; i++)
        feature_out[i] = cir__half_to_float(row[i]);
    return CIR_OK;
}

/* Looks an absolute path up; frees it. */
static cir_status find_absolute(const cir_index *index, char *absolute, size_t *id_out, bool *is_found_out,
                                cir_error *err)
{
    if (absolute == NULL || *is_found_out) {
        free(absolute);
        return CIR_OK;
    }
    cir__row row;
    lock(index);
    cir_status status = cir__rows_find_path(index->store, cir__place_stored(&index->place, absolute), &row,
                                            is_found_out, err);
    unlock(index);
    free(absolute);
    if (status == CIR_OK && *is_found_out && row.id >= index->info.n_rows)
        *is_found_out = false; /* added since this view was taken */
    if (*is_found_out)
        *id_out = row.id;
    return status;
}

cir_status cir_index_find_path(const cir_index *index, const char *path, size_t *id_out, cir_error *err)
{
    cir__error_clear(err);
    *id_out = 0;
    bool is_found = false;
    /* As an update would store it; then by its text alone, for files that are gone or were reached through a
     * link to a folder; then without any link. */
    char *resolved = NULL;
    cir_status status = CIR_OK;
    if (cir__place_resolve(path, &resolved, NULL) == CIR_OK)
        status = find_absolute(index, resolved, id_out, &is_found, err);
    if (status == CIR_OK)
        status = find_absolute(index, cir__place_tidy(path), id_out, &is_found, err);
    if (status == CIR_OK)
        status = find_absolute(index, realpath(path, NULL), id_out, &is_found, err);
    if (status == CIR_OK && !is_found)
        status = cir__fail(err, CIR_NOT_FOUND, "%s: is not in %s", path, index->info.path);
    return status;
}

cir_status cir_index_list(const cir_index *index, cir_image_state state, cir_image_visit *visit,
                          void *context, cir_error *err)
{
    cir__error_clear(err);
    bool goes_on = true;
    for (size_t id = 0; goes_on && id < index->info.n_rows; id++) {
        if (index->states[id] != state)
            continue;
        cir_image_record record;
        cir_status status = cir_index_get_image(index, id, &record, err);
        if (status != CIR_OK)
            return status;
        goes_on = visit(context, &record);
        cir_image_record_done(&record);
    }
    return CIR_OK;
}

/* A visit of all records. */
typedef struct listing {
    const cir_index *index;
    cir_image_visit *visit;
    void *context;
    bool is_short_of_memory;
} listing;

static bool visit_row(void *context, const cir__row *row, const char *stored, size_t size)
{
    listing *self = context;
    const cir_index *index = self->index;
    if (row->id >= index->info.n_rows)
        return false; /* added since this view was taken */
    char *path = cir__place_opened(&index->place, stored != NULL ? stored : "", size);
    if (path == NULL) {
        self->is_short_of_memory = true;
        return false;
    }
    const cir_image_record record = {.id = row->id,
                                     .path = path,
                                     .state = (cir_image_state)index->states[row->id],
                                     .size_bytes = row->size_bytes,
                                     .modified_ns = row->modified_ns,
                                     .width_px = row->width_px,
                                     .height_px = row->height_px,
                                     .taken_at = row->taken_at};
    bool goes_on = self->visit(self->context, &record);
    free(path);
    return goes_on;
}

cir_status cir_index_list_all(const cir_index *index, cir_image_visit *visit, void *context, cir_error *err)
{
    cir__error_clear(err);
    listing self = {index, visit, context, false};
    lock(index);
    cir_status status = cir__rows_list_all(index->store, visit_row, &self, err);
    unlock(index);
    return self.is_short_of_memory ? cir__fail_memory(err, index->info.path) : status;
}

cir_status cir_index_is_current(const cir_index *index, bool *is_current_out, cir_error *err)
{
    cir__error_clear(err);
    *is_current_out = false;
    uint64_t revision;
    lock(index);
    cir_status status = cir__catalogue_get_revision(index->store, &revision, err);
    unlock(index);
    if (status == CIR_OK)
        *is_current_out = revision == index->info.revision;
    return status;
}

typedef struct root_list {
    const cir_index *index;
    char **paths;
    size_t n, capacity;
} root_list;

static bool visit_root(void *context, const char *stored, size_t size)
{
    root_list *list = context;
    const cir__place *place = &list->index->place;
    /* The folder that holds the index is stored as nothing. */
    char *path = size > 0 ? cir__place_opened(place, stored, size) : cir__copy_text(place->base);
    if (path == NULL ||
        !cir__grow((void **)&list->paths, &list->capacity, list->n + 1, sizeof *list->paths)) {
        free(path);
        return false;
    }
    list->paths[list->n++] = path;
    return true;
}

cir_status cir_index_list_roots(const cir_index *index, char ***paths_out, size_t *n_out, cir_error *err)
{
    cir__error_clear(err);
    *paths_out = NULL;
    *n_out = 0;
    root_list list = {.index = index};
    lock(index);
    cir_status status = cir__roots_list(index->store, visit_root, &list, err);
    unlock(index);
    if (status != CIR_OK) {
        cir_images_list_free(list.paths, list.n);
        return status;
    }
    *paths_out = list.paths;
    *n_out = list.n;
    return CIR_OK;
}
