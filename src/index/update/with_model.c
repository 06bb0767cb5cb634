/* The public updates: the encoders of cir_models. */
#include "base/error.h"
#include "base/growable.h"
#include "cir/index.h"
#include "index/update/encoder.h"
#include "index/update/update.h"
#include "model/model_internal.h"

/* Every model takes what one decoding gives. */
static cir_status read_picture(const void *context, const void *bytes, size_t size_bytes, const char *name,
                               const cir_image_options *options, cir_image *image_out,
                               cir_image_facts *facts_out, cir_error *err)
{
    (void)context;
    return cir_image_parse(bytes, size_bytes, name, options, image_out, facts_out, err);
}

static cir_status prepare(const void *context, const cir_image *image, float *tensor_out, cir_error *err)
{
    return cir_model_preprocess(context, image, tensor_out, err);
}

static cir_status encode(const void *context, cir_pool *pool, const float *tensors, size_t n,
                         float *features_out, cir_error *err)
{
    return cir_model_encode_tensors(context, pool, tensors, n, features_out, err);
}

static cir__encoder encoder_of_model(const cir_model *model)
{
    const cir_model_info *info = cir_model_get_info(model);
    return (cir__encoder){.name = info->name,
                          .path = info->path,
                          .fingerprint = info->fingerprint,
                          .dim = info->dim,
                          .tensor_floats = 3 * info->image_px * info->image_px,
                          .context = model,
                          .prepare = prepare,
                          .encode = encode};
}

cir_status cir_index_update(const char *index_path, const char *const *paths, size_t n_paths,
                            const cir_model *const *models, size_t n_models, cir_pool *pool,
                            const cir_update_options *options, cir_update_progress *progress_out,
                            cir_error *err)
{
    cir__encoder items[CIR__MAX_ENCODERS];
    cir__error_clear(err);
    if (progress_out != NULL)
        *progress_out = (cir_update_progress){0};
    if (n_models == 0 || n_models > CIR__MAX_ENCODERS)
        return cir__fail(err, CIR_ARGUMENT, "%s: %zu models are named; name 1 to %d", index_path, n_models,
                         CIR__MAX_ENCODERS);
    for (size_t i = 0; i < n_models; i++)
        items[i] = encoder_of_model(models[i]);
    cir_update_options own;
    cir_image_options image;
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_update_options", err);
    if (status == CIR_OK)
        status = cir__options_read(own.image, &image, sizeof image, "cir_image_options", err);
    if (status != CIR_OK)
        return status;
    image = cir__model_fit_reading(models, n_models, &image);
    image.count_until_done = true;
    own.image = &image;
    const cir__encoders encoders = {.items = items, .n = n_models, .read = read_picture};
    return cir__index_update(index_path, paths, n_paths, &encoders, pool, &own, 0, progress_out, err);
}
