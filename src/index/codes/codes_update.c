#include "index/codes/codes_update.h"
#include "index/store/consent.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/growable.h"
#include "index/codes/codes_build.h"
#include "index/store/catalogue.h"
#include "index/store/checksums.h"
#include "index/store/image_rows.h"
#include "index/store/layout.h"
#include "index/store/lock.h"
#include "index/store/place.h"

typedef struct watching {
    const cir_update_options *options;
    size_t batch_blocks;
    cir_update_progress progress;
} watching;

static bool watch(void *context, size_t n_coded, size_t n_to_code)
{
    watching *self = context;
    self->progress.n_coded = n_coded;
    self->progress.n_to_code = n_to_code;
    return self->options->watch == NULL ||
           self->options->watch(self->options->watch_context, &self->progress);
}

static cir_status update_model(const cir__place *place, cir__store *store, size_t i_model,
                               const cir_index_model *model, size_t n_rows, cir_pool *pool, watching *watched,
                               cir_error *err)
{
    cir__checksums checksums = {0};
    cir__folder *folder;
    cir_status status = cir__layout_open_model(place, model->key, false, &folder, err);
    if (status == CIR_OK)
        status = cir__checksums_load(store, i_model, n_rows, NULL, &checksums, err);
    const cir__codes_job job = {.folder = folder,
                                .model = model,
                                .checksums = &checksums,
                                .n_rows = n_rows,
                                .min_rows = watched->options->min_coded,
                                .batch_blocks = watched->batch_blocks,
                                .pool = pool,
                                .watch = watch,
                                .watch_context = watched};
    if (status == CIR_OK)
        status = cir__codes_update(&job, err);
    cir__checksums_done(&checksums);
    cir__folder_close(folder);
    return status;
}

cir_status cir__index_update_codes(const char *path, cir_pool *pool, const cir_update_options *options,
                                   size_t batch_blocks, cir_error *err)
{
    static const cir_update_options no_options = {.size = sizeof no_options};
    struct stat facts;
    if (stat(path, &facts) != 0 && errno == ENOENT)
        return cir__fail(err, CIR_NOT_FOUND, "%s: there is no index; make one with: cir index FOLDER -o %s",
                         path, path);
    watching watched = {.options = options != NULL ? options : &no_options, .batch_blocks = batch_blocks};
    cir__place place;
    cir__store *store = NULL;
    cir_index_model *models = NULL;
    size_t n_models = 0;
    size_t n_rows = 0;
    int lock = -1;
    cir_status status = cir__place_init(&place, path, err);
    if (status != CIR_OK)
        return status;
    if (!watched.options->is_trusted)
        status = cir__consent_check_owner(place.folder, err);
    /* Whether it is an index at all comes before making a lock in it. */
    if (status == CIR_OK)
        status = cir__catalogue_open(&place, CIR__CATALOGUE_READ, &store, err);
    if (status == CIR_OK)
        status = cir__lock_take(place.folder, &lock, err);
    if (status == CIR_OK)
        status = cir__catalogue_list_models(store, &models, &n_models, err);
    if (status == CIR_OK)
        status = cir__image_rows_count(store, &n_rows, err);
    for (size_t i = 0; status == CIR_OK && i < n_models; i++)
        status = update_model(&place, store, i, &models[i], n_rows, pool, &watched, err);
    cir__catalogue_free_models(models, n_models);
    cir__store_close(store);
    if (lock >= 0)
        close(lock);
    cir__place_done(&place);
    return status;
}

cir_status cir_index_update_codes(const char *path, cir_pool *pool, const cir_update_options *options,
                                  cir_error *err)
{
    cir_update_options own;
    cir__error_clear(err);
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_update_options", err);
    return status == CIR_OK ? cir__index_update_codes(path, pool, &own, 0, err) : status;
}
