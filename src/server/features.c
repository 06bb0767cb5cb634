#include "server/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/fail.h"

enum { KEY_SIZE = 256 };

/* The part of a picture that was meant; the whole where it was not cropped. */
static void crop(const cir__search_request *request, cir_image *image)
{
    if (!request->has_crop)
        return;
    const cir__crop *part = &request->crop;
    size_t x = (size_t)(part->x * (double)image->width_px);
    size_t y = (size_t)(part->y * (double)image->height_px);
    size_t width = (size_t)(part->width * (double)image->width_px + 0.5);
    size_t height = (size_t)(part->height * (double)image->height_px + 0.5);
    x = x < image->width_px ? x : image->width_px - 1;
    y = y < image->height_px ? y : image->height_px - 1;
    width = width < 1 ? 1 : width > image->width_px - x ? image->width_px - x : width;
    height = height < 1 ? 1 : height > image->height_px - y ? image->height_px - y : height;
    /* In place: rows only move towards the front. */
    uint8_t *rgb = image->rgb;
    for (size_t row = 0; row < height; row++)
        memmove(rgb + row * width * 3, rgb + ((y + row) * image->width_px + x) * 3, width * 3);
    image->width_px = width;
    image->height_px = height;
}

/* Ends the picture before the model is waited for: until then others may wait for its memory. */
static cir_status encode(cir__context *context, cir_image *image, cir__blob **blob_out, cir_error *err)
{
    const cir_model_info *info = cir_model_get_info(context->model);
    float *tensor = calloc(3 * info->image_px * info->image_px, sizeof *tensor);
    cir__blob *blob = cir__blob_new(NULL, info->dim * sizeof(float));
    cir_status status = tensor != NULL && blob != NULL ? CIR_OK : cir__refuse_memory(err);
    if (status == CIR_OK)
        status = cir_model_preprocess(context->model, image, tensor, err);
    cir_image_done(image);
    if (status == CIR_OK)
        status = cir_model_encode_tensors(context->model, context->pool, tensor, 1, (float *)blob->data, err);
    free(tensor);
    if (status != CIR_OK) {
        cir__blob_drop(blob);
        return status;
    }
    *blob_out = blob;
    return CIR_OK;
}

/* Names a picture and what was cut out of it. */
static void write_key(const cir__search_request *request, int64_t modified_ns, char key_out[KEY_SIZE])
{
    const cir__crop *part = &request->crop;
    int n = request->has_id
                ? snprintf(key_out, KEY_SIZE, "photo %zu %lld", request->id, (long long)modified_ns)
                : snprintf(key_out, KEY_SIZE, "upload %s", request->upload);
    if (request->has_crop)
        (void)snprintf(key_out + n, KEY_SIZE - (size_t)n, " %.6f %.6f %.6f %.6f", part->x, part->y,
                       part->width, part->height);
}

static cir_status feature_of_row(const cir_index *index, size_t id, cir__blob **blob_out, cir_error *err)
{
    cir__blob *blob = cir__blob_new(NULL, cir_index_get_info(index)->model->dim * sizeof(float));
    if (blob == NULL)
        return cir__refuse_memory(err);
    cir_status status = cir_index_get_feature(index, id, (float *)blob->data, err);
    if (status != CIR_OK) {
        cir__blob_drop(blob);
        return status;
    }
    *blob_out = blob;
    return CIR_OK;
}

static cir_status read_picture(cir__context *context, const cir_index *index, const cir_image_record *record,
                               bool is_cropped, cir__blob *upload, cir_image *image_out, cir_error *err)
{
    cir_image_options options = {.decoder = context->decoder, .count_until_done = true};
    if (record->path != NULL) {
        uint8_t *bytes;
        size_t size;
        cir_error why;
        cir_status status = cir_index_read_photo(index, record, &bytes, &size, &why);
        /* To who asks, a photo that has changed or may not be shown is not there. */
        if (status == CIR_PERMISSION || status == CIR_MISMATCH)
            status = cir__refuse(err, CIR_NOT_FOUND, "%s", why.message);
        else if (status != CIR_OK)
            *err = why;
        else
            status = cir_image_parse(bytes, size, record->path, &options, image_out, NULL, err);
        cir_bytes_free(bytes);
        return status;
    }
    options.max_megapixels = context->max_megapixels;
    if (!is_cropped) /* a part is cut from the whole, as it is */
        options = cir_model_fit_options(context->model, &options);
    return cir_image_parse(upload->data, upload->size, "the uploaded picture", &options, image_out, NULL,
                           err);
}

cir_status cir__features_of_image(cir__context *context, const cir__snapshot *snapshot,
                                  const cir__search_request *request, cir__blob *upload, cir__blob **blob_out,
                                  cir_error *err)
{
    char key[KEY_SIZE];
    const cir_index *index = cir__snapshot_index(snapshot);
    cir_image_record record = {0};
    cir_image image = {0};
    cir_status status = CIR_OK;
    *blob_out = NULL;
    if (!request->has_id && request->upload[0] == '\0')
        return CIR_OK;
    if (request->has_id && !request->has_crop)
        return feature_of_row(index, request->id, blob_out, err);
    if (request->has_id)
        status = cir_index_get_image(index, request->id, &record, err);
    if (status != CIR_OK)
        return status;
    write_key(request, record.modified_ns, key);
    *blob_out = cir__cache_find(context->features, key);
    if (*blob_out != NULL)
        goto done;
    if (record.path == NULL && upload == NULL) {
        status = cir__refuse(err, CIR_NOT_FOUND, "upload: is no longer kept; send the picture again");
        goto done;
    }
    status = read_picture(context, index, &record, request->has_crop, upload, &image, err);
    if (status == CIR_OK) {
        crop(request, &image);
        status = encode(context, &image, blob_out, err);
    }
    if (status == CIR_OK)
        cir__cache_put(context->features, key, *blob_out);
done:
    cir_image_done(&image);
    cir_image_record_done(&record);
    return status;
}

bool cir__features_has_upload(cir__context *context, const cir__search_request *request)
{
    char key[KEY_SIZE];
    write_key(request, 0, key);
    cir__blob *kept = cir__cache_find(context->features, key);
    cir__blob_drop(kept);
    return kept != NULL;
}

/* What is kept of words: the feature, [dim] floats, and behind it how many of their texts were cut. */
cir_status cir__features_of_text(cir__context *context, const cir_composer *composer, const char *text,
                                 cir__blob **blob_out, size_t *n_cut_out, cir_error *err)
{
    *blob_out = NULL;
    *n_cut_out = 0;
    char key[CIR__MAX_QUERY_TEXT + KEY_SIZE];
    (void)snprintf(key, sizeof key, "text %s %s", cir_composer_get_text_key(composer), text);
    cir__blob *kept = cir__cache_find(context->features, key);
    if (kept == NULL) {
        size_t dim = cir_model_get_info(context->model)->dim;
        kept = cir__blob_new(NULL, dim * sizeof(float) + sizeof *n_cut_out);
        if (kept == NULL)
            return cir__refuse_memory(err);
        float *feature = (float *)kept->data;
        cir_status status = cir_composer_encode_text(composer, context->pool, text, feature, n_cut_out, err);
        if (status != CIR_OK) {
            cir__blob_drop(kept);
            return status;
        }
        memcpy(feature + dim, n_cut_out, sizeof *n_cut_out);
        cir__cache_put(context->features, key, kept);
    }
    memcpy(n_cut_out, kept->data + kept->size - sizeof *n_cut_out, sizeof *n_cut_out);
    *blob_out = kept;
    return CIR_OK;
}
