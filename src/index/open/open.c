/* An index opened for reading: one view of the catalogue, taken in one transaction, and the vectors
 * mapped. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/memory.h"
#include "cir/index.h"
#include "index/open/derived.h"
#include "index/open/opened.h"
#include "index/store/catalogue.h"
#include "index/store/checksums.h"
#include "index/store/image_rows.h"
#include "index/store/layout.h"

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

static void visit_state(void *context, size_t id, cir__row_state state)
{
    cir_index *index = context;
    if (id >= index->info.n_rows)
        return;
    /* An image that failed with one model may have a feature of another. */
    if (state != CIR__ROW_FAILED) {
        index->ready[id] = 0;
        index->states[id] = state == CIR__ROW_VANISHED ? CIR_IMAGE_VANISHED : CIR_IMAGE_FORGOTTEN;
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
            "%s: holds no features: creating it was interrupted; continue with: cir index FOLDER -o %s",
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

static cir_status open_folder(cir_index *index, cir_error *err)
{
    const char *path = index->info.path;
    const char *key = index->info.model->key;
    cir_status status = cir__layout_open_model(&index->place, key, false, &index->folder, err);
    return status == CIR_NOT_FOUND
               ? cir__fail(err, CIR_DAMAGED,
                           "%s: the folder features/%s is missing; run: cir check --repair %s", path, key,
                           path)
               : status;
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
        status = cir__catalogue_get_revision(store, &info->revision, &info->state, err);
    if (status == CIR_OK)
        status = cir__image_rows_count(store, &info->n_rows, err);
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
        status = cir__image_rows_list_states(store, visit_state, index, err);
    if (status == CIR_OK)
        status = open_folder(index, err);
    if (status == CIR_OK)
        status = open_codes(index, i_model, err);
done:
    cir__store_rollback(store);
    return status;
}

static size_t count_state(const cir_index *index, cir_image_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < index->info.n_rows; i++)
        n += index->states[i] == state ? 1 : 0;
    return n;
}

static void count_states(cir_index *index)
{
    index->info.n_ready = count_state(index, CIR_IMAGE_READY);
    index->info.n_failed = count_state(index, CIR_IMAGE_FAILED);
    index->info.n_vanished = count_state(index, CIR_IMAGE_VANISHED);
    index->info.n_pending = count_state(index, CIR_IMAGE_PENDING);
    index->info.n_forgotten = count_state(index, CIR_IMAGE_FORGOTTEN);
}

static cir_status map_vectors(cir_index *index, cir_error *err)
{
    return cir__vectors_map_open(index->folder, index->info.model->dim, index->info.n_rows, index->n_needed,
                                 &index->map, err);
}

cir_status cir_index_open(const char *path, const cir_index_options *options, cir_index **index_out,
                          cir_error *err)
{
    cir__error_clear(err);
    *index_out = NULL;
    cir_index_options own;
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_index_options", err);
    if (status != CIR_OK)
        return status;
    struct stat facts;
    if (stat(path, &facts) != 0 && errno == ENOENT)
        return cir__fail(err, CIR_NOT_FOUND, "%s: there is no index; make one with: cir index FOLDER -o %s",
                         path, path);
    cir_index *index = cir__new(1, sizeof *index);
    if (index == NULL)
        return cir__fail_memory(err, path);
    pthread_mutex_init(&index->lock, NULL);
    index->codes.codes.vectors_fd = -1;
    status = cir__place_init(&index->place, path, err);
    index->is_trusted = own.is_trusted;
    if (status == CIR_OK && !index->is_trusted)
        status = cir__consent_check_owner(index->place.folder, err);
    if (status == CIR_OK) {
        index->info.path = index->place.index;
        status = cir__catalogue_open(&index->place, CIR__CATALOGUE_READ, &index->store, err);
    }
    if (status == CIR_OK)
        status = cir__consent_read(index->store, &index->consent, err);
    if (status == CIR_OK)
        status = read_catalogue(index, own.model_fingerprint, err);
    if (status == CIR_OK) {
        count_states(index);
        index->info.size_bytes = cir__layout_size(&index->place);
        status = map_vectors(index, err);
        index->info.folder = cir__folder_name(index->folder);
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
    cir__consent_done(&index->consent);
    cir__store_close(index->store);
    cir__catalogue_free_models(index->models, index->info.n_models);
    cir__place_done(&index->place);
    pthread_mutex_destroy(&index->lock);
    free(index->ready);
    free(index->states);
    cir__folder_close(index->folder);
    free(index->codes_problem);
    free(index);
}

const cir_index_info *cir_index_get_info(const cir_index *index)
{
    return &index->info;
}

cir_rows cir_index_get_rows(const cir_index *index)
{
    return (cir_rows){.n_rows = index->info.n_rows,
                      .dim = index->info.model->dim,
                      .f16 = index->map.rows,
                      .ready = index->ready,
                      .codes = index->codes.coder != NULL ? &index->codes.codes : NULL};
}

const cir__folder *cir__index_folder(const cir_index *index)
{
    return index->folder;
}

const cir__place *cir__index_place(const cir_index *index)
{
    return &index->place;
}
