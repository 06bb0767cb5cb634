/* A thumbnail is named by the photo, its file's time and size, and one of a few sizes. It is kept in memory
 * and on disk; what is in neither is made by a worker, once for all that wait for it. The disk is asked on a
 * worker too, one of those that do not decode: what is kept does not wait behind what is made. */
#include "server/api/thumbnail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/common/fail.h"
#include "server/http/coalescing.h"
#include "server/state/context.h"
#include "shared/clock.h"
#include "shared/photo_thumbnail.h"

enum { MIN_PX = 64, MAX_PX = 1024, DEFAULT_PX = 256, QUALITY = 82, KEY_SIZE = 120 };

#define CACHE_CONTROL "private, max-age=3600"

typedef struct thumbnail {
    cir__context *context;
    char key[KEY_SIZE];
    cir__snapshot *snapshot;
    size_t id;
    size_t size_px;          /* of the longer side at most */
    bool was_asked_for;      /* on disk */
    cir_image_record record; /* once it was asked for */
} thumbnail;

static void free_thumbnail(void *subject)
{
    thumbnail *self = subject;
    cir__snapshot_drop(self->snapshot);
    cir_image_record_done(&self->record);
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
    const cir_image_options options = {.size = sizeof options, .decoder = self->context->decoder};
    cir_image image = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    cir_status status = cir__photo_thumbnail_read(cir__snapshot_index(self->snapshot), &self->record,
                                                  self->size_px, self->size_px, &options, &image, NULL, err);
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

/* What is kept; else where the photo lies. */
static void ask_disk(thumbnail *self, cir__outcome *outcome)
{
    cir__context *context = self->context;
    outcome->blob = cir__thumbnail_store_find(context->thumbnail_store, self->key);
    if (outcome->blob != NULL) {
        cir__cache_put(context->thumbnail_cache, self->key, outcome->blob);
        return;
    }
    outcome->status =
        cir_index_get_record(cir__snapshot_index(self->snapshot), self->id, &self->record, &outcome->err);
    if (outcome->status == CIR_OK)
        outcome->onward = context->thumbnails;
    self->was_asked_for = true;
}

static void work(void *subject, double waited, cir__outcome *outcome)
{
    thumbnail *self = subject;
    cir__context *context = self->context;
    if (cir__work_is_late(waited, outcome))
        return;
    if (!self->was_asked_for) {
        ask_disk(self, outcome);
        return;
    }
    cir__metrics_time(context->metrics, CIR__STAGE_QUEUE, waited);
    double start = cir__clock_seconds();
    outcome->status = make(self, &outcome->blob, &outcome->err);
    if (outcome->status != CIR_OK)
        return;
    cir__cache_put(context->thumbnail_cache, self->key, outcome->blob);
    cir__thumbnail_store_put(context->thumbnail_store, self->key, outcome->blob);
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
    else /* gone, changed, no picture any more, or not to be shown */
        cir__reply_error(request, 404, err.message);
}

static const cir__work_kind kind = {work, deliver, free_thumbnail};

/* Takes the snapshot over. */
static void answer(cir__request *request, cir__snapshot *snapshot, const cir_photo_facts *facts,
                   size_t size_px)
{
    cir__context *context = request->context;
    char key[KEY_SIZE];
    char etag[KEY_SIZE + 2];
    (void)snprintf(key, sizeof key, "t%zu-%lld-%llu-%zu", request->id, (long long)facts->modified_ns,
                   (unsigned long long)facts->size_bytes, size_px);
    (void)snprintf(etag, sizeof etag, "\"%s\"", key);
    thumbnail *made = NULL;
    cir__blob *blob = NULL;
    if (cir__reply_unchanged(request, etag, CACHE_CONTROL))
        goto done;
    blob = cir__cache_find(context->thumbnail_cache, key);
    if (blob != NULL) {
        reply(request, key, blob);
        goto done;
    }
    made = calloc(1, sizeof *made);
    if (made == NULL) {
        cir_error err;
        (void)cir__refuse_memory(&err);
        cir__reply_failure(request, &err, false);
        goto done;
    }
    *made = (thumbnail){.context = context, .snapshot = snapshot, .id = request->id, .size_px = size_px};
    snapshot = NULL;
    memcpy(made->key, key, sizeof key);
    cir__coalescing_join(context->coalescing, context->lookups, request, key, &kind, made);
done:
    cir__blob_drop(blob);
    cir__snapshot_drop(snapshot);
}

void cir__thumbnail_get(cir__request *request)
{
    static const char *const known[] = {"size", NULL};
    cir_error err;
    cir_photo_facts facts;
    size_t size_px = DEFAULT_PX;
    cir__snapshot *snapshot = cir__context_snapshot(request->context);
    cir_status status = cir__params_check(&request->params, known, &err);
    if (status == CIR_OK)
        status = cir__params_count(&request->params, "size", MIN_PX, MAX_PX, &size_px, &err);
    if (status == CIR_OK &&
        cir_collection_get_facts(cir__snapshot_collection(snapshot), request->id, &facts, NULL) != CIR_OK)
        status = cir__fail(&err, CIR_NOT_FOUND, "photo: there is none with id %zu", request->id);
    if (status == CIR_OK) {
        answer(request, snapshot, &facts, round_size(size_px));
        return;
    }
    cir__snapshot_drop(snapshot);
    cir__reply_failure(request, &err, false);
}
