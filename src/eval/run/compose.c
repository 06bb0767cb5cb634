#include "eval/run/compose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "eval/run/fit_dataset.h"
#include "method/families.h"
#include "method/freedom.h"

/* The words of all queries: given, or as the composer encodes them, each text once, and kept for later runs. */
static cir_status texts_find(cir__composing *composing, cir_pool *pool, cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;
    const bool has_context =
        cir_method_get_info(composing->method)->contextualises && composing->settings->contextualise;
    const size_t dim = dataset->info.dim, n_rows = dataset->n_text_rows;
    char key[96];
    size_t n;

    composing->texts = has_context ? dataset->query_context : dataset->query_text;
    if (!has_context || dataset->model == NULL)
        return CIR_OK;
    snprintf(key, sizeof key, "texts %s", cir_composer_get_text_key(composing->composer));
    composing->texts = cir__run_cache_find(dataset->run_cache, key, &n);
    if (composing->texts != NULL)
        return CIR_OK;
    float *const features = cir__new(n_rows, dim * sizeof *features);
    size_t *const first = cir__new(dataset->n_query_texts, sizeof *first); /* row with that text, + 1 */
    cir_status status = CIR_OK;
    if (features == NULL || first == NULL)
        status = cir__fail_memory(err, "contextualised texts");
    for (size_t q = 0; q < dataset->info.n_queries && status == CIR_OK; q++) {
        const size_t text = dataset->queries[q].text;
        const size_t row = dataset->text_rows != NULL ? dataset->text_rows[q] : q;
        float *const feature = features + row * dim;
        if (first[text] == 0)
            status = cir_composer_encode_text(composing->composer, pool, dataset->texts.names[text], feature,
                                              NULL, err);
        else if (first[text] != row + 1)
            memcpy(feature, features + (first[text] - 1) * dim, dim * sizeof *features);
        first[text] = first[text] == 0 ? row + 1 : first[text];
    }
    free(first);
    if (status != CIR_OK) {
        free(features);
        return status;
    }
    composing->texts = features;
    return cir__run_cache_put(dataset->run_cache, key, features, n_rows, err);
}

/* Queries are inside their database if even the one that is least at home there is. */
static cir_status inside_fill(cir__composing *composing, cir_pool *pool, cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;

    composing->are_inside = cir__new(dataset->info.n_instances, sizeof *composing->are_inside);
    if (composing->are_inside == NULL)
        return cir__fail_memory(err, "an evaluation");
    for (size_t i = 0; i < dataset->info.n_instances; i++)
        composing->are_inside[i] = true;
    for (size_t q = 0; q < dataset->info.n_queries; q++) {
        const size_t instance = dataset->queries[q].instance;
        const cir_rows rows = cir__dataset_get_rows(dataset, instance);
        const float *const image = cir__dataset_get_image(dataset, q);
        double best;
        if (q > 0 && image == cir__dataset_get_image(dataset, q - 1))
            continue; /* the same photo with other words */
        const cir_status status = cir__freedom_find_best(&rows, composing->settings, image, pool, &best, err);
        if (status != CIR_OK)
            return status;
        composing->are_inside[instance] = composing->are_inside[instance] && best >= CIR__FREEDOM_INSIDE;
    }
    return CIR_OK;
}

/* The composer of a search of the index, or one that is fitted to the data set. */
static cir_status composer_make(cir__composing *composing, cir_settings *settings, cir_pool *pool,
                                cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;
    const cir_method method = composing->method;
    cir__fit_source source;

    if (dataset->searched != NULL) {
        settings->forget_texts = true; /* nobody asked for these */
        return cir_composer_new(dataset->searched, dataset->model, pool, method, settings,
                                &composing->composer, err);
    }
    cir_status status = cir__fit_source_of_dataset(dataset, method, settings, &source, err);
    if (status == CIR_OK)
        status = cir__fit_new(&source, method, settings, pool, &composing->fit, err);
    return status == CIR_OK ? cir__composer_new(composing->fit, dataset->model, NULL, NULL, method, NULL,
                                                &composing->composer, err)
                            : status;
}

cir_status cir__composing_new(const cir_dataset *dataset, cir_method method, cir_settings *settings,
                              cir_pool *pool, cir__composing *composing_out, cir_error *err)
{
    const cir_method_info *const info = cir_method_get_info(method);

    *composing_out = (cir__composing){.dataset = dataset, .settings = settings, .method = method};
    cir_status status = cir_dataset_check(dataset, method, err);
    if (status == CIR_OK)
        status = composer_make(composing_out, settings, pool, err);
    if (status == CIR_OK) {
        *settings = *cir_composer_get_settings(composing_out->composer);
        status = texts_find(composing_out, pool, err);
    }
    if (status == CIR_OK && dataset->searched == NULL && info->expansion == CIR_EXPANSION_WORDS &&
        settings->expand)
        status = inside_fill(composing_out, pool, err);
    return status;
}

