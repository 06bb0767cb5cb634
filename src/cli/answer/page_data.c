#include "cli/answer/page_data.h"

#include <glib.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/common/output.h"
#include "cli/common/thumbnails.h"

enum {
    THUMBNAIL_PX = 256,     /* the long side */
    THUMBNAIL_QUALITY = 82, /* about 10 kB each */
    MAX_THUMBNAILS = 2000,  /* about 30 MB of page */
    MAX_POINTS = 20000,     /* beyond it a density says as much in less */
    DENSITY_COLUMNS = 200,
    DENSITY_ROWS = 170,
    MAX_BARS = 90
};

/* ---- JSON ---- */

/* Takes value over; NULL (no memory) turns *is_whole off. */
static void put(json_t *object, const char *key, json_t *value, bool *is_whole)
{
    if (json_object_set_new(object, key, value) != 0)
        *is_whole = false;
}

static json_t *range_new(float low, float high)
{
    return json_pack("[f, f]", (double)low, (double)high);
}

/* n 32-bit words, already little-endian. */
static json_t *packed_new(const uint32_t *words, size_t n)
{
    gchar *text = g_base64_encode((const guchar *)words, n * sizeof *words);
    json_t *made = json_string(text);
    g_free(text);
    return made;
}

static uint32_t float_word(float value)
{
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    return GUINT32_TO_LE(word);
}

/* ---- photos ---- */

/* Where a browser finds the file; null when it is gone. */
static json_t *href_new(const char *path)
{
    char *absolute = realpath(path, NULL);
    gchar *uri = absolute != NULL ? g_filename_to_uri(absolute, NULL, NULL) : NULL;
    json_t *made = uri != NULL ? json_string(uri) : json_null();
    g_free(uri);
    free(absolute);
    return made;
}

/* An object that a callback fills in. */
typedef struct filling {
    json_t *object;
    bool is_whole;
} filling;

static json_t *data_address_new(const uint8_t *bytes, size_t size)
{
    gchar *text = g_base64_encode(bytes, size);
    gchar *address = g_strconcat("data:image/jpeg;base64,", text, NULL);
    json_t *made = json_string(address);
    g_free(address);
    g_free(text);
    return made;
}

static void take_thumbnail(void *context, size_t i, const cir__thumbnail *thumbnail)
{
    filling *to = (filling *)context + i; /* no other thread's */
    cir_error err;
    uint8_t *bytes = NULL;
    size_t size = 0;
    const char *reason = thumbnail->reason;
    if (thumbnail->image != NULL &&
        cir_image_format_jpeg(thumbnail->image, THUMBNAIL_QUALITY, &bytes, &size, &err) != CIR_OK)
        reason = err.message;
    if (reason != NULL) {
        put(to->object, "error", cir__json_text(reason), &to->is_whole);
        return;
    }
    put(to->object, "thumb", data_address_new(bytes, size), &to->is_whole);
    put(to->object, "width", cir__json_size(thumbnail->image->width_px), &to->is_whole);
    put(to->object, "height", cir__json_size(thumbnail->image->height_px), &to->is_whole);
    put(to->object, "photo_width", cir__json_size(thumbnail->photo_width_px), &to->is_whole);
    put(to->object, "photo_height", cir__json_size(thumbnail->photo_height_px), &to->is_whole);
    cir_bytes_free(bytes);
}

/* objects[i] gets the path, address and picture of from[i]. */
static bool fill_photos(json_t **objects, const cir__thumbnail_photo *from, size_t n, const cir_pool *pool)
{
    bool is_whole = true;
    filling *photos = calloc(n > 0 ? n : 1, sizeof *photos);
    if (photos == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        photos[i] = (filling){objects[i], true};
        put(objects[i], "path", cir__json_text(from[i].path), &is_whole);
        put(objects[i], "href", href_new(from[i].path), &is_whole);
        if (i >= MAX_THUMBNAILS)
            put(objects[i], "error", json_string("a page shows the pictures of its first 2,000 photos"),
                &is_whole);
    }
    cir__thumbnails_make(from, n < MAX_THUMBNAILS ? n : MAX_THUMBNAILS, THUMBNAIL_PX, THUMBNAIL_PX, pool,
                         take_thumbnail, photos);
    for (size_t i = 0; i < n; i++)
        is_whole = is_whole && photos[i].is_whole;
    free(photos);
    return is_whole;
}

