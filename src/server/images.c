#include "server/images.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/fail.h"
#include "server/json.h"

static json_t *record_json(const cir__context *context, const cir__snapshot *snapshot,
                           const cir_image_record *record)
{
    static const char *const states[] = {[CIR_IMAGE_READY] = "ready",
                                         [CIR_IMAGE_FAILED] = "failed",
                                         [CIR_IMAGE_VANISHED] = "vanished",
                                         [CIR_IMAGE_PENDING] = "pending"};
    const char *camera = cir__cameras_name(context->cameras, cir__snapshot_camera(snapshot, record->id));
    return json_pack("{s:I, s:o, s:I, s:I, s:I, s:o, s:o, s:s, s:o}", "id", (json_int_t)record->id, "path",
                     cir__json_text(record->path), "width", (json_int_t)record->width_px, "height",
                     (json_int_t)record->height_px, "size_bytes", (json_int_t)record->size_bytes, "taken_at",
                     cir__json_time(record->taken_at), "camera", cir__json_text(camera), "state",
                     states[record->state], "error", cir__json_text(record->error));
}

void cir__images_get(cir__request *request)
{
    cir_error err;
    cir_image_record record;
    cir__snapshot *snapshot = cir__context_snapshot(request->context);
    if (cir_index_get_image(cir__snapshot_index(snapshot), request->id, &record, &err) == CIR_OK)
        cir__reply_json(request, MHD_HTTP_OK, record_json(request->context, snapshot, &record));
    else
        cir__reply_failure(request, &err, false);
    cir_image_record_done(&record);
    cir__snapshot_drop(snapshot);
}

/* ---- lists ---- */

/* Photos [offset, offset + limit) of those in the mask, newest first. */
static cir_status list(const cir__context *context, cir__snapshot *snapshot, const cir__blob *mask,
                       size_t offset, size_t limit, json_t *images, cir_error *err)
{
    size_t n;
    const uint32_t *newest = cir__snapshot_newest(snapshot, &n);
    cir_status status = CIR_OK;
    for (size_t i = 0; i < n && limit > 0 && status == CIR_OK; i++) {
        if (!mask->data[newest[i]])
            continue;
        if (offset > 0) {
            offset--;
            continue;
        }
        cir_image_record record;
        status = cir_index_get_image(cir__snapshot_index(snapshot), newest[i], &record, err);
        if (status == CIR_OK)
            json_array_append_new(images, record_json(context, snapshot, &record));
        cir_image_record_done(&record);
        limit--;
    }
    return status;
}

/* The filters of a search as parameters. */
static cir_status read_filter(const cir__params *params, cir__filter *filter_out, cir_error *err)
{
    static const char *const keys[] = {"folder", "after", "before", "orientation", "camera"};
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = cir__params_get(params, keys[i]);
        if (value != NULL)
            json_object_set_new(object, keys[i], cir__json_text(value));
    }
    cir_status status = cir__filter_parse(object, filter_out, err);
    json_decref(object);
    return status;
}

void cir__images_get_list(cir__request *request)
{
    enum { MAX_LIMIT = 1000, DEFAULT_LIMIT = 60 };
    static const char *const known[] = {"offset", "limit",       "folder", "after",
                                        "before", "orientation", "camera", NULL};
    cir_error err;
    size_t offset = 0;
    size_t limit = DEFAULT_LIMIT;
    size_t n_matching = 0;
    cir__filter filter = {0};
    cir__blob *mask = NULL;
    json_t *images = json_array();
    cir__snapshot *snapshot = cir__context_snapshot(request->context);
    cir_status status = cir__params_check(&request->params, known, &err);
    if (status == CIR_OK)
        status = cir__params_count(&request->params, "offset", 0, 1000000000, &offset, &err);
    if (status == CIR_OK)
        status = cir__params_count(&request->params, "limit", 1, MAX_LIMIT, &limit, &err);
    if (status == CIR_OK)
        status = read_filter(&request->params, &filter, &err);
    if (status == CIR_OK)
        status = cir__snapshot_mask(snapshot, &filter,
                                    cir__cameras_number(request->context->cameras, filter.camera), &mask,
                                    &n_matching, &err);
    if (status == CIR_OK)
        status = list(request->context, snapshot, mask, offset, limit, images, &err);
    if (status == CIR_OK)
        cir__reply_json(request, MHD_HTTP_OK,
                        json_pack("{s:I, s:I, s:O}", "n", (json_int_t)n_matching, "offset",
                                  (json_int_t)offset, "images", images));
    else
        cir__reply_failure(request, &err, false);
    json_decref(images);
    cir__blob_drop(mask);
    cir__filter_done(&filter);
    cir__snapshot_drop(snapshot);
}

