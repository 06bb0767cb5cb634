#include "eval/run/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "linalg/rows.h"
#include "method/sample.h"

/* Those of the synthetic pairs, which have to be below 0: features and mean need not be of one encoder. */
static cir_status synthetic_fit(const cir_dataset *dataset, const cir__fit *fit, const float *image_mean,
                                cir_pool *pool, cir__minima *minima_out, cir_error *err)
{
    const cir_status status = cir__minima_fit(
        dataset->synthetic_image, dataset->n_synthetic_image, dataset->synthetic_text,
        dataset->n_synthetic_text, dataset->info.dim, image_mean, fit->text_mean, pool, minima_out, err);

    if (status != CIR_OK || (minima_out->image < 0.0 && minima_out->text < 0.0))
        return status;
    return cir__fail(
        err, CIR_ARGUMENT,
        "%s: the smallest similarities of the synthetic pairs are %.6g and %.6g, not both below 0, so that "
        "scores cannot be measured from them: the image mean is not that of such images; set "
        "min_image=estimated min_text=estimated, or give numbers",
        dataset->name, minima_out->image, minima_out->text);
}

/* Those of the images that are searched: where each database has its own mean, its own images. */
static cir_status minima_estimate(const cir_dataset *dataset, const cir_settings *settings,
                                  const cir__fit *fit, const float *image_mean, size_t instance,
                                  cir_pool *pool, cir__minima *minima_out, cir_error *err)
{
    const cir_rows rows =
        fit->material.has_own_means ? cir__dataset_get_rows(dataset, instance) : dataset->images.rows;
    size_t ids[CIR__SAMPLE_IMAGES], n_ids;

    if (fit->material.objects == NULL)
        return cir__fail(
            err, CIR_ARGUMENT,
            "%s: corpus_objects.npy is not there, which estimating the minima needs; add it, or give "
            "min_image and min_text as numbers",
            dataset->name);
    return cir__sample_minima(&rows, fit->material.objects, fit->material.n_objects, image_mean,
                              fit->text_mean, settings->seed, pool, minima_out, ids, &n_ids, err);
}

/* mv and mt for one image mean: as set, of the synthetic pairs, estimated where that is asked for or a model
 * encoded the database, or the paper's. */
static cir_status minima_fit(const cir_dataset *dataset, const cir_settings *settings, const cir__fit *fit,
                             const float *image_mean, size_t instance, cir_pool *pool,
                             cir__minima *minima_out, cir_error *err)
{
    const bool is_estimate_asked = settings->minima_source == CIR_MINIMA_ESTIMATED;
    cir_status status = CIR_OK;

    *minima_out =
        (cir__minima){.image = settings->min_image, .text = settings->min_text, .source = CIR_MINIMA_PAPER};
    if (settings->has_min_image && settings->has_min_text)
        return CIR_OK;
    if (dataset->synthetic_image != NULL && !is_estimate_asked)
        status = synthetic_fit(dataset, fit, image_mean, pool, minima_out, err);
    else if (dataset->model != NULL || is_estimate_asked)
        status = minima_estimate(dataset, settings, fit, image_mean, instance, pool, minima_out, err);
    if (settings->has_min_image)
        minima_out->image = settings->min_image;
    if (settings->has_min_text)
        minima_out->text = settings->min_text;
    return status;
}

/* One image mean and its minima: the given mean, or that of an instance's database. */
static cir_status basic_fit(const cir_dataset *dataset, const cir_settings *settings, cir_pool *pool,
                            cir__fit *fit, size_t instance, cir_error *err)
{
    const cir_rows rows = cir__dataset_get_rows(dataset, instance);
    const float *image_mean = fit->material.image_mean;
    cir_status status = CIR_OK;

    if (fit->material.has_own_means && rows.n_rows > 0) {
        const cir__row_set set = {
            .n_rows = rows.n_rows, .dim = rows.dim, .f16 = rows.f16, .f32 = rows.f32, .scales = rows.scales};
        float *const mean = fit->image_means + instance * rows.dim;
        status = cir__rows_mean(&set, pool, mean, NULL, err);
        image_mean = mean;
    }
    cir__basic *const basic = &fit->basics[instance];
    *basic = (cir__basic){.dim = rows.dim,
                          .image_mean = image_mean,
                          .text_mean = fit->text_mean,
                          .projection = settings->project ? &fit->projection : NULL,
                          .text_projection = settings->project_text ? &fit->text_projection : NULL};
    if (status == CIR_OK && settings->normalise)
        status = minima_fit(dataset, settings, fit, image_mean, instance, pool, &basic->minima, err);
    return status;
}

