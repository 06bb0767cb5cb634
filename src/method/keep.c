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

enum { NAME_SIZE = 128 };

/* "kind-key.ending", without "-key" where key is NULL. */
static void make_name(const char *kind, const char *key, const char *ending, char name_out[NAME_SIZE])
{
    snprintf(name_out, NAME_SIZE, "%s%s%s%s", kind, key != NULL ? "-" : "", key != NULL ? key : "", ending);
}

bool cir__keep_read_rows(const cir__folder *folder, const char *kind, const char *key, size_t n_wanted,
                         size_t dim, float **rows_out, size_t *n_out)
{
    char name[NAME_SIZE];
    cir__npy_view view;
    bool is_good = false;

    *rows_out = NULL;
    *n_out = 0;
    make_name(kind, key, ".npy", name);
    if (cir__npy_read_in(folder, name, rows_out, &view, NULL) == CIR_OK) {
        is_good = view.n_dims == 2 && view.row_items == dim && view.n_rows > 0 &&
                  (n_wanted == 0 || view.n_rows == n_wanted);
        for (size_t i = 0; is_good && i < view.n_rows * dim; i++)
            is_good = isfinite((*rows_out)[i]);
    }
    if (is_good) {
        *n_out = view.n_rows;
        return true;
    }
    free(*rows_out);
    *rows_out = NULL;
    return false;
}

void cir__keep_write_rows(const cir__folder *folder, const char *kind, const char *key, const float *rows,
                          size_t n, size_t dim)
{
    char name[NAME_SIZE];

    make_name(kind, key, ".npy", name);
    if (n > 0 && cir__npy_write_in(folder, name, CIR__NPY_F32, n, dim, rows, NULL) != CIR_OK) {
        /* Made again next time. */
    }
}

/* The object in a file; NULL: there is none. */
static json_t *object_read(const cir__folder *folder, const char *kind, const char *key)
{
    char name[NAME_SIZE];
    uint8_t *bytes = NULL;
    size_t size;
    json_t *object = NULL;

    make_name(kind, key, ".json", name);
    if (cir__folder_read(folder, name, MAX_JSON_BYTES, &bytes, &size, NULL) == CIR_OK)
        object = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    return object;
}

/* Takes the object, which may be NULL. */
static void object_write(const cir__folder *folder, const char *kind, const char *key, json_t *object)
{
    char name[NAME_SIZE];
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

    make_name(kind, key, ".json", name);
    if (text != NULL && cir__folder_replace(folder, name, 0666, text, strlen(text), NULL) != CIR_OK) {
        /* Made again next time. */
    }
    free(text);
    json_decref(object);
}

/* Seeds and states use all 64 bits, JSON's integers here 63. */
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

bool cir__keep_read_mean(const cir__folder *folder, uint64_t state, uint64_t seed, size_t dim,
                         float *mean_out)
{
    json_t *object = object_read(folder, "image-mean", NULL);
    const json_t *mean = json_object_get(object, "mean");
    bool is_good = is_whole(json_object_get(object, "state"), state) &&
                   is_whole(json_object_get(object, "seed"), seed) && json_array_size(mean) == dim;

    for (size_t i = 0; is_good && i < dim; i++) {
        const json_t *item = json_array_get(mean, i);
        mean_out[i] = (float)json_number_value(item);
        is_good = json_is_number(item) && isfinite(mean_out[i]);
    }
    json_decref(object);
    return is_good;
}

void cir__keep_write_mean(const cir__folder *folder, uint64_t state, uint64_t seed, const float *mean,
                          size_t dim, size_t n_images)
{
    json_t *items = json_array();

    for (size_t i = 0; i < dim; i++)
        json_array_append_new(items, json_real((double)mean[i]));
    object_write(folder, "image-mean", NULL,
                 json_pack("{so, so, sI, so}", "state", whole(state), "seed", whole(seed), "n_images",
                           (json_int_t)n_images, "mean", items));
}

bool cir__keep_read_minima(const cir__folder *folder, const char *key, cir__minima *minima_out,
                           size_t *ids_out, size_t max_ids, size_t *n_ids_out)
{
    json_t *object = object_read(folder, "minima", key);
    const json_t *image = json_object_get(object, "image"), *text = json_object_get(object, "text");
    const json_t *rows = json_object_get(object, "rows");
    bool is_good = json_is_number(image) && json_is_number(text) && json_is_array(rows) &&
                   json_array_size(rows) <= max_ids;

    *minima_out = (cir__minima){
        .image = json_number_value(image), .text = json_number_value(text), .source = CIR_MINIMA_ESTIMATED};
    is_good = is_good && isfinite(minima_out->image) && isfinite(minima_out->text) &&
              minima_out->image < 0.0 && minima_out->text < 0.0;
    *n_ids_out = is_good ? json_array_size(rows) : 0;
    for (size_t i = 0; i < *n_ids_out && is_good; i++) {
        const json_t *row = json_array_get(rows, i);
        is_good = json_is_integer(row) && json_integer_value(row) >= 0;
        ids_out[i] = (size_t)json_integer_value(row);
    }
    json_decref(object);
    return is_good;
}

void cir__keep_write_minima(const cir__folder *folder, const char *key, const cir__minima *minima,
                            const size_t *ids, size_t n_ids)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < n_ids; i++)
        json_array_append_new(rows, json_integer((json_int_t)ids[i]));
    object_write(folder, "minima", key,
                 json_pack("{sf, sf, so}", "image", minima->image, "text", minima->text, "rows", rows));
}
