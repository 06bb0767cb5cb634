#include "retrieval/collection_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/memory.h"
#include "shared/clock.h"

enum { MAX_COMPOSERS = 8, MAX_TEXTS = 512, MAX_MASKS = 16, MASK_BYTES = 32 << 20 };

/* ---- opening ---- */

void cir_collection_options_init(cir_collection_options *options, size_t size)
{
    const cir_collection_options usual = {0};
    cir__growable_init(options, size, &usual, sizeof usual);
}

static void shared_drop(cir__shared *self)
{
    if (self == NULL || atomic_fetch_sub(&self->n_owners, 1) != 1)
        return;
    cir__lru_done(&self->texts);
    cir_model_close(self->own_model);
    cir_pool_free(self->own_pool);
    free(self->path);
    free(self);
}

static cir_status shared_new(const char *path, const cir_collection_options *options,
                             cir__shared **shared_out, cir_error *err)
{
    cir__shared *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, "a collection");
    atomic_init(&self->n_owners, 1);
    *shared_out = self;
    self->options = *options;
    self->model = options->model;
    self->pool = options->pool;
    self->path = cir__copy_text(path);
    if (self->path == NULL || !cir__lru_init(&self->texts, MAX_TEXTS, free))
        return cir__fail_memory(err, "a collection");
    if (self->pool != NULL)
        return CIR_OK;
    const cir_status status = cir_pool_new(0, &self->own_pool, err);
    self->pool = self->own_pool;
    return status;
}

static void composer_free(void *composer)
{
    cir_composer_free(composer);
}

void cir_collection_close(cir_collection *self)
{
    if (self == NULL)
        return;
    cir__lru_done(&self->composers);
    cir__lru_done(&self->masks);
    cir__columns_free(atomic_load(&self->columns));
    cir_index_close(self->index);
    pthread_mutex_destroy(&self->preparing);
    pthread_mutex_destroy(&self->loading);
    shared_drop(self->common);
    free(self);
}

/* Opens the index with the features of a model, or the first's for NULL. */
static cir_status open_index(cir_collection *self, const cir_model *model, cir_error *err)
{
    const cir_index_options how = {.size = sizeof how,
                                   .model_fingerprint =
                                       model != NULL ? cir_model_get_info(model)->fingerprint : NULL,
                                   .is_trusted = self->common->options.is_trusted};
    const double begin = cir__clock_ms();
    cir_index_close(self->index);
    self->index = NULL;
    const cir_status status = cir_index_open(self->common->path, &how, &self->index, err);
    self->info.open_index_ms += cir__clock_ms() - begin;
    return status;
}

static bool is_synthetic(const cir_index_info *info)
{
    for (size_t i = 0; i < info->n_models; i++)
        if (!info->models[i].is_synthetic)
            return false;
    return true;
}

/* The model that the index is asked about first, and the index' features of it. */
static cir_status open_model(cir_collection *self, cir_error *err)
{
    cir__shared *common = self->common;
    const cir_collection_options *options = &common->options;
    const cir_index_info *info = cir_index_get_info(self->index);
    const cir_model_options how = {.size = sizeof how, .precision = options->precision};
    const double begin = cir__clock_ms();

    if (is_synthetic(info))
        return cir__fail(
            err, CIR_MISMATCH,
            "%s: its features are synthetic (cir bench make-index), and no model encodes like them; "
            "cir info and cir check work on it, and script/bench scale measures searches",
            info->path);
    const char *path = options->model_path != NULL ? options->model_path : info->model->path;
    const cir_status status =
        options->open_model != NULL
            ? options->open_model(options->open_model_context, path, &how, &common->own_model, err)
            : cir_model_open(path, &how, &common->own_model, err);
    common->model = common->own_model;
    self->info.open_model_ms = cir__clock_ms() - begin;
    if (status != CIR_OK ||
        strcmp(cir_model_get_info(common->model)->fingerprint, info->model->fingerprint) == 0)
        return status;
    return open_index(self, common->model, err);
}

/* Takes common over. */
static cir_status open_with(cir__shared *common, cir_collection **collection_out, cir_error *err)
{
    cir_collection *self = cir__new(1, sizeof *self);
    if (self == NULL) {
        shared_drop(common);
        return cir__fail_memory(err, "a collection");
    }
    self->common = common;
    pthread_mutex_init(&self->preparing, NULL);
    pthread_mutex_init(&self->loading, NULL);
    cir_status status = open_index(self, common->model, err);
    if (status == CIR_OK && common->model == NULL)
        status = open_model(self, err);
    if (status == CIR_OK) {
        self->info.index = self->index;
        self->info.model = common->model;
        self->info.pool = common->pool;
        const size_t n_rows = cir_index_get_info(self->index)->n_rows;
        const size_t n_masks = MASK_BYTES / (n_rows + 1);
        const size_t most = n_masks < MAX_MASKS ? n_masks : MAX_MASKS;
        if (!cir__lru_init(&self->composers, MAX_COMPOSERS, composer_free) ||
            !cir__lru_init(&self->masks, most > 0 ? most : 1, cir__mask_free))
            status = cir__fail_memory(err, "a collection");
    }
    if (status != CIR_OK) {
        cir_collection_close(self);
        return status;
    }
    *collection_out = self;
    return CIR_OK;
}

cir_status cir_collection_open(const char *path, const cir_collection_options *options,
                               cir_collection **collection_out, cir_error *err)
{
    cir_collection_options own = {0};
    cir__shared *common = NULL;
    cir_status status = CIR_OK;

    cir__error_clear(err);
    *collection_out = NULL;
    if (options != NULL)
        status = cir__growable_read(options, &own, sizeof own, "cir_collection_options", err);
    if (status == CIR_OK)
        status = shared_new(path, &own, &common, err);
    if (status != CIR_OK) {
        shared_drop(common);
        return status;
    }
    return open_with(common, collection_out, err);
}

cir_status cir_collection_reopen(cir_collection *collection, cir_collection **collection_out, cir_error *err)
{
    cir__error_clear(err);
    *collection_out = NULL;
    atomic_fetch_add(&collection->common->n_owners, 1);
    return open_with(collection->common, collection_out, err);
}

const cir_collection_info *cir_collection_get_info(const cir_collection *collection)
{
    return &collection->info;
}
