/* Corpora's features, the projections, the image mean and the two minima, each made once and kept beside the
 * vectors (keep.h).
 *
 * The image mean follows the index: it is that of its searchable images, or of MEAN_IMAGES of them drawn by
 * the seed. The minima do not: they stay what the first estimate from a full sample said, so that scores do
 * not drift while the index grows. An estimate from fewer images than a full sample is replaced once the
 * index has twice as many, and any estimate once fewer than half of its images are left. */
#include "method/stock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "index/open/derived.h"
#include "linalg/rows.h"
#include "method/draw.h"
#include "method/keep.h"
#include "method/mean.h"
#include "method/sample.h"

#define MEAN_IMAGES ((size_t)65536)

/* How minima are estimated: what was kept of another kind is not read. */
#define MINIMA_KIND "spread"

/* Features of a corpus, kept or encoded now. */
static cir_status corpus_get(const cir__stock *stock, const cir__terms *terms, cir_pool *pool,
                             float **features_out, cir_error *err)
{
    const cir__folder *const folder = cir__index_folder(stock->index);
    const size_t dim = stock->rows.dim;
    size_t n, n_floats;
    float *features = NULL;

    if (cir__keep_read_rows(folder, "corpus", terms->key, terms->n, dim, features_out, &n))
        return CIR_OK;
    if (cir__size_mul(terms->n, dim, &n_floats))
        features = cir__new(n_floats, sizeof *features);
    if (features == NULL)
        return cir__fail_memory(err, "a corpus' features");
    const cir_status status =
        cir_model_encode_texts(stock->model, pool, terms->texts, terms->n, features, NULL, err);
    if (status != CIR_OK) {
        free(features);
        return status;
    }
    cir__keep_write_rows(folder, "corpus", terms->key, features, terms->n, dim);
    *features_out = features;
    return CIR_OK;
}

static cir_status object_features_need(cir__stock *stock, cir_pool *pool, cir_error *err)
{
    return stock->object_features != NULL
               ? CIR_OK
               : corpus_get(stock, &stock->objects, pool, &stock->object_features, err);
}

/* The terms that words are joined with. */
static cir_status context_fill(cir__stock *stock, cir_error *err)
{
    const cir__terms *const objects = &stock->objects;
    const size_t n_room = stock->settings.context < objects->n ? stock->settings.context : objects->n;
    size_t *chosen = cir__new(n_room, sizeof *chosen);

    stock->context = cir__new(n_room, sizeof *stock->context);
    if (stock->context == NULL || chosen == NULL) {
        free(chosen);
        return cir__fail_memory(err, "context terms");
    }
    stock->n_context = cir__terms_choose_context(objects, &stock->settings, chosen);
    for (size_t i = 0; i < stock->n_context; i++)
        stock->context[i] = objects->texts[chosen[i]];
    free(chosen);
    return CIR_OK;
}

static cir_status text_mean_fill(cir__stock *stock, cir_pool *pool, cir_error *err)
{
    const cir_status status = object_features_need(stock, pool, err);

    if (status != CIR_OK)
        return status;
    stock->basic.text_mean = stock->text_mean = cir__new(stock->rows.dim, sizeof *stock->text_mean);
    if (stock->text_mean == NULL)
        return cir__fail_memory(err, "a mean feature");
    const cir__row_set objects = {
        .n_rows = stock->objects.n, .dim = stock->rows.dim, .f32 = stock->object_features};
    return cir__rows_mean(&objects, pool, stock->text_mean, NULL, err);
}

static bool mean_is_of_index(const cir_settings *settings)
{
    return settings->image_mean[0] == '\0' || strcmp(settings->image_mean, "index") == 0;
}

/* The mean of the index' images; of none: zeros. */
static cir_status index_mean_fit(const cir__stock *stock, cir_pool *pool, float *mean_out, cir_error *err)
{
    const cir_index_info *const info = cir_index_get_info(stock->index);
    const cir__folder *const folder = cir__index_folder(stock->index);
    const cir_rows *const rows = &stock->rows;
    const uint64_t seed = stock->settings.seed;
    const size_t n_wanted = info->n_ready < MEAN_IMAGES ? info->n_ready : MEAN_IMAGES;

    if (n_wanted == 0 || cir__keep_read_mean(folder, info->state, seed, rows->dim, mean_out))
        return CIR_OK;
    size_t *ids = cir__new(n_wanted, sizeof *ids);
    if (ids == NULL)
        return cir__fail_memory(err, "the index' mean feature");
    const cir__row_set sample = {
        .n_rows = rows->n_rows,
        .dim = rows->dim,
        .f16 = rows->f16,
        .chosen = ids,
        .n_chosen = cir__draw(seed, CIR__DRAW_MEAN, rows->n_rows, rows->ready, info->n_ready, n_wanted, ids)};
    cir_status status = cir__rows_mean(&sample, pool, mean_out, NULL, err);
    if (status == CIR_OK)
        status = cir__mapped_check(rows->f16, err);
    if (status == CIR_OK)
        cir__keep_write_mean(folder, info->state, seed, mean_out, rows->dim, sample.n_chosen);
    free(ids);
    return status;
}

