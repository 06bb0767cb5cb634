/* An index as the source of a fit. What was made lies beside the vectors, so that the next composer need not
 * make it again. Every file can be rebuilt: what cannot be read, or has another shape than expected, counts
 * as not there, and what cannot be written (read-only media, a full disk) is left out in silence.
 *
 *   corpus-KEY.npy       float32 [n_terms, dim]: unit features of a corpus; KEY names its terms
 *   projection-KEY.npy, text-projection-KEY.npy
 *                        float32 [n_directions, dim]; KEY names both corpora and the settings they depend on
 *   image-mean.json      the mean of the index' images, and of which state of the index and seed it is
 *   minima-KEY.json      the two minima and the rows they were estimated from; KEY names what else they
 *                        depend on
 *
 * The image mean follows the index. The minima do not: they stay what the first estimate from a full sample
 * said, so that scores do not drift while the index grows. An estimate from fewer images than a full sample
 * is replaced once the index has twice as many, and any estimate once fewer than half of its images are
 * left. */
#include "method/fit_index.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "format/npy.h"
#include "index/open/derived.h"
#include "method/sample.h"

#define MAX_JSON_BYTES ((size_t)4 << 20)

enum { NAME_SIZE = 128 };

/* "kind-key.ending", without "-key" where key is NULL. */
static void make_name(const char *kind, const char *key, const char *ending, char name_out[NAME_SIZE])
{
    snprintf(name_out, NAME_SIZE, "%s%s%s%s", kind, key != NULL ? "-" : "", key != NULL ? key : "", ending);
}

static bool npy_read(const cir_index *index, const char *kind, const char *key, size_t n_wanted,
                     float **rows_out, size_t *n_out)
{
    const size_t dim = cir_index_get_info(index)->model->dim;
    char name[NAME_SIZE];
    cir__npy_view view;
    bool is_good = false;

    make_name(kind, key, ".npy", name);
    if (cir__npy_read_in(cir__index_folder(index), name, rows_out, &view, NULL) == CIR_OK) {
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

/* The object in a file; NULL: there is none. */
static json_t *object_read(const cir_index *index, const char *kind, const char *key)
{
    char name[NAME_SIZE];
    uint8_t *bytes = NULL;
    size_t size;
    json_t *object = NULL;

    make_name(kind, key, ".json", name);
    if (cir__folder_read(cir__index_folder(index), name, MAX_JSON_BYTES, &bytes, &size, NULL) == CIR_OK)
        object = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    return object;
}

/* Takes the object, which may be NULL. */
static void object_write(const cir_index *index, const char *kind, const char *key, json_t *object)
{
    char name[NAME_SIZE];
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

    make_name(kind, key, ".json", name);
    if (text != NULL &&
        cir__folder_replace(cir__index_folder(index), name, 0666, text, strlen(text), NULL) != CIR_OK) {
        /* Made again next time. */
    }
    free(text);
    json_decref(object);
}

/* States use all 64 bits, JSON's integers here 63. */
static void state_format(const cir_index *index, char text_out[24])
{
    snprintf(text_out, 24, "%" PRIu64, cir_index_get_info(index)->state);
}

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* seed: how the images were drawn. */
static bool mean_read(const cir_index *index, const char *seed, float **mean_out)
{
    const size_t dim = cir_index_get_info(index)->model->dim;
    json_t *object = object_read(index, "image-mean", NULL);
    const json_t *mean = json_object_get(object, "mean");
    float *const out = cir__new(dim, sizeof *out);
    char state[24];

    state_format(index, state);
    bool is_good = out != NULL && is_text(json_object_get(object, "state"), state) &&
                   is_text(json_object_get(object, "seed"), seed) && json_array_size(mean) == dim;
    for (size_t i = 0; is_good && i < dim; i++) {
        const json_t *item = json_array_get(mean, i);
        out[i] = (float)json_number_value(item);
        is_good = json_is_number(item) && isfinite(out[i]);
    }
    json_decref(object);
    if (!is_good)
        free(out);
    else
        *mean_out = out;
    return is_good;
}

static void mean_write(const cir_index *index, const char *seed, const float *mean)
{
    json_t *items = json_array();
    char state[24];

    state_format(index, state);
    for (size_t i = 0; i < cir_index_get_info(index)->model->dim; i++)
        json_array_append_new(items, json_real((double)mean[i]));
    object_write(index, "image-mean", NULL,
                 json_pack("{ss, ss, so}", "state", state, "seed", seed, "mean", items));
}

static bool rows_read(void *context, const char *kind, const char *key, size_t n_wanted, float **rows_out,
                      size_t *n_out)
{
    *rows_out = NULL;
    *n_out = 1;
    return strcmp(kind, "image-mean") == 0 ? mean_read(context, key, rows_out)
                                           : npy_read(context, kind, key, n_wanted, rows_out, n_out);
}

static void rows_write(void *context, const char *kind, const char *key, const float *rows, size_t n)
{
    const cir_index *const index = context;
    char name[NAME_SIZE];

    if (strcmp(kind, "image-mean") == 0) {
        mean_write(index, key, rows);
        return;
    }
    make_name(kind, key, ".npy", name);
    if (cir__npy_write_in(cir__index_folder(index), name, CIR__NPY_F32, n,
                          cir_index_get_info(index)->model->dim, rows, NULL) != CIR_OK) {
        /* Made again next time. */
    }
}

/* Whether minima still hold that were estimated from rows. */
static bool rows_hold(const cir_index *index, const json_t *rows)
{
    const uint8_t *const ready = cir_index_get_rows(index).ready;
    const cir_index_info *const info = cir_index_get_info(index);
    const size_t n = json_array_size(rows);
    size_t n_left = 0;

    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        if (!json_is_integer(row) || json_integer_value(row) < 0)
            return false;
        const size_t id = (size_t)json_integer_value(row);
        n_left += id < info->n_rows && ready[id] != 0;
    }
    return n <= CIR__SAMPLE_IMAGES && 2 * n_left >= n && (n == CIR__SAMPLE_IMAGES || info->n_ready / 2 < n);
}

static bool minima_read(void *context, const char *key, cir__minima *minima_out)
{
    json_t *object = object_read(context, "minima", key);
    const json_t *image = json_object_get(object, "image"), *text = json_object_get(object, "text");
    const json_t *rows = json_object_get(object, "rows");
    const cir__minima read = {
        .image = json_number_value(image), .text = json_number_value(text), .source = CIR_MINIMA_ESTIMATED};
    const bool is_good = json_is_number(image) && json_is_number(text) && isfinite(read.image) &&
                         isfinite(read.text) && read.image < 0.0 && read.text < 0.0 && json_is_array(rows) &&
                         rows_hold(context, rows);

    json_decref(object);
    if (is_good)
        *minima_out = read;
    return is_good;
}

static void minima_write(void *context, const char *key, const cir__minima *minima, const size_t *ids,
                         size_t n_ids)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < n_ids; i++)
        json_array_append_new(rows, json_integer((json_int_t)ids[i]));
    object_write(context, "minima", key,
                 json_pack("{sf, sf, so}", "image", minima->image, "text", minima->text, "rows", rows));
}

cir__fit_source cir__fit_source_of_index(const cir_index *index, const cir_model *model)
{
    return (cir__fit_source){.name = cir_index_get_info(index)->path,
                             .model = model,
                             .rows = cir_index_get_rows(index),
                             .context = (void *)index,
                             .read_rows = rows_read,
                             .write_rows = rows_write,
                             .read_minima = minima_read,
                             .write_minima = minima_write};
}