static cir_status basics_fit(const cir_dataset *dataset, cir_settings *settings, cir_pool *pool,
                             cir__fit *fit, cir_error *err)
{
    cir_status status = CIR_OK;

    fit->n_basics = fit->material.has_own_means ? dataset->info.n_instances : 1;
    fit->basics = cir__new(fit->n_basics, sizeof *fit->basics);
    fit->image_means = cir__new(fit->n_basics, dataset->info.dim * sizeof *fit->image_means);
    if (fit->basics == NULL || fit->image_means == NULL)
        return cir__fail_memory(err, "mean features");
    for (size_t i = 0; i < fit->n_basics && status == CIR_OK; i++)
        status = basic_fit(dataset, settings, pool, fit, i, err);
    if (status == CIR_OK && fit->n_basics > 0 && settings->normalise) {
        const cir__minima *minima = &fit->basics[0].minima;
        for (size_t i = 1; i < fit->n_basics && minima->source == CIR_MINIMA_PAPER; i++)
            minima = &fit->basics[i].minima; /* one database may be too small to tell */
        if (!settings->has_min_image || !settings->has_min_text)
            settings->minima_source = minima->source;
        if (fit->n_basics > 1 && minima->source != CIR_MINIMA_PAPER)
            return status; /* each its own */
        settings->has_min_image = settings->has_min_text = true;
        settings->min_image = minima->image;
        settings->min_text = minima->text;
    }
    return status;
}

/* One of the two projections, which runs with the same corpora and settings share: one eigenproblem. */
static cir_status projection_get(const cir_dataset *dataset, const cir_settings *settings,
                                 const cir__fit *fit, bool is_of_text, cir_pool *pool,
                                 cir__projection *projection, cir_error *err)
{
    const cir__material *const material = &fit->material;
    const size_t dim = dataset->info.dim;
    char how[128], key[256];
    size_t n, n_bytes;

    /* Corpora stay where they are as long as the data set is open: their places tell them apart. */
    cir__projection_describe(settings, is_of_text, how, sizeof how);
    snprintf(key, sizeof key, "projection %p %p %s", (const void *)material->objects,
             (const void *)material->styles, how);
    const float *const kept = cir__kept_find(dataset->kept, key, &n);
    if (kept == NULL) {
        const cir_status status = (is_of_text ? cir__projection_fit_text : cir__projection_fit)(
            material->objects, material->n_objects, material->styles, material->n_styles, dim, fit->text_mean,
            settings, pool, projection, err);
        n = projection->n_directions;
        n_bytes = n * dim * sizeof *kept;
        float *const copy = status == CIR_OK ? cir__new_unset(n_bytes, 1) : NULL;
        if (copy == NULL)
            return status != CIR_OK ? status : cir__fail_memory(err, "a projection");
        memcpy(copy, projection->directions, n_bytes);
        return cir__kept_put(dataset->kept, key, copy, n, err);
    }
    n_bytes = n * dim * sizeof *kept;
    *projection = (cir__projection){.dim = dim, .n_directions = n, .directions = cir__new_unset(n_bytes, 1)};
    if (projection->directions == NULL)
        return cir__fail_memory(err, "a projection");
    memcpy(projection->directions, kept, n_bytes);
    return cir__projection_ready(projection, err);
}

cir_status cir__fit_new(const cir_dataset *dataset, cir_settings *settings, cir_pool *pool, cir__fit *fit,
                        cir_error *err)
{
    const size_t dim = dataset->info.dim;
    cir__material *const material = &fit->material;
    cir_status status = cir__material_get(dataset, settings, pool, material, err);

    if (status != CIR_OK)
        return status;
    if (settings->centre) {
        const cir__row_set objects = {.n_rows = material->n_objects, .dim = dim, .f32 = material->objects};
        fit->text_mean = cir__new(dim, sizeof *fit->text_mean);
        if (fit->text_mean == NULL)
            return cir__fail_memory(err, "a mean feature");
        status = cir__rows_mean(&objects, pool, fit->text_mean, NULL, err);
    }
    if (status == CIR_OK && settings->project)
        status = projection_get(dataset, settings, fit, false, pool, &fit->projection, err);
    if (status == CIR_OK && settings->project_text)
        status = projection_get(dataset, settings, fit, true, pool, &fit->text_projection, err);
    return status != CIR_OK ? status : basics_fit(dataset, settings, pool, fit, err);
}

void cir__fit_done(cir__fit *fit)
{
    cir__material_done(&fit->material);
    cir__projection_done(&fit->projection);
    cir__projection_done(&fit->text_projection);
    free(fit->text_mean);
    free(fit->basics);
    free(fit->image_means);
}

const cir__basic *cir__fit_get(const cir__fit *fit, size_t instance)
{
    return &fit->basics[fit->n_basics == 1 ? 0 : instance];
}
