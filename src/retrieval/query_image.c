#include "retrieval/query_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/memory.h"

bool cir__query_image_is_there(const cir_search_request *request)
{
    return request->image_path != NULL || request->image_bytes != NULL || request->image_id != CIR_NO_ID ||
           request->image_feature != NULL;
}

bool cir__query_image_is_part(const cir_search_request *request)
{
    return request->image_region.width > 0;
}

/* In place: rows only move towards the front. */
static void crop(const cir_region *part, cir_image *image)
{
    size_t x = (size_t)(part->x * (double)image->width_px);
    size_t y = (size_t)(part->y * (double)image->height_px);
    size_t width = (size_t)(part->width * (double)image->width_px + 0.5);
    size_t height = (size_t)(part->height * (double)image->height_px + 0.5);
    x = x < image->width_px ? x : image->width_px - 1;
    y = y < image->height_px ? y : image->height_px - 1;
    width = width < 1 ? 1 : width > image->width_px - x ? image->width_px - x : width;
    height = height < 1 ? 1 : height > image->height_px - y ? image->height_px - y : height;
    uint8_t *rgb = image->rgb;
    for (size_t row = 0; row < height; row++)
        memmove(rgb + row * width * 3, rgb + ((y + row) * image->width_px + x) * 3, width * 3);
    image->width_px = width;
    image->height_px = height;
}

static cir_status read_indexed(const cir_index *index, const cir_image_record *record,
                               const cir_image_options *options, cir_image *image_out, cir_error *err)
{
    uint8_t *bytes;
    size_t size;
    cir_status status = cir_index_read_photo(index, record, &bytes, &size, err);
    if (status == CIR_OK)
        status = cir_image_parse(bytes, size, record->path, options, image_out, NULL, err);
    cir_bytes_free(bytes);
    return status;
}

static cir_status read_image(const cir_collection_info *collection, const cir_search_request *request,
                             const cir_image_record *record, cir_image *image_out, cir_error *err)
{
    cir_image_options options = {.size = sizeof options, .allow_shrinking = true};
    cir_status status = CIR_OK;

    if (request->image_options != NULL)
        status =
            cir__growable_read(request->image_options, &options, sizeof options, "cir_image_options", err);
    options.count_until_done = true;
    /* A part is cut from the whole, as it is. */
    if (status == CIR_OK && !cir__query_image_is_part(request))
        status = cir_model_get_image_options(collection->model, &options, &options, err);
    if (status != CIR_OK)
        return status;
    if (request->image_id != CIR_NO_ID) {
        options.max_megapixels = 0; /* it was read before */
        return read_indexed(collection->index, record, &options, image_out, err);
    }
    if (request->image_path != NULL)
        return cir_image_read(request->image_path, &options, image_out, NULL, err);
    const char *name = request->image_name != NULL ? request->image_name : "the picture that was given";
    return cir_image_parse(request->image_bytes, request->image_size_bytes, name, &options, image_out, NULL,
                           err);
}

/* Ends the picture before the model is waited for: until then others may wait for its memory. */
static cir_status encode(const cir_collection_info *collection, cir_image *image, float *feature_out,
                         cir_error *err)
{
    const cir_model_info *model = cir_model_get_info(collection->model);
    float *tensor = cir__new(3 * model->image_px * model->image_px, sizeof *tensor);
    cir_status status = tensor != NULL ? CIR_OK : cir__fail_memory(err, "a picture");

    if (status == CIR_OK)
        status = cir_model_preprocess(collection->model, image, tensor, err);
    cir_image_done(image);
    if (status == CIR_OK)
        status = cir_model_encode_tensors(collection->model, collection->pool, tensor, 1, feature_out, err);
    free(tensor);
    return status;
}

cir_status cir__query_image_encode(const cir_collection_info *collection, const cir_search_request *request,
                                   const cir_image_record *record, float *feature_out, cir_error *err)
{
    cir_image image = {0};

    if (request->image_feature != NULL) {
        memcpy(feature_out, request->image_feature,
               cir_model_get_info(collection->model)->dim * sizeof *feature_out);
        return CIR_OK;
    }
    if (request->image_id != CIR_NO_ID && !cir__query_image_is_part(request))
        return cir_index_get_feature(collection->index, request->image_id, feature_out, err);
    cir_status status = read_image(collection, request, record, &image, err);
    if (status != CIR_OK)
        return status;
    if (cir__query_image_is_part(request))
        crop(&request->image_region, &image);
    return encode(collection, &image, feature_out, err);
}
