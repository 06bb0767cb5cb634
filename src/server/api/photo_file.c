#include "server/api/photo_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/api/handout.h"
#include "server/common/fail.h"
#include "server/http/coalescing.h"
#include "server/http/range.h"
#include "server/http/streaming.h"
#include "server/state/context.h"

enum { ETAG_SIZE = 100 };

#define CACHE_CONTROL "private, no-cache"

typedef struct opening {
    cir__context *context;
    cir__snapshot *snapshot;
    size_t id;
    bool is_download;
    cir_image_record record;
    cir__handout *handout; /* its file goes to the answer */
} opening;

static void free_opening(void *subject)
{
    opening *self = subject;
    if (self->handout != NULL && self->handout->fd >= 0)
        close(self->handout->fd);
    free(self->handout);
    cir_image_record_done(&self->record);
    cir__snapshot_drop(self->snapshot);
    free(self);
}

static void work(void *subject, double waited, cir__outcome *outcome)
{
    opening *self = subject;
    if (cir__work_is_late(waited, outcome))
        return;
    outcome->status =
        cir_index_get_record(cir__snapshot_index(self->snapshot), self->id, &self->record, &outcome->err);
    if (outcome->status == CIR_OK)
        outcome->status = cir__handout_open(cir__snapshot_index(self->snapshot), &self->record, self->handout,
                                            &outcome->err);
}

/* "attachment; filename="…"; filename*=UTF-8''…" of a path's last component: the first for those that do not
 * know the second, with what it cannot say as "_". */
static void add_disposition(cir__request *request, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    char header[1400];
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t n = (size_t)snprintf(header, sizeof header, "attachment; filename=\"");
    for (const char *c = name; *c != '\0' && n < 300; c++) {
        bool is_rest = ((unsigned char)*c & 0xc0) == 0x80; /* of a character that one "_" stands for */
        bool is_quotable = *c >= ' ' && *c <= '~' && strchr("\"\\%", *c) == NULL;
        if (!is_rest)
            header[n++] = is_quotable ? *c : '_';
    }
    n += (size_t)snprintf(header + n, sizeof header - n, "\"; filename*=UTF-8''");
    for (const char *c = name; *c != '\0' && n + 4 < sizeof header; c++)
        n += (size_t)snprintf(header + n, sizeof header - n, strchr(plain, *c) != NULL ? "%c" : "%%%02X",
                              (unsigned char)*c);
    cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_DISPOSITION, header);
}

/* If-Range: the part is of use only where the client holds the rest of these very bytes. */
static const char *range_of(const cir__request *request, const char *etag)
{
    const char *condition = cir__request_header(request, MHD_HTTP_HEADER_IF_RANGE);
    if (request->is_head || (condition != NULL && strcmp(condition, etag) != 0))
        return NULL;
    return cir__request_header(request, MHD_HTTP_HEADER_RANGE);
}

static void deliver(cir__request *request, const void *subject, const cir__outcome *outcome)
{
    const opening *self = subject;
    char etag[ETAG_SIZE];
    char content_range[100];
    uint64_t first = 0;
    uint64_t n = 0;
    if (outcome->status != CIR_OK) {
        cir__reply_failure(request, &outcome->err, false);
        return;
    }
    const struct stat *facts = &self->handout->facts;
    uint64_t size = (uint64_t)facts->st_size;
    (void)snprintf(etag, sizeof etag, "\"f%zu-%lld-%lld-%ld\"", self->id, (long long)facts->st_size,
                   (long long)facts->st_mtim.tv_sec, facts->st_mtim.tv_nsec);
    if (cir__reply_unchanged(request, etag, CACHE_CONTROL))
        return;
    cir__range_kind kind = cir__range_parse(range_of(request, etag), size, &first, &n);
    if (kind == CIR__RANGE_OUTSIDE) {
        (void)snprintf(content_range, sizeof content_range, "bytes */%llu", (unsigned long long)size);
        cir__reply_error(request, MHD_HTTP_RANGE_NOT_SATISFIABLE, "Range: begins behind the end of the file");
    } else {
        (void)snprintf(content_range, sizeof content_range, "bytes %llu-%llu/%llu", (unsigned long long)first,
                       (unsigned long long)(first + n - 1), (unsigned long long)size);
        struct MHD_Response *response =
            cir__streaming_answer(self->context->streaming, request->connection, self->handout->fd, first, n);
        self->handout->fd = -1;
        cir__reply_response(request, kind == CIR__RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK,
                            response);
        request->n_answer = (size_t)n;
        cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, self->handout->type);
        cir__reply_header(request, MHD_HTTP_HEADER_ETAG, etag);
        cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_CONTROL);
    }
    if (kind != CIR__RANGE_WHOLE)
        cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_RANGE, content_range);
    cir__reply_header(request, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    if (self->is_download)
        add_disposition(request, self->record.path);
}

static const cir__work_kind kind_of_work = {work, deliver, free_opening};

void cir__photo_file_get(cir__request *request)
{
    static const char *const known[] = {"download", NULL};
    cir_error err;
    size_t is_download = 0;
    char key[64];
    cir__context *context = request->context;
    if (cir__params_check(&request->params, known, &err) != CIR_OK ||
        cir__params_count(&request->params, "download", 0, 1, &is_download, &err) != CIR_OK) {
        cir__reply_failure(request, &err, false);
        return;
    }
    opening *self = calloc(1, sizeof *self);
    cir__handout *handout = calloc(1, sizeof *handout);
    if (self == NULL || handout == NULL) {
        free(self);
        free(handout);
        (void)cir__refuse_memory(&err);
        cir__reply_failure(request, &err, false);
        return;
    }
    handout->fd = -1;
    *self = (opening){.context = context,
                      .snapshot = cir__context_snapshot(context),
                      .id = request->id,
                      .is_download = is_download != 0,
                      .handout = handout};
    (void)snprintf(key, sizeof key, "file of %p", (void *)request);
    cir__coalescing_join(context->coalescing, context->lookups, request, key, &kind_of_work, self);
}
