/* A method made ready for a model and, where it needs them, the rows that are searched: over an index, a data
 * set, or a fit that was handed over. */
#include "method/composer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/memory.h"
#include "index/open/derived.h"
#include "method/composed.h"
#include "method/families.h"
#include "method/fit_index.h"
#include "shared/clock.h"

struct cir_composer {
    cir_method method;
    const cir_method_info *info;
    const cir__family *family;
    const cir_fit *fit;
    cir_fit *own_fit;      /* the same, or NULL: it is lent */
    cir_settings settings; /* in force */
    cir_rows rows;
    bool has_rows;
    cir__text_cache texts;
    const char
        *text_key; /* what words depend on beside the model: the terms they are joined with, or nothing */
};

/* ---- made ready ---- */

cir_status cir_fit_new(const cir_index *index, const cir_model *model, cir_pool *pool, cir_method method,
                       const cir_settings *settings, cir_fit **fit_out, cir_error *err)
{
    const cir_index_info *const info = cir_index_get_info(index);
    const cir_model_info *const model_info = cir_model_get_info(model);
    const cir__fit_source source = cir__fit_source_of_index(index, model);

    cir_settings own;

    cir__error_clear(err);
    *fit_out = NULL;
    const cir_status status = cir__growable_read(settings, &own, sizeof own, "cir_settings", err);
    if (status != CIR_OK)
        return status;
    if (strcmp(info->model->fingerprint, model_info->fingerprint) != 0)
        return cir__fail(
            err, CIR_MISMATCH,
            "%s: shows the features of model %s, the query's model is %s; open the index with that model",
            info->path, info->model->name, model_info->name);
    if (cir_method_get_info(method)->needs_composed)
        return cir__fail(err, CIR_ARGUMENT,
                         "method %s: an index has no composed features; evaluate them with cir eval "
                         "--features, or choose another method",
                         cir_method_name(method));
    return cir__fit_new(&source, method, &own, pool, fit_out, err);
}

cir_status cir__composer_new(const cir_fit *fit, const cir_model *model, const cir_rows *rows,
                             const cir__folder *texts, cir_method method, const cir_settings *settings,
                             cir_composer **composer_out, cir_error *err)
{
    const cir_method_info *const info = cir_method_get_info(method);
    cir_composer *const composer = *composer_out = cir__new(1, sizeof *composer);

    if (composer == NULL)
        return cir__fail_memory(err, "a composer");
    *composer = (cir_composer){.method = method,
                               .info = info,
                               .family = cir__family_get(info->family),
                               .fit = fit,
                               .settings = fit->settings,
                               .has_rows = rows != NULL,
                               .texts = {model, texts},
                               .text_key = "plain"};
    if (settings != NULL)
        cir_settings_copy_of_query(&composer->settings, settings);
    if (rows != NULL)
        composer->rows = *rows;
    if (info->words_need_photo)
        composer->text_key = "";
    else if (info->contextualises && fit->settings.contextualise)
        composer->text_key = fit->terms.key;
    return CIR_OK;
}

cir_status cir_composer_new_of_fit(const cir_fit *fit, const cir_model *model, const cir_rows *rows,
                                   cir_method method, const cir_settings *settings,
                                   cir_composer **composer_out, cir_error *err)
{
    const cir_model_info *const model_info = cir_model_get_info(model);

    cir__error_clear(err);
    *composer_out = NULL;
    if (strcmp(fit->model, model_info->fingerprint) != 0)
        return cir__fail(err, CIR_MISMATCH,
                         "fit: is of model %s, the query's model %s is %s; fit again with that model",
                         fit->model, model_info->name, model_info->fingerprint);
    if (fit->family != cir_method_get_info(method)->family)
        return cir__fail(err, CIR_MISMATCH,
                         "fit: is of another family of methods than %s; fit that method, or choose another",
                         cir_method_name(method));
    if (rows != NULL && rows->dim != fit->dim)
        return cir__fail(err, CIR_SHAPE,
                         "fit: features have %zu numbers, the rows %zu; use rows of its model", fit->dim,
                         rows->dim);
    return cir__composer_new(fit, model, rows, NULL, method, settings, composer_out, err);
}

cir_status cir_composer_new(const cir_index *index, const cir_model *model, cir_pool *pool, cir_method method,
                            const cir_settings *settings, cir_composer **composer_out, cir_error *err)
{
    const cir_rows rows = cir_index_get_rows(index);
    cir_fit *fit;

    *composer_out = NULL;
    cir_status status = cir_fit_new(index, model, pool, method, settings, &fit, err);
    if (status == CIR_OK)
        status =
            cir__composer_new(fit, model, &rows, fit->settings.forget_texts ? NULL : cir__index_folder(index),
                              method, NULL, composer_out, err);
    if (status == CIR_OK)
        (*composer_out)->own_fit = fit;
    else
        cir_fit_free(fit);
    return status;
}

void cir_composer_free(cir_composer *composer)
{
    if (composer == NULL)
        return;
    cir_fit_free(composer->own_fit);
    free(composer);
}

const cir_settings *cir_composer_get_settings(const cir_composer *composer)
{
    return &composer->settings;
}

const cir_fit *cir_composer_get_fit(const cir_composer *composer)
{
    return composer->fit;
}

