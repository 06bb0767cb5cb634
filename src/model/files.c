/* Picture files to features, and features to a file. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "cir/model.h"
#include "format/npy.h"
#include "model/model_internal.h"
#include "shared/destination.h"

/* Pictures decoded and encoded together: enough that no thread waits long for the last one. */
#define GROUP 32

/* A group of files being decoded by a pool's threads. */
typedef struct decoding {
    const cir_model *model;
    const char *const *paths;
    const cir_image_options *options;
    size_t tensor_items;
    float *tensors;       /* [GROUP, 3, image_px, image_px] */
    cir_status *statuses; /* [GROUP] */
    cir_error *errors;    /* [GROUP] */
} decoding;

static void decode_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    decoding *all = context;
    cir_image image;
    cir_error *err = &all->errors[i_task];
    cir_status status = cir_image_read(all->paths[i_task], all->options, &image, NULL, err);
    if (status == CIR_OK) {
        status = cir_model_preprocess(all->model, &image, all->tensors + i_task * all->tensor_items, err);
        cir_image_done(&image);
    }
    all->statuses[i_task] = status;
}

/* The first failure of a group of n, by the order of the files. */
static cir_status first_failure(const decoding *all, size_t n, cir_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (all->statuses[i] != CIR_OK) {
            if (err != NULL)
                *err = all->errors[i];
            return all->statuses[i];
        }
    return CIR_OK;
}

cir_status cir_model_encode_files(const cir_model *model, cir_pool *pool, const char *const *paths, size_t n,
                                  const cir_image_options *options, float *features_out,
                                  cir_encode_watch_fn *watch, void *context, cir_error *err)
{
    cir__error_clear(err);
    const cir_model_info *info = cir_model_get_info(model);
    size_t tensor_items = 3 * info->image_px * info->image_px;
    size_t group = n < GROUP ? n : GROUP;
    cir_image_options own;
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_image_options", err);
    if (status != CIR_OK)
        return status;
    cir_image_options reading = cir__model_fit_reading(&model, 1, &own);
    reading.count_until_done = true;
    decoding all = {.model = model,
                    .options = &reading,
                    .tensor_items = tensor_items,
                    .tensors = cir__new_unset(group, tensor_items * sizeof(float)),
                    .statuses = cir__new(group, sizeof(cir_status)),
                    .errors = cir__new(group, sizeof(cir_error))};
    if (all.tensors == NULL || all.statuses == NULL || all.errors == NULL)
        status = cir__fail_memory(err, "pictures");
    /* Decoding and encoding take turns, each on all threads: neither leaves one idle for long. */
    for (size_t i = 0; i < n && status == CIR_OK; i += group) {
        size_t n_group = n - i < group ? n - i : group;
        all.paths = paths + i;
        cir__pool_run(pool, n_group, decode_task, &all);
        status = first_failure(&all, n_group, err);
        if (status == CIR_OK)
            status = cir_model_encode_tensors(model, pool, all.tensors, n_group, features_out + i * info->dim,
                                              err);
        if (status == CIR_OK && watch != NULL && !watch(context, i + n_group, n))
            status = cir__fail(err, CIR_INTERRUPTED, "encoding: stopped after %zu of %zu pictures",
                               i + n_group, n);
    }
    free(all.tensors);
    free(all.statuses);
    free(all.errors);
    return status;
}

typedef struct array {
    const float *features;
    size_t n, dim;
} array;

static bool fill_array(FILE *file, void *context)
{
    const array *whole = context;
    const size_t n_floats = whole->n * whole->dim;
    uint8_t header[CIR__NPY_HEADER_SIZE];
    cir__npy_format_header(CIR__NPY_F32, whole->n, whole->dim, header);
    return fwrite(header, 1, sizeof header, file) == sizeof header &&
           fwrite(whole->features, sizeof *whole->features, n_floats, file) == n_floats;
}

cir_status cir_features_write(const char *path, const float *features, size_t n, size_t dim, cir_error *err)
{
    cir__error_clear(err);
    array whole = {features, n, dim};
    return cir__destination_write(path, "the features", fill_array, &whole, err);
}
