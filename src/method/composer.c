/* A method made ready for one index and one model: BASIC with its stock, FREEDOM with its vocabulary, the
 * others with nothing. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "index/open/derived.h"
#include "method/baseline.h"
#include "method/basic.h"
#include "method/contextualise.h"
#include "method/freedom.h"
#include "method/recent.h"
#include "method/stock.h"
#include "method/weicom.h"

/* How the methods of a family are prepared for an index, and composed from features. */
typedef struct family {
    cir_status (*prepare)(cir__stock *stock, const cir_index *index, const cir_model *model,
                          const cir_settings *settings, cir_pool *pool, cir_error *err);
    /* NULL: from the text alone, as words have no feature without the photo */
    cir_status (*compose)(const cir_composer *composer, const cir_settings *settings, cir_pool *pool,
                          const float *image, const float *text, cir_composed *composed_out, cir_error *err);
} family;

struct cir_composer {
    cir_method method;
    const cir_method_info *info;
    const family *family;
    const cir_model *model;
    size_t dim;
    cir__stock stock; /* of baselines and WeiCom only settings and rows */
    char text_key[CIR__HASH_TEXT_SIZE];
    cir__recent recent;
};

/* Whether words are joined with terms before they are encoded. */
static bool contextualises(const cir_composer *composer)
{
    return composer->info->contextualises && composer->stock.settings.contextualise;
}

/* Words depend on the terms they are joined with and on nothing else of the settings. false: memory. */
static bool text_key_make(cir_composer *composer)
{
    const cir__stock *const stock = &composer->stock;
    if (composer->info->words_need_photo)
        return true;
    if (!contextualises(composer)) {
        strcpy(composer->text_key, "plain");
        return true;
    }
    cir__hash *hash = cir__hash_new();
    if (hash == NULL)
        return false;
    for (size_t i = 0; i < stock->n_context; i++)
        cir__hash_push(hash, stock->context[i], strlen(stock->context[i]) + 1);
    cir__hash_format(hash, composer->text_key);
    cir__hash_free(hash);
    return true;
}

/* ---- families ---- */

static cir_status plain_prepare(cir__stock *stock, const cir_index *index, const cir_model *model,
                                const cir_settings *settings, cir_pool *pool, cir_error *err)
{
    (void)model, (void)pool, (void)err;
    *stock = (cir__stock){.settings = *settings, .rows = cir_rows_of_index(index)};
    return CIR_OK;
}

static cir_status baseline_compose(const cir_composer *composer, const cir_settings *settings, cir_pool *pool,
                                   const float *image, const float *text, cir_composed *composed_out,
                                   cir_error *err)
{
    (void)pool;
    return cir__baseline_compose(composer->method, settings, composer->dim, image, text, composed_out, err);
}

static cir_status weicom_compose(const cir_composer *composer, const cir_settings *settings, cir_pool *pool,
                                 const float *image, const float *text, cir_composed *composed_out,
                                 cir_error *err)
{
    return cir__weicom_compose(settings, &composer->stock.rows, pool, image, text, composed_out, err);
}

static cir_status basic_compose(const cir_composer *composer, const cir_settings *settings, cir_pool *pool,
                                const float *image, const float *text, cir_composed *composed_out,
                                cir_error *err)
{
    const cir__stock *const stock = &composer->stock;
    return cir__basic_compose(&stock->basic, settings, &stock->rows, pool, image, text, composed_out, err);
}

static const family families[] = {
    [CIR_FAMILY_BASELINE] = {plain_prepare, baseline_compose},
    [CIR_FAMILY_WEICOM] = {plain_prepare, weicom_compose},
    [CIR_FAMILY_EXTERNAL] = {0}, /* no index has its features */
    [CIR_FAMILY_FREEDOM] = {cir__stock_fill_vocabulary, NULL},
    [CIR_FAMILY_BASIC] = {cir__stock_fill, basic_compose},
};
static_assert(sizeof families / sizeof families[0] == CIR_N_FAMILIES, "a family has no row");

/* ---- the composer ---- */

cir_status cir_composer_new(const cir_index *index, const cir_model *model, cir_pool *pool, cir_method method,
                            const cir_settings *settings, cir_composer **composer_out, cir_error *err)
{
    const cir_index_info *const info = cir_index_get_info(index);
    const cir_model_info *const model_info = cir_model_get_info(model);
    cir_status status = CIR_OK;

    cir__error_clear(err);
    *composer_out = NULL;
    if (strcmp(info->model->fingerprint, model_info->fingerprint) != 0)
        return cir__fail(
            err, CIR_MISMATCH,
            "%s: shows the features of model %s, the query's model is %s; open the index with that model",
            info->path, info->model->name, model_info->name);
    const cir_method_info *const method_info = cir_method_get_info(method);
    if (method_info->needs_composed)
        return cir__fail(err, CIR_ARGUMENT,
                         "method %s: an index has no composed features; evaluate them with cir eval "
                         "--features, or choose another method",
                         cir_method_name(method));
    cir_composer *composer = cir__new(1, sizeof *composer);
    if (composer == NULL)
        return cir__fail_memory(err, "a composer");
    *composer = (cir_composer){
        .method = method,
        .info = method_info,
        .family = &families[method_info->family],
        .model = model,
        .dim = info->model->dim,
        .recent = {model, settings->forgets_texts ? NULL : cir__index_folder(index)},
    };
    status = composer->family->prepare(&composer->stock, index, model, settings, pool, err);
    if (status == CIR_OK && !text_key_make(composer))
        status = cir__fail_memory(err, "a composer");
    if (status != CIR_OK) {
        cir_composer_free(composer);
        return status;
    }
    *composer_out = composer;
    return CIR_OK;
}

