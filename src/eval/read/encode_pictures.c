#include "eval/read/encode_pictures.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "cir/image.h"

/* Pictures decoded and encoded together: enough that no thread waits long for the last one. */
#define GROUP 32
#define MAX_FILE_BYTES ((size_t)1 << 32)

/* What became of one picture of a group. */
typedef struct outcome {
    cir_status status;
    bool is_found; /* in the cache, by its bytes */
    bool has_place;
    cir__picture_place place;
    uint8_t hash[16];
    cir_error error;
} outcome;

typedef struct encoding {
    const cir_model *model;
    size_t dim, tensor_items;
    const cir_image_options *reading;
    const cir__picture *pictures;
    const size_t *wanted; /* numbers of the group's pictures */
    cir__feature_cache *cache;
    pthread_mutex_t lock; /* of the cache */
    float *features;      /* of all pictures */
    float *tensors;       /* [GROUP, 3, image_px, image_px] */
    outcome *outcomes;    /* [GROUP] */
} encoding;

/* The picture's feature by its bytes from the cache, or its tensor. */
static cir_status take(encoding *all, size_t i_task, const uint8_t *bytes, size_t size)
{
    const size_t number = all->wanted[i_task];
    outcome *const out = &all->outcomes[i_task];
    cir_image_options options =
        all->reading != NULL ? *all->reading : (cir_image_options){.size = sizeof(cir_image_options)};
    cir_image image;

    if (all->cache != NULL) {
        cir__hash128(bytes, size, out->hash);
        pthread_mutex_lock(&all->lock);
        out->is_found = cir__feature_cache_find_content(
            all->cache, out->hash, out->has_place ? &out->place : NULL, all->features + number * all->dim);
        pthread_mutex_unlock(&all->lock);
        if (out->is_found)
            return CIR_OK;
    }
    options.count_until_done = true;
    cir_status status =
        cir_image_parse(bytes, size, all->pictures[number].name, &options, &image, NULL, &out->error);
    if (status != CIR_OK)
        return status;
    status = cir_model_preprocess(all->model, &image, all->tensors + i_task * all->tensor_items, &out->error);
    cir_image_done(&image);
    return status;
}

static void decode_task(void *context, size_t i_task, size_t i_thread)
{
    encoding *const all = context;
    const cir__picture *const picture = &all->pictures[all->wanted[i_task]];
    outcome *const out = &all->outcomes[i_task];
    uint8_t *bytes;
    size_t size;

    (void)i_thread;
    out->is_found = false;
    /* Asked before the bytes are read: if they change meanwhile, the place will not fit any more. */
    out->has_place =
        all->cache != NULL && cir__picture_place_find(picture->path, picture->offset, &out->place);
    if (picture->bytes != NULL) {
        out->status = take(all, i_task, picture->bytes, picture->size);
        if (cir__mapped_check(picture->bytes, &out->error) != CIR_OK)
            out->status = out->error.status;
        return;
    }
    out->status = cir__file_read(picture->path, MAX_FILE_BYTES, &bytes, &size, &out->error);
    if (out->status != CIR_OK)
        return;
    out->status = take(all, i_task, bytes, size);
    free(bytes);
}

/* The first failure of a group of n, by the order of the pictures. */
static cir_status first_failure(const encoding *all, size_t n, cir_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (all->outcomes[i].status != CIR_OK) {
            if (err != NULL)
                *err = all->outcomes[i].error;
            return all->outcomes[i].status;
        }
    return CIR_OK;
}

