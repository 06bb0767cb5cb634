#include "server/api/images.h"

#include <stdlib.h>

#include "server/api/filter_json.h"
#include "server/api/lookup.h"
#include "server/common/fail.h"
#include "shared/json_encode.h"

static json_t *record_json(const cir__snapshot *snapshot, const cir_image_record *record)
{
    static const char *const states[] = {[CIR_IMAGE_READY] = "ready",
                                         [CIR_IMAGE_FAILED] = "failed",
                                         [CIR_IMAGE_VANISHED] = "vanished",
                                         [CIR_IMAGE_PENDING] = "pending"};
    const char *camera = cir_collection_get_camera(cir__snapshot_collection(snapshot), record->id);
    json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:s, s:o}", "id", (json_int_t)record->id,
                               "width", (json_int_t)record->width_px, "height", (json_int_t)record->height_px,
                               "size_bytes", (json_int_t)record->size_bytes, "taken_at",
                               cir__json_time(record->taken_at), "camera", cir__json_text(camera), "state",
                               states[record->state], "error", cir__json_text(record->error));
    cir__json_add_path(object, record->path);
    return object;
}

static cir_status describe(cir__context *context, cir__snapshot *snapshot, size_t id, const void *options,
                           json_t **document_out, cir_error *err)
{
    (void)context;
    (void)options;
    cir_image_record record = {0};
    cir_status status = cir_index_get_record(cir__snapshot_index(snapshot), id, &record, err);
    if (status == CIR_OK)
        *document_out = record_json(snapshot, &record);
    cir_image_record_done(&record);
    return status;
}

void cir__images_get(cir__request *request)
{
    cir__lookup_join(request, describe, NULL, NULL);
}

/* ---- lists ---- */

enum { MAX_LIMIT = 1000, DEFAULT_LIMIT = 60 };

typedef struct wish {
    size_t offset, limit;
    cir_photo_filter filter; /* lends from the request's parameters */
} wish;

/* The filters of a search as parameters. */
static cir_status read_filter(const cir__params *params, cir_photo_filter *filter_out, cir_error *err)
{
    static const char *const keys[] = {"folder", "after", "before", "orientation", "camera"};
    cir_status status = CIR_OK;
    cir_photo_filter_init(filter_out, sizeof *filter_out);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == CIR_OK; i++) {
        const char *value = cir__params_get(params, keys[i]);
        if (value != NULL)
            status = cir__filter_set(filter_out, keys[i], value, err);
    }
    return status;
}

static cir_status describe_list(cir__context *context, cir__snapshot *snapshot, size_t id,
                                const void *options, json_t **document_out, cir_error *err)
{
    (void)context;
    (void)id;
    const wish *self = options;
    size_t ids[MAX_LIMIT];
    size_t n = 0;
    size_t n_matching = 0;
    json_t *images = json_array();
    cir_status status = cir_collection_list(cir__snapshot_collection(snapshot), &self->filter, self->offset,
                                            self->limit, ids, &n, &n_matching, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        cir_image_record record;
        status = cir_index_get_record(cir__snapshot_index(snapshot), ids[i], &record, err);
        if (status == CIR_OK)
            json_array_append_new(images, record_json(snapshot, &record));
        cir_image_record_done(&record);
    }
    if (status == CIR_OK)
        *document_out = json_pack("{s:I, s:I, s:O}", "n", (json_int_t)n_matching, "offset",
                                  (json_int_t)self->offset, "images", images);
    json_decref(images);
    return status;
}

void cir__images_get_list(cir__request *request)
{
    static const char *const known[] = {"offset", "limit",       "folder", "after",
                                        "before", "orientation", "camera", NULL};
    cir_error err;
    const cir__params *params = &request->params;
    wish *self = calloc(1, sizeof *self);
    cir_status status = self != NULL ? cir__params_check(params, known, &err) : cir__refuse_memory(&err);
    if (self != NULL)
        self->limit = DEFAULT_LIMIT;
    if (status == CIR_OK)
        status = cir__params_count(params, "offset", 0, 1000000000, &self->offset, &err);
    if (status == CIR_OK)
        status = cir__params_count(params, "limit", 1, MAX_LIMIT, &self->limit, &err);
    if (status == CIR_OK)
        status = read_filter(params, &self->filter, &err);
    if (status == CIR_OK) {
        cir__lookup_join(request, describe_list, self, free);
        return;
    }
    free(self);
    cir__reply_failure(request, &err, false);
}