/* ---- files ---- */

/* The type of a picture by its first bytes; NULL: it is none that an index holds. A file may have become
 * something else since it was indexed, and only pictures are handed out. */
static const char *type_of_picture(const unsigned char *bytes, size_t size)
{
    static const struct {
        size_t offset, size;
        const char *bytes, *type;
    } magics[] = {
        {0, 3, "\xff\xd8\xff", "image/jpeg"}, {0, 8, "\x89PNG\r\n\x1a\n", "image/png"},
        {8, 7, "WEBPVP8", "image/webp"},      {0, 4, "II*\0", "image/tiff"},
        {0, 4, "MM\0*", "image/tiff"},        {0, 4, "II+\0", "image/tiff"},
        {0, 4, "MM\0+", "image/tiff"},        {0, 6, "GIF87a", "image/gif"},
        {0, 6, "GIF89a", "image/gif"},        {4, 8, "ftypavif", "image/avif"},
        {4, 8, "ftypavis", "image/avif"},     {4, 6, "ftyphe", "image/heic"},
        {4, 8, "ftypmif1", "image/heif"},     {4, 8, "ftypmsf1", "image/heif"},
    };
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (size >= magics[i].offset + magics[i].size &&
            memcmp(bytes + magics[i].offset, magics[i].bytes, magics[i].size) == 0)
            return magics[i].type;
    return NULL;
}

/* "attachment; filename*=UTF-8''…" of a path's last component. */
static void add_disposition(cir__request *request, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    char header[1024];
    const char *slash = strrchr(path, '/');
    size_t n = (size_t)snprintf(header, sizeof header, "attachment; filename*=UTF-8''");
    for (const char *c = slash != NULL ? slash + 1 : path; *c != '\0' && n + 4 < sizeof header; c++)
        n += (size_t)snprintf(header + n, sizeof header - n, strchr(plain, *c) != NULL ? "%c" : "%%%02X",
                              (unsigned char)*c);
    cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_DISPOSITION, header);
}

static void reply_file(cir__request *request, const cir_image_record *record, bool is_download)
{
    unsigned char head[16] = {0};
    struct stat facts;
    char etag[100];
    /* Not waiting for a pipe that took the photo's place. */
    int fd = open(record->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = -1;
    if (fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode))
        n = pread(fd, head, sizeof head, 0);
    const char *type = n > 0 ? type_of_picture(head, (size_t)n) : NULL;
    if (type == NULL) {
        cir__reply_error(request, 404, "photo: its file is gone or is no picture any more; update the index");
        if (fd >= 0)
            close(fd);
        return;
    }
    (void)snprintf(etag, sizeof etag, "\"f%zu-%lld-%lld-%ld\"", record->id, (long long)facts.st_size,
                   (long long)facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
    if (cir__reply_unchanged(request, etag, "private, no-cache")) {
        close(fd);
        return;
    }
    struct MHD_Response *response = MHD_create_response_from_fd64((uint64_t)facts.st_size, fd);
    if (response == NULL)
        close(fd);
    cir__reply_response(request, MHD_HTTP_OK, response);
    request->n_answer = (size_t)facts.st_size;
    cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    cir__reply_header(request, MHD_HTTP_HEADER_ETAG, etag);
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "private, no-cache");
    if (is_download)
        add_disposition(request, record->path);
}

void cir__images_get_file(cir__request *request)
{
    static const char *const known[] = {"download", NULL};
    cir_error err;
    cir_image_record record;
    size_t is_download = 0;
    if (cir__params_check(&request->params, known, &err) != CIR_OK ||
        cir__params_count(&request->params, "download", 0, 1, &is_download, &err) != CIR_OK) {
        cir__reply_failure(request, &err, false);
        return;
    }
    cir__snapshot *snapshot = cir__context_snapshot(request->context);
    if (cir_index_get_image(cir__snapshot_index(snapshot), request->id, &record, &err) == CIR_OK)
        reply_file(request, &record, is_download != 0);
    else
        cir__reply_failure(request, &err, false);
    cir_image_record_done(&record);
    cir__snapshot_drop(snapshot);
}