/* Encodes those of a decoded group that the cache lacks, and puts them there. */
static cir_status group_encode(encoding *all, size_t n, cir_pool *pool, float *scratch, cir_error *err)
{
    size_t encoded[GROUP], n_encoded = 0;

    for (size_t i = 0; i < n; i++) {
        if (all->outcomes[i].is_found)
            continue;
        if (n_encoded < i)
            memcpy(all->tensors + n_encoded * all->tensor_items, all->tensors + i * all->tensor_items,
                   all->tensor_items * sizeof *all->tensors);
        encoded[n_encoded++] = i;
    }
    if (n_encoded == 0)
        return CIR_OK;
    const cir_status status =
        cir_model_encode_tensors(all->model, pool, all->tensors, n_encoded, scratch, err);
    for (size_t i = 0; i < n_encoded && status == CIR_OK; i++) {
        const outcome *const out = &all->outcomes[encoded[i]];
        memcpy(all->features + all->wanted[encoded[i]] * all->dim, scratch + i * all->dim,
               all->dim * sizeof *scratch);
        if (all->cache != NULL)
            cir__feature_cache_put(all->cache, out->hash, out->has_place ? &out->place : NULL,
                                   scratch + i * all->dim);
    }
    return status;
}

/* The pictures that the cache does not know by their place; returns how many. */
static size_t find_wanted(const cir__picture *pictures, size_t n, cir__feature_cache *cache, size_t dim,
                          float *features, size_t *wanted_out)
{
    size_t n_wanted = 0;

    for (size_t i = 0; i < n; i++) {
        cir__picture_place place;
        if (cache == NULL || !cir__picture_place_find(pictures[i].path, pictures[i].offset, &place) ||
            !cir__feature_cache_find(cache, &place, features + i * dim))
            wanted_out[n_wanted++] = i;
    }
    return n_wanted;
}

cir_status cir__encode_pictures(const cir_model *model, cir_pool *pool, const cir_image_options *reading,
                                const cir__picture *pictures, size_t n, cir__feature_cache *cache,
                                float *features_out, cir_encode_watch_fn *watch, void *context,
                                cir_error *err)
{
    const cir_model_info *const info = cir_model_get_info(model);
    cir_image_options fitted = {.size = sizeof fitted};
    cir_status status = cir_model_get_image_options(model, reading, &fitted, err);
    if (status != CIR_OK)
        return status;
    encoding all = {.model = model,
                    .dim = info->dim,
                    .tensor_items = 3 * info->image_px * info->image_px,
                    .reading = &fitted,
                    .pictures = pictures,
                    .cache = cache,
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .features = features_out};
    size_t *const wanted = cir__new(n, sizeof *wanted);
    float *const scratch = cir__new(GROUP, info->dim * sizeof *scratch);

    all.outcomes = cir__new(GROUP, sizeof *all.outcomes);
    all.tensors = cir__new_unset(GROUP, all.tensor_items * sizeof *all.tensors);
    if (wanted == NULL || scratch == NULL || all.outcomes == NULL || all.tensors == NULL) {
        status = cir__fail_memory(err, "pictures");
        goto exit;
    }
    const size_t n_wanted = find_wanted(pictures, n, cache, info->dim, features_out, wanted);
    /* Decoding and encoding take turns, each on all threads: neither leaves one idle for long. */
    for (size_t i = 0; i < n_wanted && status == CIR_OK; i += GROUP) {
        const size_t n_group = n_wanted - i < GROUP ? n_wanted - i : GROUP;
        all.wanted = wanted + i;
        cir__pool_run(pool, n_group, decode_task, &all);
        if (cache != NULL)
            cir__feature_cache_commit(cache); /* encoding takes long, and another run may want to write */
        status = first_failure(&all, n_group, err);
        if (status == CIR_OK)
            status = group_encode(&all, n_group, pool, scratch, err);
        if (cache != NULL)
            cir__feature_cache_commit(cache);
        if (status == CIR_OK && watch != NULL && !watch(context, i + n_group, n_wanted))
            status =
                cir__fail(err, CIR_INTERRUPTED, "encoding: stopped after %zu of %zu pictures%s", i + n_group,
                          n_wanted, cache != NULL ? "; the next run continues from there" : "");
    }
exit:
    free(wanted);
    free(scratch);
    free(all.outcomes);
    free(all.tensors);
    return status;
}
