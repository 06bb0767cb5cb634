#include "index/update/writer.h"
#include "index/store/consent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "index/open/derived.h"
#include "index/store/catalogue.h"
#include "index/store/checksums.h"
#include "index/store/image_rows.h"
#include "index/store/layout.h"
#include "index/store/lock.h"
#include "index/store/vectors.h"

#define MAX_KEY_NAME 40

/* Rows that the committed catalogue calls encoded, to be overwritten once it no longer does. */
typedef struct overwrites {
    struct {
        size_t id;
        bool has_feature; /* else the row becomes zero */
    } * items;
    uint16_t *rows; /* [n, dim] */
    size_t n;
    size_t items_capacity;
    size_t rows_capacity;
} overwrites;

/* An encoder's model. */
typedef struct own {
    size_t i_model;
    size_t dim;
    cir__folder *folder;
    cir__vectors vectors;
    overwrites later;
} own;

struct cir__writer {
    cir__place place;
    int lock;
    cir__store *store;
    const cir__encoders *encoders;
    own owns[CIR__MAX_ENCODERS]; /* [encoders->n] */
    cir_index_model *models;
    size_t n_models;
    cir__checksums *checksums; /* [n_models] */
    size_t n_rows;
    bool has_begun;
    bool is_doubtful; /* a commit failed that may have come through */
};

static cir__checksums *own_checksums(const cir__writer *writer, size_t i)
{
    return &writer->checksums[writer->owns[i].i_model];
}

static bool has_key(const cir__writer *writer, const char *key)
{
    for (size_t i = 0; i < writer->n_models; i++)
        if (strcmp(writer->models[i].key, key) == 0)
            return true;
    return false;
}

/* A readable folder's name: the model's, and as much of its fingerprint as makes it the only one. */
static void make_key(const cir__writer *writer, const cir__encoder *encoder, char key_out[MAX_KEY_NAME + 34])
{
    char name[MAX_KEY_NAME + 1];
    size_t n = 0;
    for (const char *c = encoder->name; *c != '\0' && n < MAX_KEY_NAME; c++) {
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                        (n > 0 && (*c == '.' || *c == '-' || *c == '_'));
        name[n] = is_plain ? *c : '-';
        n++;
    }
    name[n] = '\0';
    for (int n_digits = 8; n_digits <= 32; n_digits += 8) {
        (void)snprintf(key_out, MAX_KEY_NAME + 34, "%s-%.*s", name, n_digits, encoder->fingerprint);
        if (!has_key(writer, key_out))
            return;
    }
}

/* The folder and the empty file first: a model in the catalogue always has its file. */
static cir_status add_model(cir__writer *writer, const cir__encoder *encoder, cir_error *err)
{
    char key[MAX_KEY_NAME + 34];
    make_key(writer, encoder, key);
    cir_index_model model = {.key = key,
                             .name = encoder->name,
                             .path = encoder->path,
                             .fingerprint = encoder->fingerprint,
                             .dim = encoder->dim};
    cir__folder *folder;
    cir_status status = cir__layout_open_model(&writer->place, key, true, &folder, err);
    if (status == CIR_OK)
        status = cir__vectors_create(folder, encoder->dim, err);
    cir__folder_close(folder);
    if (status == CIR_OK)
        status = cir__store_begin(writer->store, true, err);
    if (status != CIR_OK)
        return status;
    status = cir__catalogue_add_model(writer->store, writer->n_models, &model, err);
    if (status == CIR_OK)
        status = cir__catalogue_raise_revision(writer->store, err);
    if (status == CIR_OK)
        status = cir__store_commit(writer->store, err);
    if (status != CIR_OK) {
        cir__store_rollback(writer->store);
        return status;
    }
    cir__catalogue_free_models(writer->models, writer->n_models);
    return cir__catalogue_list_models(writer->store, &writer->models, &writer->n_models, err);
}

static bool find_model(const cir__writer *writer, const cir__encoder *encoder, own *own_out)
{
    for (size_t m = 0; m < writer->n_models; m++)
        if (strcmp(writer->models[m].fingerprint, encoder->fingerprint) == 0) {
            own_out->i_model = m;
            own_out->dim = writer->models[m].dim;
            return true;
        }
    return false;
}

