#include "method/freedom.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/composed.h"
#include "method/row.h"
#include "shared/clock.h"

/* A photo in words. */
typedef struct described {
    size_t words[CIR_MAX_FREEDOM];   /* [n] numbers of the vocabulary, the most frequent first */
    double weights[CIR_MAX_FREEDOM]; /* [n] how often, relative to the most frequent */
    size_t n;
} described;

/* Words as they are met, each once. */
typedef struct tally {
    const cir__vocabulary *vocabulary;
    const cir_settings *settings;
    size_t words[CIR_MAX_FREEDOM * CIR_MAX_FREEDOM];
    size_t counts[CIR_MAX_FREEDOM * CIR_MAX_FREEDOM];
    size_t n;
} tally;

static cir_status find_nearest(const cir_rows *rows, const cir_settings *settings, const float *feature,
                               size_t k, cir_pool *pool, cir_hit *hits_out, size_t *n_out, cir_error *err)
{
    const cir_query query = {
        .dim = rows->dim, .a = feature, .fusion = {.kind = CIR_FUSION_IMAGE, .weight = 0.5f}};
    cir_search_options options = {.size = sizeof options};
    cir_settings_get_search(settings, &options);
    return cir_search_find(rows, &query, 1, k, &options, pool, hits_out, n_out, NULL, err);
}

cir_status cir__freedom_find_best(const cir_rows *rows, const cir_settings *settings, const float *image,
                                  cir_pool *pool, double *best_out, cir_error *err)
{
    cir_hit hit;
    size_t n_hits = 0;
    const cir_status status = find_nearest(rows, settings, image, 1, pool, &hit, &n_hits, err);

    *best_out = n_hits > 0 ? (double)hit.score : -1.0;
    return status;
}

/* Counts the words near one feature. A vocabulary may hold a word twice: it is one word. */
static cir_status tally_push(tally *words, const float *feature, size_t dim, cir_error *err)
{
    const cir__vocabulary *const vocabulary = words->vocabulary;
    const cir_rows rows = {.n_rows = vocabulary->n, .dim = dim, .f32 = vocabulary->features};
    cir_hit hits[CIR_MAX_FREEDOM];
    size_t n_hits = 0;
    const cir_status status = find_nearest(&rows, words->settings, feature, words->settings->freedom_nearest,
                                           NULL, hits, &n_hits, err);

    for (size_t h = 0; h < n_hits; h++) {
        size_t i = 0;
        while (i < words->n && strcmp(vocabulary->words[words->words[i]], vocabulary->words[hits[h].id]) != 0)
            i++;
        if (i == words->n) {
            words->words[i] = hits[h].id;
            words->counts[i] = 0;
            words->n++;
        }
        words->counts[i]++;
    }
    return status;
}

/* Repeated search for the most frequent of those that are left; the first met wins. */
static void tally_choose(tally *words, described *out)
{
    size_t most = 0;

    for (out->n = 0; out->n < words->settings->freedom_words; out->n++) {
        size_t best = 0;
        for (size_t i = 1; i < words->n; i++)
            if (words->counts[i] > words->counts[best])
                best = i;
        if (words->n == 0 || words->counts[best] == 0)
            return;
        most = out->n == 0 ? words->counts[best] : most;
        out->words[out->n] = words->words[best];
        out->weights[out->n] = (double)words->counts[best] / (double)most;
        words->counts[best] = 0;
    }
}

