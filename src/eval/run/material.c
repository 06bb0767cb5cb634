#include "eval/run/material.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/contextualise.h"
#include "method/mean.h"

cir_status cir__material_encode_corpus(const cir_dataset *dataset, const cir__terms *terms, cir_pool *pool,
                                       const float **features_out, size_t *n_out, cir_error *err)
{
    char key[64];
    size_t n_floats;
    float *features = NULL;

    snprintf(key, sizeof key, "corpus %s", terms->key);
    *features_out = cir__kept_find(dataset->kept, key, n_out);
    if (*features_out != NULL)
        return CIR_OK;
    if (cir__size_mul(terms->n, dataset->info.dim, &n_floats))
        features = cir__new(n_floats, sizeof *features);
    if (features == NULL)
        return cir__fail_memory(err, "a corpus' features");
    cir_status status =
        cir_model_encode_texts(dataset->model, pool, terms->texts, terms->n, features, NULL, err);
    if (status != CIR_OK) {
        free(features);
        return status;
    }
    *features_out = features;
    *n_out = terms->n;
    return cir__kept_put(dataset->kept, key, features, terms->n, err);
}

/* Contextualises every distinct query text into the rows of the queries that have it. */
static cir_status context_fill(const cir_dataset *dataset, const char *const *terms, size_t n_terms,
                               cir_pool *pool, float *features, cir_error *err)
{
    const size_t dim = dataset->info.dim;
    size_t *first = cir__new(dataset->n_query_texts, sizeof *first); /* row with that text, + 1 */
    cir_status status = CIR_OK;

    if (first == NULL)
        return cir__fail_memory(err, "contextualised texts");
    for (size_t q = 0; q < dataset->info.n_queries && status == CIR_OK; q++) {
        const size_t text = dataset->queries[q].text;
        const size_t row = dataset->text_rows != NULL ? dataset->text_rows[q] : q;
        size_t n_cut;
        if (first[text] != 0) {
            if (first[text] != row + 1)
                memcpy(features + row * dim, features + (first[text] - 1) * dim, dim * sizeof *features);
            continue;
        }
        first[text] = row + 1;
        status = cir__contextualise(dataset->model, pool, dataset->texts.names[text], terms, n_terms,
                                    features + row * dim, &n_cut, err);
    }
    free(first);
    return status;
}

static cir_status context_encode(const cir_dataset *dataset, const cir__terms *objects,
                                 const cir_settings *settings, cir_pool *pool, const float **features_out,
                                 cir_error *err)
{
    const size_t n_rows = dataset->n_text_rows;
    const size_t n_room = settings->context < objects->n ? settings->context : objects->n;
    char key[128];
    size_t n_floats, n;
    float *features = NULL;
    cir_status status;

    snprintf(key, sizeof key, "context %s %d %zu %llu", objects->key, (int)settings->variant, n_room,
             (unsigned long long)settings->seed);
    *features_out = cir__kept_find(dataset->kept, key, &n);
    if (*features_out != NULL)
        return CIR_OK;
    const char **terms = cir__new(n_room, sizeof *terms);
    size_t *chosen = cir__new(n_room, sizeof *chosen);
    if (cir__size_mul(n_rows, dataset->info.dim, &n_floats))
        features = cir__new(n_floats, sizeof *features);
    if (terms == NULL || chosen == NULL || features == NULL) {
        status = cir__fail_memory(err, "contextualised texts");
        goto exit;
    }
    const size_t n_terms = cir__terms_choose_context(objects, settings, chosen);
    for (size_t i = 0; i < n_terms; i++)
        terms[i] = objects->texts[chosen[i]];
    status = context_fill(dataset, terms, n_terms, pool, features, err);
    if (status != CIR_OK)
        goto exit;
    *features_out = features;
    status = cir__kept_put(dataset->kept, key, features, n_rows, err);
    features = NULL;
exit:
    free(terms);
    free(chosen);
    free(features);
    return status;
}

/* Everything that is made of texts, by the data set's model. */
static cir_status texts_encode(const cir_dataset *dataset, const cir_settings *settings, cir_pool *pool,
                               cir__material *material, cir_error *err)
{
    const bool has_styles = settings->project || settings->project_text;
    cir__terms objects = {0}, styles = {0};
    cir_status status = cir__terms_read(CIR__CORPUS_OBJECTS, settings, &objects, err);

    if (status == CIR_OK)
        status = cir__material_encode_corpus(dataset, &objects, pool, &material->objects,
                                             &material->n_objects, err);
    if (status == CIR_OK && settings->contextualise)
        status = context_encode(dataset, &objects, settings, pool, &material->query_text, err);
    if (status == CIR_OK && has_styles)
        status = cir__terms_read(CIR__CORPUS_STYLES, settings, &styles, err);
    if (status == CIR_OK && has_styles)
        status =
            cir__material_encode_corpus(dataset, &styles, pool, &material->styles, &material->n_styles, err);
    cir__terms_done(&objects);
    cir__terms_done(&styles);
    return status;
}

/* The same from the files beside the features. */
static cir_status texts_get(const cir_dataset *dataset, cir_settings *settings, cir__material *material,
                            cir_error *err)
{
    if (settings->corpus_objects[0] != '\0' || settings->corpus_styles[0] != '\0')
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: a corpus file cannot be encoded, as its features come without a model; put "
                         "corpus_objects.npy and corpus_styles.npy into the folder",
                         dataset->name);
    if (dataset->objects == NULL && (settings->centre || settings->project || settings->project_text))
        return cir__fail(
            err, CIR_ARGUMENT,
            "%s: corpus_objects.npy is not there, which centring and projecting need; add it or set "
            "centre=0 project=0%s",
            dataset->name, settings->project_text ? " project_text=0" : "");
    if (dataset->styles == NULL && (settings->project || settings->project_text))
        return cir__fail(
            err, CIR_ARGUMENT,
            "%s: corpus_styles.npy is not there, which projecting needs; add it or set project=0%s",
            dataset->name, settings->project_text ? " project_text=0" : "");
    settings->contextualise = settings->contextualise && dataset->query_context != NULL;
    if (settings->contextualise)
        material->query_text = dataset->query_context;
    material->objects = dataset->objects;
    material->n_objects = dataset->n_objects;
    material->styles = dataset->styles;
    material->n_styles = dataset->n_styles;
    return CIR_OK;
}

cir_status cir__material_get(const cir_dataset *dataset, cir_settings *settings, cir_pool *pool,
                             cir__material *material_out, cir_error *err)
{
    const char *const mean = settings->image_mean;
    cir_status status = CIR_OK;

    *material_out = (cir__material){.query_text = dataset->query_text};
    status = dataset->model != NULL ? texts_encode(dataset, settings, pool, material_out, err)
                                    : texts_get(dataset, settings, material_out, err);
    if (status != CIR_OK || !settings->centre)
        return status;
    if (mean[0] != '\0' && strcmp(mean, "index") != 0)
        status = cir__mean_read(mean, dataset->info.dim, &material_out->mean_memory, err);
    if (mean[0] == '\0')
        material_out->image_mean = dataset->image_mean;
    else
        material_out->image_mean = material_out->mean_memory;
    material_out->has_own_means = material_out->image_mean == NULL;
    return status;
}

void cir__material_done(cir__material *material)
{
    free(material->mean_memory);
    memset(material, 0, sizeof *material);
}