static cir_status choose_model(cir__writer *writer, const cir__encoder *encoder, own *own_out, cir_error *err)
{
    cir_status status = CIR_OK;
    if (!find_model(writer, encoder, own_out)) {
        status = add_model(writer, encoder, err);
        if (status == CIR_OK && !find_model(writer, encoder, own_out))
            status = cir__store_fail_damaged(writer->store, "a model's row is out of range", err);
    }
    if (status == CIR_OK && own_out->dim != encoder->dim)
        status =
            cir__fail(err, CIR_DAMAGED,
                      "%s: features of %s have dimension %zu in the catalogue, %zu in the model; run: cir "
                      "check %s",
                      writer->place.index, encoder->name, own_out->dim, encoder->dim, writer->place.index);
    return status;
}

/* Two numbers of one model would write to one file. */
static cir_status refuse_twice(const char *index_path, const cir__encoders *encoders, cir_error *err)
{
    for (size_t i = 1; i < encoders->n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(encoders->items[i].fingerprint, encoders->items[j].fingerprint) == 0)
                return cir__fail(err, CIR_ARGUMENT, "%s: model %s is named twice (%s, %s); name each once",
                                 index_path, encoders->items[i].name, encoders->items[j].path,
                                 encoders->items[i].path);
    return CIR_OK;
}

static cir_status choose_models(cir__writer *writer, const cir__encoders *encoders, cir_error *err)
{
    cir_status status = cir__catalogue_list_models(writer->store, &writer->models, &writer->n_models, err);
    for (size_t i = 0; status == CIR_OK && i < encoders->n; i++)
        status = choose_model(writer, &encoders->items[i], &writer->owns[i], err);
    return status;
}

static cir_status open_model(const cir__writer *writer, const char *key, cir__folder **folder_out,
                             cir_error *err)
{
    cir_status status = cir__layout_open_model(&writer->place, key, false, folder_out, err);
    if (status == CIR_NOT_FOUND)
        return cir__fail(err, CIR_DAMAGED,
                         "%s: the folder features/%s is missing; run: cir check --repair %s",
                         writer->place.index, key, writer->place.index);
    return status;
}

static cir_status open_features(cir__writer *writer, cir_error *err)
{
    writer->checksums = cir__new(writer->n_models, sizeof *writer->checksums);
    if (writer->checksums == NULL)
        return cir__fail_memory(err, writer->place.index);
    cir_status status = cir__image_rows_count(writer->store, &writer->n_rows, err);
    for (size_t i = 0; status == CIR_OK && i < writer->n_models; i++)
        status = cir__checksums_load(writer->store, i, writer->n_rows, NULL, &writer->checksums[i], err);
    for (size_t i = 0; status == CIR_OK && i < writer->encoders->n; i++) {
        own *one = &writer->owns[i];
        status = open_model(writer, writer->models[one->i_model].key, &one->folder, err);
        if (status == CIR_OK)
            status = cir__vectors_open(one->folder, one->dim, writer->n_rows,
                                       cir__checksums_n_needed(own_checksums(writer, i)), &one->vectors, err);
    }
    return status;
}

cir_status cir__writer_open(const char *index_path, const cir__encoders *encoders,
                            const cir_update_options *options, cir__writer **writer_out, cir_error *err)
{
    *writer_out = NULL;
    const cir_index *only = options != NULL ? options->only : NULL;
    const cir__folder *only_folder = only != NULL ? cir__index_place(only)->folder : NULL;
    cir_status status = refuse_twice(index_path, encoders, err);
    if (status == CIR_OK)
        status = only != NULL ? cir__folder_check(only_folder, err) : cir__layout_make(index_path, err);
    if (status != CIR_OK)
        return status;
    cir__writer *writer = cir__new(1, sizeof *writer);
    if (writer == NULL)
        return cir__fail_memory(err, index_path);
    writer->lock = -1;
    writer->encoders = encoders;
    for (size_t i = 0; i < encoders->n; i++)
        writer->owns[i].vectors.fd = -1;
    status = cir__place_init(&writer->place, index_path, err);
    if (status == CIR_OK && only != NULL && !cir__folder_is_same(writer->place.folder, only_folder))
        status = cir__fail(err, CIR_GONE, "%s: was replaced by another index; open it again and retry",
                           writer->place.index);
    if (status == CIR_OK && (options == NULL || !options->is_trusted))
        status = cir__consent_check_owner(writer->place.folder, err);
    if (status == CIR_OK)
        status = cir__lock_take(writer->place.folder, &writer->lock, err);
    if (status == CIR_OK)
        status = cir__catalogue_open(&writer->place, CIR__CATALOGUE_CREATE, &writer->store, err);
    if (status == CIR_OK)
        status = choose_models(writer, encoders, err);
    if (status == CIR_OK)
        status = open_features(writer, err);
    if (status != CIR_OK) {
        cir__writer_close(writer);
        return status;
    }
    *writer_out = writer;
    return CIR_OK;
}