static json_t *taken_new(int64_t taken_at)
{
    time_t seconds = (time_t)taken_at;
    struct tm day;
    char text[64];
    if (taken_at == INT64_MIN || gmtime_r(&seconds, &day) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%d %H:%M", &day) == 0)
        return json_null();
    return json_string(text);
}

static json_t *hit_new(const cir__answer *answer, size_t i)
{
    const cir_answer_hit *from = &answer->hits[i];
    bool is_whole = true;
    json_t *made = json_object();
    put(made, "rank", cir__json_size(i + 1), &is_whole);
    put(made, "id", cir__json_size(from->id), &is_whole);
    put(made, "score", cir__json_number((double)from->score), &is_whole);
    put(made, "image_score", cir__json_number((double)from->image_score), &is_whole);
    put(made, "text_score", cir__json_number((double)from->text_score), &is_whole);
    put(made, "taken", taken_new(from->record->taken_at), &is_whole);
    if (answer->has_ranks) {
        put(made, "image_rank", cir__json_size(from->image_rank), &is_whole);
        put(made, "text_rank", cir__json_size(from->text_rank), &is_whole);
    }
    if (is_whole)
        return made;
    json_decref(made);
    return NULL;
}

/* The hits and the query's photo together, so that all are read in one go. */
static bool put_photos(json_t *data, const cir__answer *answer, const cir_pool *pool)
{
    bool is_whole = true;
    bool has_image = answer->query_image_path != NULL;
    size_t n = answer->n_hits + (has_image ? 1 : 0);
    json_t **objects = calloc(n + 1, sizeof *objects);
    cir__thumbnail_photo *photos = calloc(n + 1, sizeof *photos);
    json_t *query = json_object();
    json_t *hits = json_array();
    put(data, "query", query, &is_whole);
    put(data, "hits", hits, &is_whole);
    if (objects == NULL || photos == NULL || !is_whole) {
        is_whole = false;
        goto done;
    }
    put(query, "text", cir__json_text(answer->query_text), &is_whole);
    put(query, "n_cut", cir__json_size(answer->n_cut), &is_whole);
    put(query, "image", has_image ? json_object() : json_null(), &is_whole);
    size_t at = 0;
    if (has_image) {
        objects[at] = json_object_get(query, "image");
        photos[at++] = (cir__thumbnail_photo){answer->query_image_path, answer->index, answer->query_record};
    }
    for (size_t i = 0; i < answer->n_hits && is_whole; i++) {
        objects[at] = hit_new(answer, i);
        is_whole = json_array_append_new(hits, objects[at]) == 0;
        const cir_image_record *record = answer->hits[i].record;
        photos[at++] = (cir__thumbnail_photo){record->path, answer->index, record};
    }
    is_whole = is_whole && fill_photos(objects, photos, n, pool);
done:
    free(photos);
    free(objects);
    return is_whole;
}

/* ---- the scores of all photos ---- */

typedef struct span {
    float low, high;
} span;

static void span_widen(span *range, float value)
{
    if (value < range->low)
        range->low = value;
    if (value > range->high)
        range->high = value;
}

static size_t bin_of(span range, float value, size_t n_bins)
{
    float part = range.high > range.low ? (value - range.low) / (range.high - range.low) : 0.0f;
    size_t bin = (size_t)(part * (float)n_bins);
    return bin < n_bins ? bin : n_bins - 1;
}

static json_t *bars_new(const float *scores, size_t n_rows, const char *side)
{
    uint32_t counts[MAX_BARS] = {0};
    size_t n = 0;
    span range = {INFINITY, -INFINITY};
    for (size_t i = 0; i < n_rows; i++)
        if (isfinite(scores[i])) {
            span_widen(&range, scores[i]);
            n++;
        }
    if (n == 0)
        return json_null();
    size_t n_bars = 1; /* 2·√n */
    while (n_bars < MAX_BARS && n_bars * n_bars < 4 * n)
        n_bars++;
    for (size_t i = 0; i < n_rows; i++)
        if (isfinite(scores[i]))
            counts[bin_of(range, scores[i], n_bars)]++;
    for (size_t i = 0; i < n_bars; i++)
        counts[i] = GUINT32_TO_LE(counts[i]);
    return json_pack("{s:s, s:s, s:o, s:o}", "kind", "bars", "side", side, "range",
                     range_new(range.low, range.high), "counts", packed_new(counts, n_bars));
}

static bool is_plotted(const cir__answer *answer, size_t i)
{
    return isfinite(answer->image_scores[i]) && isfinite(answer->text_scores[i]);
}

static json_t *points_new(const cir__answer *answer, size_t n)
{
    uint32_t *words = malloc(3 * n * sizeof *words);
    if (words == NULL)
        return NULL;
    size_t at = 0;
    for (size_t i = 0; i < answer->n_rows && at < n; i++)
        if (is_plotted(answer, i)) {
            words[at] = GUINT32_TO_LE((uint32_t)i);
            words[n + at] = float_word(answer->image_scores[i]);
            words[2 * n + at] = float_word(answer->text_scores[i]);
            at++;
        }
    json_t *made = json_pack("{s:s, s:o, s:o, s:o}", "kind", "points", "ids", packed_new(words, n), "image",
                             packed_new(words + n, n), "text", packed_new(words + 2 * n, n));
    free(words);
    return made;
}

static json_t *density_new(const cir__answer *answer, span image, span text)
{
    enum { N_CELLS = DENSITY_COLUMNS * DENSITY_ROWS };
    uint32_t *counts = calloc(3 * (size_t)N_CELLS, sizeof *counts);
    if (counts == NULL)
        return NULL;
    for (size_t i = 0; i < answer->n_rows; i++)
        if (is_plotted(answer, i))
            counts[bin_of(text, answer->text_scores[i], DENSITY_ROWS) * DENSITY_COLUMNS +
                   bin_of(image, answer->image_scores[i], DENSITY_COLUMNS)]++;
    uint32_t *cells = counts + N_CELLS;
    size_t n_words = 0;
    uint32_t most = 0;
    for (uint32_t i = 0; i < N_CELLS; i++)
        if (counts[i] > 0) {
            cells[n_words++] = GUINT32_TO_LE(i);
            cells[n_words++] = GUINT32_TO_LE(counts[i]);
            most = counts[i] > most ? counts[i] : most;
        }
    json_t *made =
        json_pack("{s:s, s:i, s:i, s:I, s:o}", "kind", "density", "columns", DENSITY_COLUMNS, "rows",
                  DENSITY_ROWS, "most", (json_int_t)most, "cells", packed_new(cells, n_words));
    free(counts);
    return made;
}

static json_t *scatter_new(const cir__answer *answer)
{
    if (answer->fusion.kind == CIR_FUSION_IMAGE && answer->image_scores != NULL)
        return bars_new(answer->image_scores, answer->n_rows, "image");
    if (answer->fusion.kind == CIR_FUSION_TEXT && answer->text_scores != NULL)
        return bars_new(answer->text_scores, answer->n_rows, "text");
    if (answer->image_scores == NULL || answer->text_scores == NULL)
        return json_null();
    span image = {INFINITY, -INFINITY};
    span text = {INFINITY, -INFINITY};
    size_t n = 0;
    for (size_t i = 0; i < answer->n_rows; i++)
        if (is_plotted(answer, i)) {
            span_widen(&image, answer->image_scores[i]);
            span_widen(&text, answer->text_scores[i]);
            n++;
        }
    if (n == 0)
        return json_null();
    json_t *made = n <= MAX_POINTS ? points_new(answer, n) : density_new(answer, image, text);
    bool is_whole = true;
    put(made, "image_range", range_new(image.low, image.high), &is_whole);
    put(made, "text_range", range_new(text.low, text.high), &is_whole);
    if (is_whole)
        return made;
    json_decref(made);
    return NULL;
}

/* ---- the whole ---- */

static void put_setting(void *context, const cir_setting_info *setting, const char *value)
{
    filling *to = context;
    put(to->object, setting->key, cir__json_text(value), &to->is_whole);
}

json_t *cir__page_data_new(const cir__answer *answer, const cir_pool *pool)
{
    bool is_whole = true;
    json_t *data = json_object();
    filling settings = {json_object(), true};
    put(data, "cir", cir__json_text(cir_version()), &is_whole);
    put(data, "index", cir__json_text(answer->index_path), &is_whole);
    put(data, "model", cir__json_text(answer->model_name), &is_whole);
    put(data, "fingerprint", cir__json_text(answer->model_fingerprint), &is_whole);
    put(data, "method", cir__json_text(cir_method_name(answer->method)), &is_whole);
    put(data, "method_meaning", cir__json_text(cir_method_get_info(answer->method)->meaning), &is_whole);
    if (answer->settings != NULL)
        cir_settings_list(answer->settings, put_setting, &settings);
    is_whole = is_whole && settings.is_whole;
    put(data, "settings", settings.object, &is_whole);
    put(data, "n_images", cir__json_size(answer->n_images), &is_whole);
    put(data, "ms",
        json_pack("{s:f, s:f, s:f}", "encode", answer->encode_ms, "search", answer->search_ms, "total",
                  answer->total_ms),
        &is_whole);
    put(data, "fusion", cir__fusion_json(&answer->fusion), &is_whole);
    put(data, "has_ranks", json_boolean(answer->has_ranks), &is_whole);
    put(data, "scatter", scatter_new(answer), &is_whole);
    if (is_whole && put_photos(data, answer, pool))
        return data;
    json_decref(data);
    return NULL;
}