void cir__composing_done(cir__composing *composing)
{
    cir_composer_free(composing->composer);
    cir_fit_free(composing->fit);
    free(composing->are_inside);
    memset(composing, 0, sizeof *composing);
}

void cir__composing_describe_prompt(const cir__composing *composing, char out[CIR_PROMPT_SIZE])
{
    const cir_method_info *const info = cir_method_get_info(composing->method);
    const bool has_model = composing->dataset->model != NULL;
    const cir__terms *const terms = &cir_composer_get_fit(composing->composer)->terms;
    const char *text = has_model ? "{text}" : "query_text.npy";

    if (info->needs_composed)
        text = "query_composed.npy";
    else if (info->words == CIR_INPUT_UNUSED)
        text = "none";
    else if (info->words_need_photo)
        text = "{word} {text}";
    else if (info->contextualises && composing->settings->contextualise)
        text = has_model ? "mean of {term} {text} and {text} {term}" : "query_text_context.npy";
    if (has_model && info->contextualises && composing->settings->contextualise)
        snprintf(out, CIR_PROMPT_SIZE, "%s, %zu terms %s", text, terms->n, terms->key);
    else
        snprintf(out, CIR_PROMPT_SIZE, "%s", text);
}

/* The distinct photos, or texts, of some queries. */
typedef struct distinct {
    const void **items; /* [n] */
    size_t n;
    size_t *numbers; /* [n_queries] which one is a query's */
} distinct;

/* Items are the same by their bytes [size], and all others by their places. */
static void distinct_push(distinct *self, size_t i_query, const void *item, size_t size)
{
    size_t i = self->n;
    /* A photo's queries stand together, so that looking from the end finds it soon. */
    while (i > 0 && self->items[i - 1] != item && (size == 0 || memcmp(self->items[i - 1], item, size) != 0))
        i--;
    if (i == 0) {
        self->items[self->n++] = item;
        i = self->n;
    }
    self->numbers[i_query] = i - 1;
}

cir_status cir__compose_all(const cir__composing *composing, size_t begin, size_t end, const cir_rows *rows,
                            const cir_settings *now, cir_composed *composed_out, cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;
    const cir_method_info *const info = cir_method_get_info(composing->method);
    const size_t n = end - begin, instance = dataset->queries[begin].instance;
    const size_t dim = info->needs_composed ? dataset->composed_dim : dataset->info.dim;
    const void **const items = cir__new(2 * n, sizeof *items);
    size_t *const numbers = cir__new(2 * n, sizeof *numbers);
    distinct photos = {.items = items, .numbers = numbers},
             texts = {.items = items + n, .numbers = numbers + n};
    cir_status status = CIR_OK;

    memset(composed_out, 0, n * sizeof *composed_out);
    if (items == NULL || numbers == NULL) {
        status = cir__fail_memory(err, "queries");
        goto exit;
    }
    for (size_t i = 0; i < n; i++) {
        const size_t q = begin + i;
        distinct_push(&photos, i,
                      info->needs_composed ? dataset->query_composed + q * dim
                                           : cir__dataset_get_image(dataset, q),
                      dim * sizeof(float));
        if (info->words_need_photo)
            distinct_push(&texts, i, dataset->texts.names[dataset->queries[q].text], 0);
        else if (info->needs_composed)
            texts.numbers[i] = SIZE_MAX;
        else
            distinct_push(&texts, i, cir__dataset_get_text(dataset, composing->texts, q),
                          dim * sizeof(float));
    }
    const cir__query_set set = {.n = n,
                                .n_images = photos.n,
                                .n_texts = texts.n,
                                .images = (const float *const *)photos.items,
                                .texts = (const float *const *)texts.items,
                                .words = (const char *const *)texts.items,
                                .image_of = photos.numbers,
                                .text_of = texts.numbers};
    const cir__compose_options options = {.gallery = instance,
                                          .rows = dataset->searched == NULL ? rows : NULL,
                                          .inside = composing->are_inside == NULL     ? CIR__INSIDE_ASK
                                                    : composing->are_inside[instance] ? CIR__INSIDE_YES
                                                                                      : CIR__INSIDE_NO,
                                          .now = now};
    status = cir__composer_compose(composing->composer, &set, &options, NULL, composed_out, err);
exit:
    free((void *)items);
    free(numbers);
    return status;
}