void cir__writer_close(cir__writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->has_begun)
        cir__store_rollback(writer->store);
    for (size_t i = 0; i < writer->encoders->n; i++) {
        own *one = &writer->owns[i];
        if (writer->has_begun && !writer->is_doubtful)
            cir__vectors_rollback(&one->vectors);
        cir__vectors_close(&one->vectors);
        cir__folder_close(one->folder);
        free(one->later.items);
        free(one->later.rows);
    }
    for (size_t i = 0; writer->checksums != NULL && i < writer->n_models; i++)
        cir__checksums_done(&writer->checksums[i]);
    free(writer->checksums);
    cir__catalogue_free_models(writer->models, writer->n_models);
    cir__store_close(writer->store);
    if (writer->lock >= 0)
        close(writer->lock);
    cir__place_done(&writer->place);
    free(writer);
}

cir__store *cir__writer_store(cir__writer *writer)
{
    return writer->store;
}

const cir__place *cir__writer_place(const cir__writer *writer)
{
    return &writer->place;
}

size_t cir__writer_n_rows(const cir__writer *writer)
{
    return writer->n_rows;
}

size_t cir__writer_add_row(cir__writer *writer)
{
    return writer->n_rows++;
}

cir_status cir__writer_begin(cir__writer *writer, cir_error *err)
{
    if (writer->has_begun)
        return CIR_OK;
    cir_status status = cir__store_begin(writer->store, true, err);
    writer->has_begun = status == CIR_OK;
    return status;
}

bool cir__writer_has_begun(const cir__writer *writer)
{
    return writer->has_begun;
}

cir__encoder_set cir__writer_get_features(const cir__writer *writer, size_t id)
{
    cir__encoder_set set = 0;
    for (size_t i = 0; i < writer->encoders->n; i++)
        if (cir__checksums_get(own_checksums(writer, i), id) != 0)
            set |= (cir__encoder_set)1 << i;
    return set;
}

bool cir__writer_has_any_feature(const cir__writer *writer, size_t id)
{
    for (size_t m = 0; m < writer->n_models; m++)
        if (cir__checksums_get(&writer->checksums[m], id) != 0)
            return true;
    return false;
}

cir_status cir__writer_get_feature(const cir__writer *writer, size_t i, size_t id, uint16_t *row_out,
                                   bool *is_sound_out, cir_error *err)
{
    const own *one = &writer->owns[i];
    *is_sound_out = false;
    uint64_t sum = cir__checksums_get(own_checksums(writer, i), id);
    if (sum == 0)
        return CIR_OK;
    cir_status status = cir__vectors_read(&one->vectors, id, row_out, err);
    if (status == CIR_OK)
        *is_sound_out = cir__vectors_checksum(row_out, one->dim) == sum;
    return status;
}

/* Puts a row aside, or replaces what was put aside for it; row NULL means zeros. false: memory. */
static bool put_aside(own *one, size_t id, const uint16_t *row)
{
    overwrites *later = &one->later;
    size_t dim = one->dim;
    size_t i = 0;
    while (i < later->n && later->items[i].id != id)
        i++;
    if (!cir__grow((void **)&later->items, &later->items_capacity, i + 1, sizeof *later->items) ||
        !cir__grow((void **)&later->rows, &later->rows_capacity, i + 1, dim * sizeof *row))
        return false;
    later->items[i].id = id;
    later->items[i].has_feature = row != NULL;
    if (row != NULL)
        memcpy(later->rows + i * dim, row, dim * sizeof *row);
    else
        memset(later->rows + i * dim, 0, dim * sizeof *row);
    later->n = i == later->n ? i + 1 : later->n;
    return true;
}

static bool is_put_aside(const own *one, size_t id)
{
    for (size_t i = 0; i < one->later.n; i++)
        if (one->later.items[i].id == id)
            return true;
    return false;
}