static cir_status image_mean_fill(cir__stock *stock, cir_pool *pool, cir_error *err)
{
    const size_t dim = stock->rows.dim;
    cir_status status = CIR_OK;

    if (mean_is_of_index(&stock->settings)) {
        stock->image_mean = cir__new(dim, sizeof *stock->image_mean);
        status = stock->image_mean != NULL ? index_mean_fit(stock, pool, stock->image_mean, err)
                                           : cir__fail_memory(err, "the index' mean feature");
    } else {
        status = cir__mean_read(stock->settings.image_mean, dim, &stock->image_mean, err);
    }
    stock->basic.image_mean = stock->image_mean;
    return status;
}

/* A name for what a kept file depends on. */
static void key_format(char key_out[CIR__HASH_TEXT_SIZE], const char *what)
{
    snprintf(key_out, CIR__HASH_TEXT_SIZE, "%016llx", (unsigned long long)cir__hash64(what, strlen(what)));
}

/* One of the two projections: kept, or fitted now and kept. */
static cir_status projection_get(cir__stock *stock, const cir__terms *styles, bool is_of_text, cir_pool *pool,
                                 cir__projection *projection_out, cir_error *err)
{
    const cir_settings *const settings = &stock->settings;
    const cir__folder *const folder = cir__index_folder(stock->index);
    const char *const kind = is_of_text ? "text-projection" : "projection";
    const size_t dim = stock->rows.dim;
    char how[128], what[256], key[CIR__HASH_TEXT_SIZE];
    float *style_features = NULL;

    cir__projection_describe(settings, is_of_text, how, sizeof how);
    snprintf(what, sizeof what, "%s %s %s", stock->objects.key, styles->key, how);
    key_format(key, what);
    projection_out->dim = dim;
    if (cir__keep_read_rows(folder, kind, key, 0, dim, &projection_out->directions,
                            &projection_out->n_directions))
        return cir__projection_ready(projection_out, err);
    cir_status status = object_features_need(stock, pool, err);
    if (status == CIR_OK)
        status = corpus_get(stock, styles, pool, &style_features, err);
    if (status == CIR_OK)
        status = (is_of_text ? cir__projection_fit_text : cir__projection_fit)(
            stock->object_features, stock->objects.n, style_features, styles->n, dim, stock->text_mean,
            settings, pool, projection_out, err);
    if (status == CIR_OK)
        cir__keep_write_rows(folder, kind, key, projection_out->directions, projection_out->n_directions,
                             dim);
    free(style_features);
    return status;
}

static cir_status projections_fill(cir__stock *stock, cir_pool *pool, cir_error *err)
{
    const cir_settings *const settings = &stock->settings;
    cir__terms styles;

    cir_status status = cir__terms_read(CIR__CORPUS_STYLES, settings, &styles, err);
    if (status != CIR_OK)
        return status;
    if (settings->project) {
        stock->basic.projection = &stock->projection;
        status = projection_get(stock, &styles, false, pool, &stock->projection, err);
    }
    if (settings->project_text && status == CIR_OK) {
        stock->basic.text_projection = &stock->text_projection;
        status = projection_get(stock, &styles, true, pool, &stock->text_projection, err);
    }
    cir__terms_done(&styles);
    return status;
}

/* Whether kept minima still hold; ids: the rows that they come from. */
static bool minima_hold(const cir__stock *stock, const size_t *ids, size_t n_ids)
{
    const cir_rows *const rows = &stock->rows;
    size_t n_left = 0;

    for (size_t i = 0; i < n_ids; i++)
        n_left += ids[i] < rows->n_rows && rows->ready[ids[i]] != 0;
    return 2 * n_left >= n_ids &&
           (n_ids >= CIR__SAMPLE_IMAGES || cir_index_get_info(stock->index)->n_ready / 2 < n_ids);
}

