#include "method/keep.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/npy.h"

#define MAX_JSON_BYTES ((size_t)4 << 20)

/* "folder/kind-key.ending" (without "-key" where key is NULL), NULL where memory is short. */
static char *file_path(const char *folder, const char *kind, const char *key, const char *ending)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s%s%s", kind, key != NULL ? "-" : "", key != NULL ? key : "", ending);
    return cir__path_join(folder, name);
}

bool cir__keep_read_rows(const char *folder, const char *kind, const char *key, size_t n_wanted, size_t dim,
                         float **rows_out, size_t *n_out)
{
    char *path = file_path(folder, kind, key, ".npy");
    cir__npy_view view;
    bool is_good = false;

    *rows_out = NULL;
    *n_out = 0;
    if (path != NULL && cir__npy_read(path, rows_out, &view, NULL) == CIR_OK) {
        is_good = view.n_dims == 2 && view.row_items == dim && view.n_rows > 0 &&
                  (n_wanted == 0 || view.n_rows == n_wanted);
        for (size_t i = 0; is_good && i < view.n_rows * dim; i++)
            is_good = isfinite((*rows_out)[i]);
    }
    free(path);
    if (is_good) {
        *n_out = view.n_rows;
        return true;
    }
    free(*rows_out);
    *rows_out = NULL;
    return false;
}

void cir__keep_write_rows(const char *folder, const char *kind, const char *key, const float *rows, size_t n,
                          size_t dim)
{
    char *path = file_path(folder, kind, key, ".npy");

    if (path != NULL && n > 0 && cir__npy_write(path, CIR__NPY_F32, n, dim, rows, NULL) != CIR_OK) {
        /* Made again next time. */
    }
    free(path);
}

/* The object in a file; NULL: there is none. */
static json_t *object_read(const char *folder, const char *kind, const char *key)
{
    char *path = file_path(folder, kind, key, ".json");
    uint8_t *bytes = NULL;
    size_t size;
    json_t *object = NULL;

    if (path != NULL && cir__file_read(path, MAX_JSON_BYTES, &bytes, &size, NULL) == CIR_OK)
        object = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    free(path);
    return object;
}

/* Takes the object, which may be NULL. */
static void object_write(const char *folder, const char *kind, const char *key, json_t *object)
{
    char *path = file_path(folder, kind, key, ".json");
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

    if (path != NULL && text != NULL && cir__file_replace(path, text, strlen(text), NULL) != CIR_OK) {
        /* Made again next time. */
    }
    free(text);
    free(path);
    json_decref(object);
}

/* Seeds and revisions use all 64 bits, JSON's integers here 63. */
static json_t *whole(uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    return json_string(text);
}

static bool is_whole(const json_t *value, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

bool cir__keep_read_mean(const char *folder, uint64_t revision, uint64_t seed, size_t dim, float *mean_out)
{
    json_t *object = object_read(folder, "image-mean", NULL);
    const json_t *mean = json_object_get(object, "mean");
    bool is_good = is_whole(json_object_get(object, "revision"), revision) &&
                   is_whole(json_object_get(object, "seed"), seed) && json_array_size(mean) == dim;

    for (size_t i = 0; is_good && i < dim; i++) {
        const json_t *item = json_array_get(mean, i);
        mean_out[i] = (float)json_number_value(item);
        is_good = json_is_number(item) && isfinite(mean_out[i]);
    }
    json_decref(object);
    return is_good;
}

void cir__keep_write_mean(const char *folder, uint64_t revision, uint64_t seed, const float *mean, size_t dim,
                          size_t n_images)
{
    json_t *items = json_array();

    for (size_t i = 0; i < dim; i++)
        json_array_append_new(items, json_real((double)mean[i]));
    object_write(folder, "image-mean", NULL,
                 json_pack("{so, so, sI, so}", "revision", whole(revision), "seed", whole(seed), "n_images",
                           (json_int_t)n_images, "mean", items));
}

bool cir__keep_read_minima(const char *folder, const char *key, cir__minima *minima_out, size_t *ids_out,
                           size_t max_ids, size_t *n_ids_out)
{
    json_t *object = object_read(folder, "minima", key);
    const json_t *image = json_object_get(object, "image"), *text = json_object_get(object, "text");
    const json_t *rows = json_object_get(object, "rows");
    bool is_good = json_is_number(image) && json_is_number(text) && json_is_array(rows) &&
                   json_array_size(rows) <= max_ids;

    *minima_out = (cir__minima){.image = json_number_value(image), .text = json_number_value(text)};
    is_good = is_good && isfinite(minima_out->image) && isfinite(minima_out->text) &&
              minima_out->image != 0.0 && minima_out->text != 0.0;
    *n_ids_out = is_good ? json_array_size(rows) : 0;
    for (size_t i = 0; i < *n_ids_out && is_good; i++) {
        const json_t *row = json_array_get(rows, i);
        is_good = json_is_integer(row) && json_integer_value(row) >= 0;
        ids_out[i] = (size_t)json_integer_value(row);
    }
    json_decref(object);
    return is_good;
}

void cir__keep_write_minima(const char *folder, const char *key, const cir__minima *minima, const size_t *ids,
                            size_t n_ids)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < n_ids; i++)
        json_array_append_new(rows, json_integer((json_int_t)ids[i]));
    object_write(folder, "minima", key,
                 json_pack("{sf, sf, so}", "image", minima->image, "text", minima->text, "rows", rows));
}
