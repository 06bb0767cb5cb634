/* A thumbnail is named by the photo, its file's time and size, and one of a few sizes. It is kept in memory
 * and on disk; what is in neither is made by a worker, once for all that wait for it. */
#include "server/thumbnail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/fail.h"
#include "server/flights.h"

enum { MIN_PX = 64, MAX_PX = 1024, DEFAULT_PX = 256, QUALITY = 82, KEY_SIZE = 120 };

#define CACHE_CONTROL "private, max-age=3600"

typedef struct thumbnail {
    cir__context *context;
    char key[KEY_SIZE];
    char *path;
    size_t size_px; /* of the longer side at most */
} thumbnail;

static void free_thumbnail(void *subject)
{
    thumbnail *self = subject;
    free(self->path);
    free(self);
}

/* Few sizes, so that few are kept: the smallest that is large enough. */
static size_t round_size(size_t size_px)
{
    static const size_t sizes[] = {64, 128, 192, 256, 384, 512, 768, MAX_PX};
    size_t i = 0;
    while (sizes[i] < size_px)
        i++;
    return sizes[i];
}

static cir_status make(const thumbnail *self, cir__blob **blob_out, cir_error *err)
{
    const cir_image_options options = {.decoder = self->context->decoder};
    cir_image image = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    cir_status status =
        cir_image_read_thumbnail(self->path, self->size_px, self->size_px, &options, &image, NULL, err);
    if (status == CIR_OK)
        status = cir_image_format_jpeg(&image, QUALITY, &bytes, &size, err);
    if (status == CIR_OK) {
        *blob_out = cir__blob_new(bytes, size);
        if (*blob_out == NULL)
            status = cir__refuse_memory(err);
    }
    cir_bytes_free(bytes);
    cir_image_done(&image);
    return status;
}

static void work(void *subject, double waited, cir__outcome *outcome)
{
    thumbnail *self = subject;
    cir__context *context = self->context;
    cir__metrics_time(context->metrics, CIR__STAGE_QUEUE, waited);
    if (waited > CIR__MAX_WAIT_SECONDS) {
        outcome->status = cir__refuse(&outcome->err, CIR_NO_MEMORY,
                                      "server: the thumbnail waited more than %d s; try again later",
                                      CIR__MAX_WAIT_SECONDS);
        return;
    }
    double start = cir__clock_seconds();
    outcome->status = make(self, &outcome->blob, &outcome->err);
    if (outcome->status != CIR_OK)
        return;
    cir__cache_put(context->small_pictures, self->key, outcome->blob);
    cir__pictures_put(context->kept_pictures, self->key, outcome->blob);
    cir__metrics_time(context->metrics, CIR__STAGE_THUMBNAIL, cir__clock_seconds() - start);
}

static void reply(cir__request *request, const char *key, cir__blob *blob)
{
    char etag[KEY_SIZE + 2];
    (void)snprintf(etag, sizeof etag, "\"%s\"", key);
    cir__reply_blob(request, MHD_HTTP_OK, "image/jpeg", blob);
    cir__reply_header(request, MHD_HTTP_HEADER_ETAG, etag);
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_CONTROL);
}

static void deliver(cir__request *request, const void *subject, const cir__outcome *outcome)
{
    const thumbnail *self = subject;
    cir_error err = outcome->err;
    if (outcome->status == CIR_OK)
        reply(request, self->key, outcome->blob);
    else if (err.status == CIR_NO_MEMORY)
        cir__reply_failure(request, &err, false);
    else /* gone, or no picture any more */
        cir__reply_error(request, 404, err.message);
}

static const cir__flight_kind kind = {work, deliver, free_thumbnail};

static cir__blob *find(cir__context *context, const char *key)
{
    cir__blob *blob = cir__cache_find(context->small_pictures, key);
    if (blob != NULL)
        return blob;
    blob = cir__pictures_find(context->kept_pictures, key);
    if (blob != NULL)
        cir__cache_put(context->small_pictures, key, blob);
    return blob;
}

static void answer(cir__request *request, const cir_image_record *record, size_t size_px)
{
    cir__context *context = request->context;
    char key[KEY_SIZE];
    char etag[KEY_SIZE + 2];
    (void)snprintf(key, sizeof key, "t%zu-%lld-%llu-%zu", record->id, (long long)record->modified_ns,
                   (unsigned long long)record->size_bytes, size_px);
    (void)snprintf(etag, sizeof etag, "\"%s\"", key);
    if (cir__reply_unchanged(request, etag, CACHE_CONTROL))
        return;
    cir__blob *blob = find(context, key);
    if (blob != NULL) {
        reply(request, key, blob);
        cir__blob_drop(blob);
        return;
    }
    thumbnail *made = calloc(1, sizeof *made);
    char *path = strdup(record->path);
    if (made == NULL || path == NULL) {
        cir_error err;
        free(made);
        free(path);
        (void)cir__refuse_memory(&err);
        cir__reply_failure(request, &err, false);
        return;
    }
    *made = (thumbnail){.context = context, .path = path, .size_px = size_px};
    memcpy(made->key, key, sizeof key);
    cir__flights_join(context->flights, context->thumbnails, request, key, &kind, made);
}

void cir__thumbnail_get(cir__request *request)
{
    static const char *const known[] = {"size", NULL};
    cir_error err;
    cir_image_record record = {0};
    size_t size_px = DEFAULT_PX;
    cir__snapshot *snapshot = cir__context_snapshot(request->context);
    cir_status status = cir__params_check(&request->params, known, &err);
    if (status == CIR_OK)
        status = cir__params_count(&request->params, "size", MIN_PX, MAX_PX, &size_px, &err);
    if (status == CIR_OK)
        status = cir_index_get_image(cir__snapshot_index(snapshot), request->id, &record, &err);
    cir__snapshot_drop(snapshot);
    if (status == CIR_OK)
        answer(request, &record, round_size(size_px));
    else
        cir__reply_failure(request, &err, false);
    cir_image_record_done(&record);
}