/* Puts a photo into words. */
static cir_status describe(const cir__compose_context *context, const cir__vocabulary *vocabulary,
                           const float *image, described *described_out, cir_error *err)
{
    const cir_settings *const settings = context->settings;
    const size_t dim = vocabulary->dim;
    bool is_inside = context->inside == CIR__INSIDE_YES;
    cir_hit hits[CIR_MAX_FREEDOM];
    size_t n_hits = 0;
    double best;
    tally words = {.vocabulary = vocabulary, .settings = settings};
    cir_status status = CIR_OK;

    if (settings->expand && context->inside == CIR__INSIDE_ASK) {
        status = cir__freedom_find_best(context->rows, settings, image, context->pool, &best, err);
        is_inside = best >= CIR__FREEDOM_INSIDE;
    }
    const bool has_self = !settings->expand || !is_inside;
    const size_t n_images = settings->freedom_images - (has_self ? 1 : 0);
    float *row = cir__new(dim, sizeof *row);
    if (row == NULL)
        return cir__fail_memory(err, "a row");
    if (status == CIR_OK && settings->expand && n_images > 0)
        status = find_nearest(context->rows, settings, image, n_images, context->pool, hits, &n_hits, err);
    if (status == CIR_OK && has_self)
        status = tally_push(&words, image, dim, err);
    for (size_t h = 0; h < n_hits && status == CIR_OK; h++) {
        cir__row_copy(context->rows, hits[h].id, row);
        status = tally_push(&words, row, dim, err);
    }
    if (status == CIR_OK)
        tally_choose(&words, described_out);
    free(row);
    return status;
}

/* The query of a described photo and words. */
static cir_status join(const cir__compose_context *context, const cir__vocabulary *vocabulary,
                       const described *photo, const char *text, cir_composed *composed_out, cir_error *err)
{
    const size_t dim = vocabulary->dim;
    const double begin = cir__clock_seconds();
    char *texts[CIR_MAX_FREEDOM] = {0};
    float *features = cir__new(photo->n, dim * sizeof *features);
    double *sum = cir__new(dim, sizeof *sum);
    size_t n_cut = 0;
    cir_status status = features == NULL || sum == NULL ? cir__fail_memory(err, "a query") : CIR_OK;

    for (size_t i = 0; i < photo->n && status == CIR_OK; i++) {
        const char *const word = vocabulary->words[photo->words[i]];
        const size_t size = strlen(word) + strlen(text) + 2;
        texts[i] = cir__new(size, 1);
        if (texts[i] == NULL)
            status = cir__fail_memory(err, "a query");
        else
            snprintf(texts[i], size, "%s %s", word, text);
    }
    if (status == CIR_OK && photo->n > 0)
        status = cir__text_cache_encode(context->texts, context->pool, (const char *const *)texts, photo->n,
                                        features, &n_cut, err);
    if (status != CIR_OK)
        goto exit;
    for (size_t i = 0; i < photo->n; i++)
        for (size_t j = 0; j < dim; j++)
            sum[j] += photo->weights[i] * (double)features[i * dim + j];
    const cir__linear_form form = {dim, sum, 0.0};
    const cir_fusion fusion = {.kind = CIR_FUSION_TEXT, .weight = 0.5f};
    status = cir__composed_new(dim, NULL, &form, fusion, composed_out, err);
    composed_out->n_cut = n_cut;
    composed_out->encode_seconds = cir__clock_seconds() - begin;
exit:
    for (size_t i = 0; i < photo->n; i++)
        free(texts[i]);
    free(features);
    free(sum);
    return status;
}

cir_status cir__freedom_compose(const cir__compose_context *context, const cir__vocabulary *vocabulary,
                                const cir__query_set *set, cir_composed *composed_out, cir_error *err)
{
    described *const photos = cir__new(set->n_images, sizeof *photos);
    cir_status status = photos != NULL ? CIR_OK : cir__fail_memory(err, "a query");

    for (size_t i = 0; i < set->n && status == CIR_OK; i++)
        if (set->image_of[i] == SIZE_MAX || set->text_of[i] == SIZE_MAX)
            status = cir__fail(
                err, CIR_ARGUMENT, "method %s: the query has no %s; add it or choose another method",
                cir_method_name(context->method), set->text_of[i] == SIZE_MAX ? "words" : "photo");
    for (size_t i = 0; i < set->n_images && status == CIR_OK; i++)
        status = describe(context, vocabulary, set->images[i], &photos[i], err);
    for (size_t i = 0; i < set->n && status == CIR_OK; i++)
        status = join(context, vocabulary, &photos[set->image_of[i]], set->words[set->text_of[i]],
                      &composed_out[i], err);
    free(photos);
    return status;
}
