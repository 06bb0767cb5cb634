/* The public update: the encoder of a cir_model. */
#include "base/error.h"
#include "cir/index.h"
#include "index/encoder.h"
#include "index/update.h"

static cir_status prepare(const void *context, const void *bytes, size_t size_bytes, const char *name,
                          const cir_image_options *options, float *tensor_out, cir_image_facts *facts_out,
                          cir_error *err)
{
    const cir_model *model = context;
    cir_image image;
    cir_status status = cir_image_parse(bytes, size_bytes, name, options, &image, facts_out, err);
    if (status == CIR_OK)
        status = cir_model_preprocess(model, &image, tensor_out, err);
    cir_image_done(&image);
    return status;
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
                            const cir_model *model, cir_pool *pool, const cir_update_options *options,
                            cir_update_progress *progress_out, cir_error *err)
{
    cir__error_clear(err);
    if (progress_out != NULL)
        *progress_out = (cir_update_progress){0};
    cir__encoder encoder = encoder_of_model(model);
    return cir__index_update(index_path, paths, n_paths, &encoder, pool, options, 0, progress_out, err);
}
