/* An answer comes from one of three places: it is kept, it is just being made for somebody else, or it is
 * made now. */
#include "server/api/post_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "server/api/find_answer.h"
#include "server/common/fail.h"
#include "server/http/coalescing.h"

typedef struct search {
    cir__context *context;
    cir__snapshot *snapshot;
    cir__search_request *request;
    cir__blob *upload; /* NULL: none, or not needed */
    char *key;         /* under which the answer is kept */
} search;

static void free_search(void *subject)
{
    search *self = subject;
    if (self == NULL)
        return;
    cir__snapshot_drop(self->snapshot);
    cir__search_request_free(self->request);
    cir__blob_drop(self->upload);
    free(self->key);
    free(self);
}

static void work(void *subject, double waited, cir__outcome *outcome)
{
    search *self = subject;
    cir__metrics_time(self->context->metrics, CIR__STAGE_QUEUE, waited);
    if (cir__work_is_late(waited, outcome))
        return;
    outcome->status = cir__find_answer(self->context, self->snapshot, self->request, self->upload,
                                       &outcome->blob, &outcome->err);
    if (outcome->status == CIR_OK)
        cir__cache_put(self->context->answers, self->key, outcome->blob);
}

static void reply(cir__request *request, cir__blob *blob)
{
    cir__reply_blob(request, MHD_HTTP_OK, "application/json", blob);
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static void deliver(cir__request *request, const void *subject, const cir__outcome *outcome)
{
    const search *self = subject;
    if (outcome->status != CIR_OK)
        cir__reply_failure(request, &outcome->err, self->request->upload[0] != '\0');
    else
        reply(request, outcome->blob);
}

static const cir__work_kind kind = {work, deliver, free_search};

/* Names the uploaded picture by its content and keeps it. */
static cir_status take_upload(cir__request *request, search *self, cir_error *err)
{
    if (self->request->asked.image_id != CIR_NO_ID || self->request->upload[0] != '\0')
        return cir__fail(err, CIR_ARGUMENT, "image: is uploaded and also named; do only one");
    if (request->image.size == 0)
        return cir__fail(err, CIR_ARGUMENT, "image: the uploaded picture is empty");
    gchar *name = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)request->image.data,
                                              request->image.size);
    (void)snprintf(self->request->upload, sizeof self->request->upload, "%s", name);
    g_free(name);
    self->upload = cir__blob_new(request->image.data, request->image.size);
    if (self->upload == NULL)
        return cir__refuse_memory(err);
    cir__cache_put(self->context->uploads, self->request->upload, self->upload);
    return CIR_OK;
}

/* An upload of before: its bytes, unless what is wanted of it is kept. false: it is gone. */
static bool find_upload(search *self)
{
    if (self->upload != NULL || self->request->upload[0] == '\0')
        return true;
    self->upload = cir__cache_find(self->context->uploads, self->request->upload);
    return self->upload != NULL || cir__find_has_feature(self->context, self->request);
}

static char *make_key(const search *self)
{
    /* What a filter by camera lets through changes while cameras are being found. */
    size_t n_cameras = self->request->filter.camera != NULL ? cir__snapshot_n_cameras_set(self->snapshot) : 0;
    char *of_request = cir__search_request_key(self->request);
    char *key = NULL;
    if (of_request == NULL ||
        asprintf(&key, "search %llu %zu %s", (unsigned long long)cir__snapshot_serial(self->snapshot),
                 n_cameras, of_request) < 0)
        key = NULL;
    free(of_request);
    return key;
}

static search *new_search(cir__request *request, cir_error *err)
{
    search *self = calloc(1, sizeof *self);
    if (self == NULL) {
        (void)cir__refuse_memory(err);
        return NULL;
    }
    self->context = request->context;
    self->snapshot = cir__context_snapshot(request->context);
    bool has_document = request->document.size > 0 || !request->has_image;
    cir_status status =
        cir__search_request_parse(has_document ? request->document.data : "{}",
                                  has_document ? request->document.size : 2, &self->request, err);
    if (status == CIR_OK && request->has_image)
        status = take_upload(request, self, err);
    if (status == CIR_OK)
        status = cir__search_request_check(self->request, err);
    if (status == CIR_OK && (self->key = make_key(self)) == NULL)
        status = cir__refuse_memory(err);
    if (status == CIR_OK)
        return self;
    free_search(self);
    return NULL;
}

void cir__search_post(cir__request *request)
{
    cir_error err;
    search *self = new_search(request, &err);
    if (self == NULL) {
        cir__reply_failure(request, &err, false);
        return;
    }
    cir__blob *kept = cir__cache_find(request->context->answers, self->key);
    if (kept != NULL) {
        reply(request, kept);
        cir__blob_drop(kept);
    } else if (!find_upload(self)) {
        cir__reply_error(request, 410, "image.upload: is no longer kept; send the picture again");
    } else {
        cir__coalescing_join(request->context->coalescing, request->context->searches, request, self->key,
                             &kind, self);
        return;
    }
    free_search(self);
}
