#include "server/http/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shared/json_encode.h"

/* A proxy may leave its part of the path or take it away: both are understood. */
static void strip_base(cir__request *request, const char *target)
{
    const char *base = request->intake->base_path;
    size_t n = strlen(base);
    const char *path = request->params.path;
    if (n == 0 || strncmp(path, base, n) != 0)
        return;
    if (path[n] == '/')
        request->params.path = path + n;
    else if (path[n] == '\0' && asprintf(&request->location, "%s/%s", base, target + n) < 0)
        request->location = NULL;
}

cir__request *cir__request_new(cir__context *context, cir__intake *intake, const char *target)
{
    cir__request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->context = context;
    request->intake = intake;
    request->n_json_refused = cir__json_n_refused();
    request->n_target = strlen(target);
    request->target_status = CIR_LIMIT; /* too long: answered before it is looked at */
    if (request->n_target <= CIR__MAX_TARGET)
        request->target_status = cir__params_parse(target, &request->params, &request->target_error);
    if (request->target_status == CIR_OK)
        strip_base(request, target);
    return request;
}

static void empty_bytes(cir__intake *intake, cir__bytes *bytes)
{
    atomic_fetch_sub(&intake->n_body_bytes, bytes->capacity);
    free(bytes->data);
    *bytes = (cir__bytes){0};
}

void cir__request_free(cir__request *request)
{
    if (request == NULL)
        return;
    if (request->parts != NULL)
        (void)MHD_destroy_post_processor(request->parts);
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    empty_bytes(request->intake, &request->document);
    empty_bytes(request->intake, &request->image);
    cir__params_done(&request->params);
    free(request->location);
    free(request);
}