const char *cir_composer_get_text_key(const cir_composer *composer)
{
    return composer->text_key;
}

/* ---- composing ---- */

/* Query expansion, WeiCom's deviations and FREEDOM's neighbours read rows. */
static bool reads_rows(const cir_composer *composer, const cir_settings *settings, const cir__query_set *set)
{
    const bool expands = composer->info->expansion != CIR_EXPANSION_NONE && settings->expand;
    return set->n_images > 0 && (expands || (composer->info->needs_similarity_stats && set->n_texts > 0));
}

cir_status cir__composer_compose(const cir_composer *composer, const cir__query_set *set,
                                 const cir__compose_options *options, cir_pool *pool,
                                 cir_composed *composed_out, cir_error *err)
{
    cir_settings settings = composer->settings;
    const cir__compose_context context = {
        .method = composer->method,
        .fit = composer->fit,
        .gallery = options->gallery,
        .settings = &settings,
        .rows = options->rows != NULL ? options->rows
                : composer->has_rows  ? &composer->rows
                                      : NULL,
        .inside = options->inside,
        .texts = &composer->texts,
        .pool = pool,
    };

    memset(composed_out, 0, set->n * sizeof *composed_out);
    if (options->now != NULL)
        cir_settings_copy_of_query(&settings, options->now);
    if (context.rows == NULL && reads_rows(composer, &settings, set))
        return cir__fail(
            err, CIR_ARGUMENT,
            "method %s: reads the rows of the searched images, and there are none here; give the "
            "composer rows%s",
            composer->info->name, composer->info->needs_similarity_stats ? "" : ", or set expand=0");
    return composer->family->compose(&context, set, composed_out, err);
}

/* One query, of which image, text (its feature) or words may be NULL. */
static cir_status compose_one(const cir_composer *composer, cir_pool *pool, const float *image,
                              const float *text, const char *words, const cir_settings *now,
                              cir_composed *composed_out, cir_error *err)
{
    const size_t first = 0, none = SIZE_MAX;
    const cir__query_set set = {.n = 1,
                                .n_images = image != NULL,
                                .n_texts = text != NULL || words != NULL,
                                .images = &image,
                                .texts = &text,
                                .words = &words,
                                .image_of = image != NULL ? &first : &none,
                                .text_of = text != NULL || words != NULL ? &first : &none};
    return cir__composer_compose(composer, &set, &(cir__compose_options){.now = now}, pool, composed_out,
                                 err);
}

static cir_status refuse_empty(cir_error *err)
{
    return cir__fail(err, CIR_ARGUMENT, "query: has neither a photo nor words; give at least one of them");
}

static cir_status refuse_words(const cir_composer *composer, cir_error *err)
{
    return cir__fail(err, CIR_ARGUMENT,
                     "method %s: its words have no feature without the photo; compose from the text",
                     composer->info->name);
}

cir_status cir_composer_compose(const cir_composer *composer, cir_pool *pool, const float *image_feature,
                                const char *text, cir_composed *composed_out, cir_error *err)
{
    const double begin = cir__clock_seconds();
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
        return compose_one(composer, pool, image_feature, NULL, text, NULL, composed_out, err);
    if (text != NULL && composer->info->words != CIR_INPUT_UNUSED) {
        text_feature = cir__new(composer->fit->dim, sizeof *text_feature);
        if (text_feature == NULL)
            return cir__fail_memory(err, "a query");
        status = cir_composer_encode_text(composer, pool, text, text_feature, &n_cut, err);
    }
    const double encode_seconds = text_feature != NULL ? cir__clock_seconds() - begin : 0.0;
    if (status == CIR_OK)
        status = compose_one(composer, pool, image_feature, text_feature, NULL, NULL, composed_out, err);
    free(text_feature);
    if (status != CIR_OK)
        return status;
    composed_out->n_cut = n_cut;
    composed_out->encode_seconds = encode_seconds;
    return CIR_OK;
}

cir_status cir_composer_encode_text(const cir_composer *composer, cir_pool *pool, const char *text,
                                    float *feature_out, size_t *n_cut_out, cir_error *err)
{
    size_t n_cut = 0;

    cir__error_clear(err);
    memset(feature_out, 0, composer->fit->dim * sizeof *feature_out);
    if (n_cut_out != NULL)
        *n_cut_out = 0;
    if (composer->family->encode_text == NULL)
        return refuse_words(composer, err);
    const cir_status status =
        composer->family->encode_text(&composer->texts, &composer->fit->settings, &composer->fit->terms, pool,
                                      text, feature_out, &n_cut, err);
    if (status == CIR_OK && n_cut_out != NULL)
        *n_cut_out = n_cut;
    return status;
}

cir_status cir_composer_compose_features(const cir_composer *composer, cir_pool *pool,
                                         const float *image_feature, const float *text_feature,
                                         const cir_settings *now, cir_composed *composed_out, cir_error *err)
{
    cir__error_clear(err);
    memset(composed_out, 0, sizeof *composed_out);
    if (image_feature == NULL && text_feature == NULL)
        return refuse_empty(err);
    if (composer->info->words_need_photo)
        return refuse_words(composer, err);
    return compose_one(composer, pool, image_feature, text_feature, NULL, now, composed_out, err);
}