void cir_composer_free(cir_composer *composer)
{
    if (composer == NULL)
        return;
    cir__stock_done(&composer->stock);
    free(composer);
}

const cir_settings *cir_composer_get_settings(const cir_composer *composer)
{
    return &composer->stock.settings;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The words' feature: alone, or among object terms; kept, or made now and kept. */
static cir_status text_encode(const cir_composer *composer, cir_pool *pool, const char *text,
                              float *feature_out, size_t *n_cut_out, cir_error *err)
{
    const cir__stock *const stock = &composer->stock;

    if (!contextualises(composer))
        return cir__recent_encode(&composer->recent, pool, &text, 1, feature_out, n_cut_out, err);
    if (cir__recent_find(&composer->recent, composer->text_key, text, feature_out, n_cut_out))
        return CIR_OK;
    const cir_status status = cir__contextualise(composer->model, pool, text, stock->context,
                                                 stock->n_context, feature_out, n_cut_out, err);
    if (status == CIR_OK)
        cir__recent_keep(&composer->recent, composer->text_key, text, feature_out, *n_cut_out);
    return status;
}

static cir_status freedom_compose(const cir_composer *composer, cir_pool *pool, const float *image,
                                  const char *text, cir_composed *composed_out, cir_error *err)
{
    const cir__stock *const stock = &composer->stock;
    const cir__vocabulary vocabulary = {
        .words = stock->objects.texts, .features = stock->object_features, .n = stock->objects.n};
    cir__described described;
    double best = -1.0;
    cir_status status = CIR_OK;

    if (image == NULL || text == NULL)
        return cir__fail(err, CIR_ARGUMENT, "method %s: the query has no %s; add it or choose another method",
                         cir_method_name(composer->method), text == NULL ? "words" : "photo");
    if (stock->settings.expand)
        status = cir__freedom_find_best(&stock->rows, &stock->settings, image, pool, &best, err);
    if (status == CIR_OK)
        status = cir__freedom_describe(&vocabulary, &stock->settings, best >= CIR__FREEDOM_INSIDE,
                                       &stock->rows, pool, image, &described, err);
    if (status != CIR_OK)
        return status;
    const double begin = seconds_now();
    status = cir__freedom_compose(&composer->recent, &vocabulary, &described, pool, text, composed_out, err);
    composed_out->encode_seconds = seconds_now() - begin;
    return status;
}

static cir_status refuse_empty(cir_error *err)
{
    return cir__fail(err, CIR_ARGUMENT, "query: has neither a photo nor words; give at least one of them");
}

cir_status cir_composer_compose(const cir_composer *composer, cir_pool *pool, const float *image_feature,
                                const char *text, cir_composed *composed_out, cir_error *err)
{
    const double begin = seconds_now();
    float *text_feature = NULL;
    size_t n_cut = 0;
    cir_status status = CIR_OK;

    cir__error_clear(err);
    memset(composed_out, 0, sizeof *composed_out);
    if (cir_text_is_blank(text))
        text = NULL;
    while (text != NULL && strncmp(text, "\xef\xbb\xbf", 3) == 0) /* a byte order mark, as of a file's text */
        text += 3;
    if (image_feature == NULL && text == NULL)
        return refuse_empty(err);
    if (composer->info->words_need_photo)
        return freedom_compose(composer, pool, image_feature, text, composed_out, err);
    if (text != NULL && composer->info->words != CIR_INPUT_UNUSED) {
        text_feature = cir__new(composer->dim, sizeof *text_feature);
        if (text_feature == NULL)
            return cir__fail_memory(err, "a query");
        status = text_encode(composer, pool, text, text_feature, &n_cut, err);
    }
    const double encode_seconds = text_feature != NULL ? seconds_now() - begin : 0.0;
    if (status == CIR_OK)
        status = composer->family->compose(composer, &composer->stock.settings, pool, image_feature,
                                           text_feature, composed_out, err);
    free(text_feature);
    if (status != CIR_OK)
        return status;
    composed_out->n_cut = n_cut;
    composed_out->encode_seconds = encode_seconds;
    return CIR_OK;
}

static cir_status refuse_freedom(const cir_composer *composer, cir_error *err)
{
    return cir__fail(err, CIR_ARGUMENT,
                     "method %s: its words have no feature without the photo; compose from the text",
                     cir_method_name(composer->method));
}

const char *cir_composer_get_text_key(const cir_composer *composer)
{
    return composer->text_key;
}

cir_status cir_composer_encode_text(const cir_composer *composer, cir_pool *pool, const char *text,
                                    float *feature_out, size_t *n_cut_out, cir_error *err)
{
    size_t n_cut = 0;

    cir__error_clear(err);
    memset(feature_out, 0, composer->dim * sizeof *feature_out);
    if (n_cut_out != NULL)
        *n_cut_out = 0;
    if (composer->info->words_need_photo)
        return refuse_freedom(composer, err);
    const cir_status status = text_encode(composer, pool, text, feature_out, &n_cut, err);
    if (status == CIR_OK && n_cut_out != NULL)
        *n_cut_out = n_cut;
    return status;
}

cir_status cir_composer_compose_features(const cir_composer *composer, cir_pool *pool,
                                         const float *image_feature, const float *text_feature,
                                         const cir_settings *now, cir_composed *composed_out, cir_error *err)
{
    cir_settings settings = composer->stock.settings;

    cir__error_clear(err);
    memset(composed_out, 0, sizeof *composed_out);
    if (image_feature == NULL && text_feature == NULL)
        return refuse_empty(err);
    if (composer->info->words_need_photo)
        return refuse_freedom(composer, err);
    if (now != NULL)
        cir_settings_copy_of_query(&settings, now);
    return composer->family->compose(composer, &settings, pool, image_feature, text_feature, composed_out,
                                     err);
}