const char *cir__request_header(const cir__request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* ---- bodies ---- */

/* false: too much for this request (limit) or for all of them together. */
static bool push_bytes(cir__intake *intake, cir__bytes *bytes, const char *more, size_t size, size_t limit)
{
    if (size == 0)
        return true;
    if (size > limit - bytes->size)
        return false;
    if (bytes->capacity - bytes->size < size) {
        size_t capacity = bytes->capacity > 0 ? bytes->capacity : 4096;
        while (capacity < bytes->size + size)
            capacity *= 2;
        size_t growth = capacity - bytes->capacity;
        if (atomic_fetch_add(&intake->n_body_bytes, growth) + growth > CIR__MAX_BODIES_BYTES) {
            atomic_fetch_sub(&intake->n_body_bytes, growth);
            return false;
        }
        char *grown = realloc(bytes->data, capacity);
        if (grown == NULL) {
            atomic_fetch_sub(&intake->n_body_bytes, growth);
            return false;
        }
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    memcpy(bytes->data + bytes->size, more, size);
    bytes->size += size;
    return true;
}

static void refuse_size(cir__request *request, const char *what, size_t limit)
{
    char text[200];
    if (atomic_load(&request->intake->n_body_bytes) > CIR__MAX_BODIES_BYTES / 2) {
        cir__reply_error(request, 503, "request: other large requests are on their way; try again");
        cir__reply_retry_after(request, 2);
        return;
    }
    (void)snprintf(text, sizeof text, "%s: is larger than the %zu bytes that are taken; send less", what,
                   limit);
    cir__reply_error(request, 413, text);
}

static enum MHD_Result take_part(void *context, enum MHD_ValueKind kind, const char *key,
                                 const char *file_name, const char *type, const char *encoding,
                                 const char *bytes, uint64_t offset, size_t size)
{
    (void)kind;
    (void)file_name;
    (void)type;
    (void)encoding;
    (void)offset;
    cir__request *request = context;
    size_t max_image = request->intake->max_upload_bytes;
    if (request->status != 0)
        return MHD_YES;
    if (key != NULL && strcmp(key, "query") == 0) {
        if (!push_bytes(request->intake, &request->document, bytes, size, CIR__MAX_DOCUMENT))
            refuse_size(request, "query", CIR__MAX_DOCUMENT);
    } else if (key != NULL && strcmp(key, "image") == 0) {
        request->has_image = true;
        if (!push_bytes(request->intake, &request->image, bytes, size, max_image))
            refuse_size(request, "image", max_image);
    } else {
        cir__reply_error(request, 400, "request: a part is neither \"image\" nor \"query\"");
    }
    return MHD_YES;
}

static bool takes_query(const cir__request *request)
{
    return (request->route->kind & CIR__TAKES_QUERY) != 0;
}

static bool has_type(const char *header, const char *type)
{
    size_t size = strlen(type);
    return header != NULL && strncasecmp(header, type, size) == 0 && strchr("; \t", header[size]) != NULL;
}

void cir__request_expect_body(cir__request *request)
{
    enum { PART_BUFFER = 16 << 10 };
    const char *type = cir__request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    if (!takes_query(request) || has_type(type, "application/json"))
        return;
    if (!has_type(type, "multipart/form-data")) {
        cir__reply_error(request, 415, "Content-Type: is neither application/json nor multipart/form-data");
        return;
    }
    request->parts = MHD_create_post_processor(request->connection, PART_BUFFER, take_part, request);
    if (request->parts == NULL)
        cir__reply_error(request, 400, "Content-Type: names no boundary of parts");
}

bool cir__request_take(cir__request *request, const char *bytes, size_t size)
{
    request->n_body += size;
    if (request->n_body > request->intake->max_upload_bytes + CIR__MAX_DRAINED)
        return false;
    if (request->status != 0)
        return true; /* refused: read and dropped, so that the client reads the answer */
    if (request->parts != NULL) {
        if (MHD_post_process(request->parts, bytes, size) == MHD_NO && request->status == 0)
            cir__reply_error(request, 400, "request: its parts are malformed; see RFC 7578");
    } else if (!push_bytes(request->intake, &request->document, bytes, size,
                           takes_query(request) ? CIR__MAX_DOCUMENT : 0)) {
        refuse_size(request, "request", takes_query(request) ? CIR__MAX_DOCUMENT : 0);
    }
    return true;
}

/* ---- answers ---- */

static const char *code_of(unsigned status)
{
    switch (status) {
    case 400:
        return "BAD_REQUEST";
    case 401:
        return "UNAUTHORIZED";
    case 403:
        return "FORBIDDEN";
    case 404:
        return "NOT_FOUND";
    case 405:
        return "METHOD_NOT_ALLOWED";
    case 408:
        return "TIMED_OUT";
    case 409:
        return "CONFLICT";
    case 410:
        return "GONE";
    case 413:
    case 414:
    case 431:
        return "TOO_LARGE";
    case 415:
        return "UNSUPPORTED_TYPE";
    case 416:
        return "NO_SUCH_RANGE";
    case 422:
        return "NOT_A_PICTURE";
    case 429:
        return "TOO_MANY_GUESSES";
    case 501:
        return "NOT_IMPLEMENTED";
    case 503:
        return "OVERLOADED";
    default:
        return "FAILED";
    }
}

static void add_common_headers(struct MHD_Response *response)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "
                                    "img-src 'self' blob: data:; connect-src 'self'; form-action 'none'; "
                                    "base-uri 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Permissions-Policy", "geolocation=(), microphone=()"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        (void)MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

void cir__reply_response(cir__request *request, unsigned status, struct MHD_Response *response)
{
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    request->status = status;
    request->response = response;
    if (response != NULL)
        add_common_headers(response);
}

void cir__reply_header(cir__request *request, const char *name, const char *value)
{
    if (request->response != NULL)
        (void)MHD_add_response_header(request->response, name, value);
}

void cir__reply_retry_after(cir__request *request, unsigned seconds)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", seconds);
    cir__reply_header(request, MHD_HTTP_HEADER_RETRY_AFTER, text);
}

void cir__reply_json(cir__request *request, unsigned status, json_t *document)
{
    /* Where memory was refused to any document meanwhile, this one may lack something. */
    bool is_whole = document != NULL && cir__json_n_refused() == request->n_json_refused;
    char *text = is_whole ? json_dumps(document, CIR__JSON_WIRE) : NULL;
    json_decref(document);
    if (text == NULL) {
        static const char short_of_memory[] =
            "{\"error\": {\"code\": \"OVERLOADED\", \"message\": \"server: out of memory; try again later\"}}";
        cir__reply_static(request, 503, "application/json", short_of_memory, sizeof short_of_memory - 1);
        cir__reply_retry_after(request, 5);
        return;
    }
    size_t size = strlen(text);
    cir__reply_response(request, status, MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE));
    if (request->response == NULL)
        free(text);
    request->n_answer = size;
    cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static void reply_coded(cir__request *request, unsigned status, const char *code, const char *message)
{
    json_t *text = cir__json_text(message);
    cir__reply_json(request, status, json_pack("{s:{s:s, s:o}}", "error", "code", code, "message", text));
}

void cir__reply_error(cir__request *request, unsigned status, const char *message)
{
    reply_coded(request, status, code_of(status), message);
}

void cir__reply_failure(cir__request *request, const cir_error *err, bool is_upload)
{
    unsigned status = 500;
    switch (err->status) {
    case CIR_ARGUMENT:
        status = 400;
        break;
    case CIR_NOT_FOUND:
        status = 404;
        break;
    case CIR_FORMAT:
    case CIR_UNSUPPORTED:
        status = is_upload ? 422 : 500;
        break;
    case CIR_LIMIT:
        status = is_upload ? 413 : 500;
        break;
    case CIR_NO_MEMORY:
    case CIR_GONE:
        status = 503;
        break;
    case CIR_BUSY:
        status = 409;
        break;
    default:
        break;
    }
    reply_coded(request, status, err->status == CIR_GONE ? "INDEX_GONE" : code_of(status),
                err->message[0] != '\0' ? err->message : cir_status_meaning(err->status));
    if (status == 503)
        cir__reply_retry_after(request, 5);
}

static void drop_blob(void *blob)
{
    cir__blob_drop(blob);
}

void cir__reply_blob(cir__request *request, unsigned status, const char *type, cir__blob *blob)
{
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        blob->size, blob->data, drop_blob, cir__blob_share(blob));
    if (response == NULL)
        cir__blob_drop(blob);
    cir__reply_response(request, status, response);
    request->n_answer = blob->size;
    cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}

void cir__reply_static(cir__request *request, unsigned status, const char *type, const void *bytes,
                       size_t size)
{
    cir__reply_response(
        request, status,
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT));
    request->n_answer = size;
    if (type != NULL)
        cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}

bool cir__reply_unchanged(cir__request *request, const char *etag, const char *cache_control)
{
    const char *held = cir__request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
    if (held == NULL || (strcmp(held, "*") != 0 && strstr(held, etag) == NULL))
        return false;
    cir__reply_static(request, MHD_HTTP_NOT_MODIFIED, NULL, "", 0);
    cir__reply_header(request, MHD_HTTP_HEADER_ETAG, etag);
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, cache_control);
    return true;
}
