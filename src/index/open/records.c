/* The records of an open index: one, all, by path; its folders; whether it is current. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "index/open/opened.h"
#include "index/store/catalogue.h"
#include "index/store/image_rows.h"
#include "kernels/half.h"

static cir_status check_id(const cir_index *index, size_t id, cir_error *err)
{
    if (id < index->info.n_rows)
        return CIR_OK;
    return cir__fail(err, CIR_NOT_FOUND, "%s: has no image %zu; valid ids are below %zu", index->info.path,
                     id, index->info.n_rows);
}

cir_status cir_index_get_record(const cir_index *index, size_t id, cir_image_record *record_out,
                                cir_error *err)
{
    cir__error_clear(err);
    *record_out = (cir_image_record){0};
    cir_status status = check_id(index, id, err);
    if (status == CIR_OK && index->states[id] == CIR_IMAGE_FORGOTTEN)
        status = cir__fail(err, CIR_NOT_FOUND, "%s: image %zu was forgotten", index->info.path, id);
    if (status != CIR_OK)
        return status;
    cir__row row;
    char *stored = NULL;
    char *why = NULL;
    cir__opened_lock(index);
    status = cir__image_rows_get(index->store, id, &row, &stored, &why, err);
    if (status == CIR_NOT_FOUND)
        status = cir__store_fail_damaged(index->store, "an image's row is missing", err);
    cir__opened_unlock(index);
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
    record_out->is_within = cir__consent_covers(&index->consent, index->is_trusted, stored, strlen(stored));
    if (record_out->path != NULL && why != NULL)
        record_out->error = cir__opened_format_error(record_out->path, why);
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

cir_status cir__opened_get_hash(const cir_index *index, size_t id, uint8_t hash_out[CIR__HASH_SIZE],
                                bool *is_known_out, cir_error *err)
{
    *is_known_out = false;
    cir_status status = check_id(index, id, err);
    if (status != CIR_OK)
        return status;
    cir__row row;
    cir__opened_lock(index);
    status = cir__image_rows_get(index->store, id, &row, NULL, NULL, err);
    cir__opened_unlock(index);
    if (status != CIR_OK)
        return status;
    *is_known_out = row.has_hash;
    memcpy(hash_out, row.hash, CIR__HASH_SIZE);
    return CIR_OK;
}

cir_status cir__opened_find_hash(const cir_index *index, const uint8_t hash[CIR__HASH_SIZE], size_t *id_out,
                                 bool *is_found_out, cir_error *err)
{
    *id_out = 0;
    bool has_row = true;
    cir__row row = {0};
    cir_status status = CIR_OK;
    *is_found_out = false;
    cir__opened_lock(index);
    for (size_t next = 0; status == CIR_OK && has_row && !*is_found_out; next = row.id + 1) {
        status = cir__image_rows_find_hash(index->store, hash, next, &row, &has_row, err);
        *is_found_out = status == CIR_OK && has_row && row.id < index->info.n_rows && index->ready[row.id];
    }
    cir__opened_unlock(index);
    if (*is_found_out)
        *id_out = row.id;
    return status;
}

cir_status cir_index_get_feature(const cir_index *index, size_t id, float *feature_out, cir_error *err)
{
    cir__error_clear(err);
    size_t dim = index->info.model->dim;
    memset(feature_out, 0, dim * sizeof *feature_out);
    cir_status status = check_id(index, id, err);
    if (status == CIR_OK && !index->ready[id])
        status = cir__fail(err, CIR_NOT_FOUND, "%s: image %zu has no feature: it %s", index->info.path, id,
                           index->states[id] == CIR_IMAGE_FAILED      ? "could not be read"
                           : index->states[id] == CIR_IMAGE_VANISHED  ? "has vanished"
                           : index->states[id] == CIR_IMAGE_FORGOTTEN ? "was forgotten"
                                                                      : "is still to be encoded");
    if (status != CIR_OK)
        return status;
    const uint16_t *row = index->map.rows + id * dim;
    for (size_t i = 0; i < dim; i++)
        feature_out[i] = cir__half_to_float(row[i]);
    return cir__mapped_check(row, err);
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
    cir__opened_lock(index);
    cir_status status = cir__image_rows_find_path(index->store, cir__place_stored(&index->place, absolute),
                                                  &row, is_found_out, err);
    cir__opened_unlock(index);
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

cir_status cir_index_list_images(const cir_index *index, cir_image_state state, cir_image_visit_fn *visit,
                                 void *context, cir_error *err)
{
    cir__error_clear(err);
    bool goes_on = state != CIR_IMAGE_FORGOTTEN;
    for (size_t id = 0; goes_on && id < index->info.n_rows; id++) {
        if (index->states[id] != state)
            continue;
        cir_image_record record;
        cir_status status = cir_index_get_record(index, id, &record, err);
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
    cir_image_visit_fn *visit;
    void *context;
    bool is_short_of_memory;
} listing;

static bool visit_row(void *context, const cir__row *row, const char *stored, size_t size)
{
    listing *self = context;
    const cir_index *index = self->index;
    if (row->id >= index->info.n_rows)
        return false; /* added since this view was taken */
    if (index->states[row->id] == CIR_IMAGE_FORGOTTEN)
        return true;
    char *path = cir__place_opened(&index->place, stored != NULL ? stored : "", size);
    if (path == NULL) {
        self->is_short_of_memory = true;
        return false;
    }
    const cir_image_record record = {
        .id = row->id,
        .path = path,
        .is_within = stored != NULL && cir__consent_covers(&index->consent, index->is_trusted, stored, size),
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

cir_status cir_index_list_all_images(const cir_index *index, cir_image_visit_fn *visit, void *context,
                                     cir_error *err)
{
    cir__error_clear(err);
    listing self = {index, visit, context, false};
    cir__opened_lock(index);
    cir_status status = cir__image_rows_list_all(index->store, visit_row, &self, err);
    cir__opened_unlock(index);
    return self.is_short_of_memory ? cir__fail_memory(err, index->info.path) : status;
}

cir_status cir_index_is_current(const cir_index *index, bool *is_current_out, cir_error *err)
{
    cir__error_clear(err);
    *is_current_out = false;
    uint64_t revision;
    uint64_t state;
    cir_status lost = cir__mapped_check(index->map.rows, err);
    if (lost != CIR_OK)
        return lost;
    cir__opened_lock(index);
    cir_status status = cir__catalogue_get_revision(index->store, &revision, &state, err);
    cir__opened_unlock(index);
    if (status == CIR_OK)
        *is_current_out = revision == index->info.revision && state == index->info.state;
    return status;
}

cir_status cir_index_check_place(const cir_index *index, cir_error *err)
{
    cir__error_clear(err);
    return cir__store_check(index->store, err);
}