static cir_status minima_estimate(cir__stock *stock, cir_pool *pool, cir__minima *minima_out, cir_error *err)
{
    const cir_settings *const settings = &stock->settings;
    const cir__folder *const folder = cir__index_folder(stock->index);
    const cir__basic *const basic = &stock->basic;
    char what[256], key[CIR__HASH_TEXT_SIZE];
    size_t ids[CIR__SAMPLE_IMAGES], n_ids;

    /* The index' own mean moves a little with every update; a file's does not, and makes other minima. */
    const uint64_t mean_hash = mean_is_of_index(settings) || basic->image_mean == NULL
                                   ? 0
                                   : cir__hash64(basic->image_mean, basic->dim * sizeof *basic->image_mean);
    snprintf(what, sizeof what, MINIMA_KIND " %s %llx %d %llu", stock->objects.key,
             (unsigned long long)mean_hash, settings->centre, (unsigned long long)settings->seed);
    key_format(key, what);
    if (cir__keep_read_minima(folder, key, minima_out, ids, CIR__SAMPLE_IMAGES, &n_ids) &&
        minima_hold(stock, ids, n_ids))
        return CIR_OK;
    cir_status status = object_features_need(stock, pool, err);
    if (status == CIR_OK)
        status = cir__sample_minima(&stock->rows, stock->object_features, stock->objects.n, basic->image_mean,
                                    basic->text_mean, settings->seed, pool, minima_out, ids, &n_ids, err);
    if (status == CIR_OK)
        status = cir__mapped_check(stock->rows.f16, err);
    if (status == CIR_OK && minima_out->source == CIR_MINIMA_ESTIMATED)
        cir__keep_write_minima(folder, key, minima_out, ids, n_ids);
    return status;
}

static cir_status minima_fill(cir__stock *stock, cir_pool *pool, cir_error *err)
{
    cir_settings *const settings = &stock->settings;
    cir__minima minima = {0};

    if (!settings->has_min_image || !settings->has_min_text) {
        const cir_status status = minima_estimate(stock, pool, &minima, err);
        if (status != CIR_OK)
            return status;
        settings->minima_source = minima.source;
    }
    if (!settings->has_min_image)
        settings->min_image = minima.image;
    if (!settings->has_min_text)
        settings->min_text = minima.text;
    settings->has_min_image = settings->has_min_text = true;
    stock->basic.minima = (cir__minima){.image = settings->min_image, .text = settings->min_text};
    return CIR_OK;
}

cir_status cir__stock_fill(cir__stock *stock, const cir_index *index, const cir_model *model,
                           const cir_settings *settings, cir_pool *pool, cir_error *err)
{
    *stock =
        (cir__stock){.index = index, .model = model, .settings = *settings, .rows = cir_rows_of_index(index)};
    stock->basic.dim = stock->rows.dim;

    cir_status status = cir__terms_read(CIR__CORPUS_OBJECTS, settings, &stock->objects, err);
    if (status == CIR_OK && settings->contextualise)
        status = context_fill(stock, err);
    if (status == CIR_OK && settings->centre)
        status = text_mean_fill(stock, pool, err);
    if (status == CIR_OK && settings->centre)
        status = image_mean_fill(stock, pool, err);
    if (status == CIR_OK && (settings->project || settings->project_text))
        status = projections_fill(stock, pool, err);
    if (status == CIR_OK && settings->normalise)
        status = minima_fill(stock, pool, err);
    free(stock->object_features);
    stock->object_features = NULL;
    return status;
}

cir_status cir__stock_fill_vocabulary(cir__stock *stock, const cir_index *index, const cir_model *model,
                                      const cir_settings *settings, cir_pool *pool, cir_error *err)
{
    *stock =
        (cir__stock){.index = index, .model = model, .settings = *settings, .rows = cir_rows_of_index(index)};
    const cir_status status = cir__terms_read(CIR__CORPUS_OBJECTS, settings, &stock->objects, err);
    return status == CIR_OK ? object_features_need(stock, pool, err) : status;
}

void cir__stock_done(cir__stock *stock)
{
    cir__terms_done(&stock->objects);
    cir__projection_done(&stock->projection);
    cir__projection_done(&stock->text_projection);
    free(stock->context);
    free(stock->object_features);
    free(stock->image_mean);
    free(stock->text_mean);
    memset(stock, 0, sizeof *stock);
}