cir_status cir__writer_put_feature(cir__writer *writer, size_t i, size_t id, const uint16_t *row,
                                   cir_error *err)
{
    own *one = &writer->owns[i];
    cir__checksums *checksums = own_checksums(writer, i);
    if (cir__checksums_get(checksums, id) != 0 || is_put_aside(one, id))
        return cir__checksums_set(checksums, id, 0) && put_aside(one, id, row)
                   ? CIR_OK
                   : cir__fail_memory(err, writer->place.index);
    if (!cir__checksums_set(checksums, id, cir__vectors_checksum(row, one->dim)))
        return cir__fail_memory(err, writer->place.index);
    return cir__vectors_write(&one->vectors, id, row, err);
}

cir_status cir__writer_clear_features(cir__writer *writer, size_t id, cir_error *err)
{
    bool is_fine = true;
    for (size_t i = 0; is_fine && i < writer->encoders->n; i++)
        is_fine =
            cir__checksums_get(own_checksums(writer, i), id) == 0 || put_aside(&writer->owns[i], id, NULL);
    for (size_t i = 0; is_fine && i < writer->n_models; i++)
        is_fine = cir__checksums_set(&writer->checksums[i], id, 0);
    return is_fine ? CIR_OK : cir__fail_memory(err, writer->place.index);
}

static cir_status commit_catalogue(cir__writer *writer, cir_error *err)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; status == CIR_OK && i < writer->n_models; i++)
        status = cir__checksums_store(&writer->checksums[i], writer->store, err);
    if (status == CIR_OK)
        status = cir__catalogue_raise_revision(writer->store, err);
    if (status != CIR_OK)
        return status;
    /* A failing commit may yet be there after the next start: what it tells of must then be there too. */
    writer->is_doubtful = true;
    status = cir__store_commit(writer->store, err);
    if (status == CIR_OK)
        writer->has_begun = writer->is_doubtful = false;
    return status;
}

/* Writes what was put aside of one model; sets *has_features_out where some of it is a feature. */
static cir_status write_later(cir__writer *writer, size_t i_own, bool *has_features_out, cir_error *err)
{
    own *one = &writer->owns[i_own];
    overwrites *later = &one->later;
    size_t dim = one->dim;
    bool has_features = false;
    cir_status status = CIR_OK;
    for (size_t i = 0; status == CIR_OK && i < later->n; i++) {
        const uint16_t *row = later->rows + i * dim;
        status = cir__vectors_write(&one->vectors, later->items[i].id, row, err);
        if (status != CIR_OK || !later->items[i].has_feature)
            continue;
        has_features = true;
        if (!cir__checksums_set(own_checksums(writer, i_own), later->items[i].id,
                                cir__vectors_checksum(row, dim)))
            status = cir__fail_memory(err, writer->place.index);
    }
    later->n = 0;
    if (status == CIR_OK && has_features) {
        *has_features_out = true;
        status = cir__vectors_sync(&one->vectors, err);
    }
    return status;
}

cir_status cir__writer_commit(cir__writer *writer, cir_error *err)
{
    if (!writer->has_begun)
        return CIR_OK;
    cir_status status = CIR_OK;
    for (size_t i = 0; status == CIR_OK && i < writer->encoders->n; i++)
        status = cir__vectors_commit(&writer->owns[i].vectors, writer->n_rows, err);
    if (status == CIR_OK)
        status = commit_catalogue(writer, err);
    if (status != CIR_OK)
        return status;
    bool has_features = false;
    for (size_t i = 0; status == CIR_OK && i < writer->encoders->n; i++) {
        writer->owns[i].vectors.n_rows = writer->n_rows;
        status = write_later(writer, i, &has_features, err);
    }
    if (status != CIR_OK || !has_features)
        return status;
    status = cir__writer_begin(writer, err);
    return status == CIR_OK ? commit_catalogue(writer, err) : status;
}

cir_status cir__writer_update_codes(cir__writer *writer, size_t i, size_t min_coded, cir_pool *pool,
                                    cir__codes_watch *watch, void *watch_context, cir_error *err)
{
    const cir_index_model *model = &writer->models[writer->owns[i].i_model];
    const cir__codes_job job = {.folder = writer->owns[i].folder,
                                .model = model,
                                .checksums = own_checksums(writer, i),
                                .n_rows = writer->n_rows,
                                .min_rows = min_coded,
                                .pool = pool,
                                .watch = watch,
                                .watch_context = watch_context};
    return cir__codes_update(&job, err);
}
