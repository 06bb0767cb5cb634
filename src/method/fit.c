/* Corpora's features, the means, the projections and the two minima, each taken from what the source keeps or
 * made now and kept.
 *
 * One rule for every source. The image mean is a file's, or the data's own, or that of the images that are
 * searched: of at most MEAN_IMAGES of them, drawn by the seed (variant reference: of all, as its code does).
 * The minima are the settings', or those of the data's synthetic pairs, or estimated from the rows that the
 * mean is of. */
#include "method/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "linalg/rows.h"
#include "method/draw.h"
#include "method/mean.h"
#include "method/sample.h"

#define MEAN_IMAGES ((size_t)65536)

/* How minima are estimated: what was kept of another kind is not read. */
#define MINIMA_KIND "spread"

/* A corpus and, once something has needed them, its features. */
typedef struct corpus {
    cir__terms terms;      /* none where the features are given */
    float *own;            /* features [n, dim] that were made, or read from what is kept */
    const float *features; /* the same, or given ones; NULL: not needed so far */
    size_t n;
    char key[CIR__HASH_TEXT_SIZE]; /* by content */
} corpus;

/* A fit while it is made. */
typedef struct fitting {
    cir_fit *fit;
    const cir__fit_source *source;
    cir_pool *pool;
    corpus objects, styles;
} fitting;

/* A name for what a kept thing depends on. */
static void key_format(char key_out[CIR__HASH_TEXT_SIZE], const void *what, size_t size)
{
    snprintf(key_out, CIR__HASH_TEXT_SIZE, "%016llx", (unsigned long long)cir__hash64(what, size));
}

/* ---- corpora ---- */

static cir_status corpus_open(const fitting *self, cir__corpus which, corpus *out, cir_error *err)
{
    const cir__fit_source *const source = self->source;

    if (source->model == NULL) {
        const bool is_objects = which == CIR__CORPUS_OBJECTS;
        out->features = is_objects ? source->objects : source->styles;
        out->n = is_objects ? source->n_objects : source->n_styles;
        if (out->features != NULL)
            key_format(out->key, out->features, out->n * self->fit->dim * sizeof *out->features);
        return CIR_OK;
    }
    const cir_status status = cir__terms_read(which, &self->fit->settings, &out->terms, err);
    out->n = out->terms.n;
    memcpy(out->key, out->terms.key, sizeof out->key);
    return status;
}

static cir_status corpus_need(const fitting *self, corpus *of, cir_error *err)
{
    const cir__fit_source *const source = self->source;
    const size_t dim = self->fit->dim;
    size_t n;

    if (of->features != NULL)
        return CIR_OK;
    if (source->read_rows != NULL &&
        source->read_rows(source->context, "corpus", of->key, of->n, &of->own, &n)) {
        of->features = of->own;
        return CIR_OK;
    }
    of->own = cir__new(of->n, dim * sizeof *of->own);
    if (of->own == NULL)
        return cir__fail_memory(err, "a corpus' features");
    const cir_status status =
        cir_model_encode_texts(source->model, self->pool, of->terms.texts, of->n, of->own, NULL, err);
    if (status != CIR_OK)
        return status;
    of->features = of->own;
    if (source->write_rows != NULL)
        source->write_rows(source->context, "corpus", of->key, of->own, of->n);
    return CIR_OK;
}

static void corpora_close(fitting *self)
{
    cir__terms_done(&self->objects.terms);
    cir__terms_done(&self->styles.terms);
    free(self->objects.own);
    free(self->styles.own);
}

static cir_status text_mean_fit(fitting *self, cir_error *err)
{
    cir_fit *const fit = self->fit;
    const cir_status status = corpus_need(self, &self->objects, err);

    if (status != CIR_OK)
        return status;
    fit->text_mean = cir__new(fit->dim, sizeof *fit->text_mean);
    if (fit->text_mean == NULL)
        return cir__fail_memory(err, "a mean feature");
    const cir__row_set objects = {.n_rows = self->objects.n, .dim = fit->dim, .f32 = self->objects.features};
    return cir__rows_mean(&objects, self->pool, fit->text_mean, NULL, err);
}

/* One of the two projections. */
static cir_status projection_fit(fitting *self, bool is_of_text, cir__projection *out, cir_error *err)
{
    const cir_fit *const fit = self->fit;
    const cir__fit_source *const source = self->source;
    const char *const kind = is_of_text ? "text-projection" : "projection";
    char how[128], what[256], key[CIR__HASH_TEXT_SIZE];

    cir__projection_describe(&fit->settings, is_of_text, how, sizeof how);
    snprintf(what, sizeof what, "%s %s %s", self->objects.key, self->styles.key, how);
    key_format(key, what, strlen(what));
    out->dim = fit->dim;
    if (source->read_rows != NULL &&
        source->read_rows(source->context, kind, key, 0, &out->directions, &out->n_directions))
        return cir__projection_ready(out, err);
    cir_status status = corpus_need(self, &self->objects, err);
    if (status == CIR_OK)
        status = corpus_need(self, &self->styles, err);
    if (status == CIR_OK)
        status = cir__projection_fit(is_of_text, self->objects.features, self->objects.n,
                                     self->styles.features, self->styles.n, fit->dim, fit->text_mean,
                                     &fit->settings, self->pool, out, err);
    if (status == CIR_OK && source->write_rows != NULL && out->n_directions > 0)
        source->write_rows(source->context, kind, key, out->directions, out->n_directions);
    return status;
}

/* ---- what depends on the rows ---- */

/* Whether nobody gives the image mean, so that it is one of the images that are searched. */
static bool is_mean_of_rows(const fitting *self)
{
    const char *const mean = self->fit->settings.image_mean;
    return strcmp(mean, "index") == 0 || (mean[0] == '\0' && self->source->image_mean == NULL);
}

/* Whether each gallery has a mean of its own. */
static bool has_means_of_galleries(const fitting *self)
{
    const cir_settings *const settings = &self->fit->settings;
    return self->source->n_galleries > 1 && settings->centre && is_mean_of_rows(self) &&
           (settings->image_mean[0] != '\0' || self->source->is_mean_of_galleries);
}

/* The mean of searched images; of none: zeros. */
static cir_status rows_mean_fit(const fitting *self, const cir_rows *rows, bool is_whole, float *mean_out,
                                cir_error *err)
{
    const cir_settings *const settings = &self->fit->settings;
    const cir__fit_source *const source = self->source;
    const bool takes_all = settings->variant == CIR_VARIANT_REFERENCE;
    size_t n_ready = rows->n_rows, n, *chosen = NULL;
    char how[32] = "all";
    float *kept = NULL;

    for (size_t r = 0; rows->ready != NULL && r < rows->n_rows; r++)
        n_ready -= rows->ready[r] == 0;
    if (n_ready == 0)
        return CIR_OK;
    if (!takes_all)
        snprintf(how, sizeof how, "%llu", (unsigned long long)settings->seed);
    if (is_whole && source->read_rows != NULL &&
        source->read_rows(source->context, "image-mean", how, 1, &kept, &n)) {
        memcpy(mean_out, kept, rows->dim * sizeof *mean_out);
        free(kept);
        return CIR_OK;
    }
    cir__row_set sample = {.n_rows = rows->n_rows,
                           .dim = rows->dim,
                           .f16 = rows->f16,
                           .f32 = rows->f32,
                           .scales = rows->scales,
                           .ready = rows->ready};
    if (!takes_all && n_ready > MEAN_IMAGES) {
        sample.chosen = chosen = cir__new(MEAN_IMAGES, sizeof *chosen);
        if (chosen == NULL)
            return cir__fail_memory(err, "the images' mean feature");
        sample.n_chosen = cir__draw(settings->seed, CIR__DRAW_MEAN, rows->n_rows, rows->ready, n_ready,
                                    MEAN_IMAGES, chosen);
    }
    cir_status status = cir__rows_mean(&sample, self->pool, mean_out, NULL, err);
    free(chosen);
    if (status == CIR_OK)
        status = cir__mapped_check(rows->f16 != NULL ? (const void *)rows->f16 : rows->f32, err);
    if (status == CIR_OK && is_whole && source->write_rows != NULL)
        source->write_rows(source->context, "image-mean", how, mean_out, 1);
    return status;
}

static cir_status image_mean_fit(const fitting *self, const cir_rows *rows, bool is_whole, float *mean_out,
                                 cir_error *err)
{
    const char *const path = self->fit->settings.image_mean;
    const size_t dim = self->fit->dim;
    float *read = NULL;

    if (is_mean_of_rows(self))
        return rows_mean_fit(self, rows, is_whole, mean_out, err);
    const cir_status status = path[0] != '\0' ? cir__mean_read(path, dim, &read, err) : CIR_OK;
    if (status == CIR_OK)
        memcpy(mean_out, read != NULL ? read : self->source->image_mean, dim * sizeof *mean_out);
    free(read);
    return status;
}

/* Those of the synthetic pairs, which have to be below 0: features and mean need not be of one encoder. */
static cir_status synthetic_fit(const fitting *self, const float *image_mean, cir__minima *minima_out,
                                cir_error *err)
{
    const cir__fit_source *const source = self->source;
    const cir_status status = cir__minima_fit(
        source->synthetic_image, source->n_synthetic_image, source->synthetic_text, source->n_synthetic_text,
        self->fit->dim, image_mean, self->fit->text_mean, self->pool, minima_out, err);

    if (status != CIR_OK || (minima_out->image < 0.0 && minima_out->text < 0.0))
        return status;
    return cir__fail(
        err, CIR_ARGUMENT,
        "%s: the smallest similarities of the synthetic pairs are %.6g and %.6g, not both below 0, so that "
        "scores cannot be measured from them: the image mean is not that of such images; set "
        "min_image=estimated min_text=estimated, or give numbers",
        source->name, minima_out->image, minima_out->text);
}

static cir_status minima_estimate(fitting *self, const cir_rows *rows, const float *image_mean,
                                  cir__minima *minima_out, cir_error *err)
{
    const cir_fit *const fit = self->fit;
    const cir_settings *const settings = &fit->settings;
    const cir__fit_source *const source = self->source;
    char what[256], key[CIR__HASH_TEXT_SIZE];
    size_t ids[CIR__SAMPLE_IMAGES], n_ids;

    /* The mean of the rows moves a little with every update; a file's does not, and makes other minima. */
    const uint64_t mean_hash = is_mean_of_rows(self) || image_mean == NULL
                                   ? 0
                                   : cir__hash64(image_mean, fit->dim * sizeof *image_mean);
    snprintf(what, sizeof what, MINIMA_KIND " %s %llx %d %llu", self->objects.key,
             (unsigned long long)mean_hash, settings->centre, (unsigned long long)settings->seed);
    key_format(key, what, strlen(what));
    if (source->read_minima != NULL && source->read_minima(source->context, key, minima_out))
        return CIR_OK;
    cir_status status = corpus_need(self, &self->objects, err);
    if (status == CIR_OK)
        status = cir__sample_minima(rows, self->objects.features, self->objects.n, image_mean, fit->text_mean,
                                    settings->seed, self->pool, minima_out, ids, &n_ids, err);
    if (status == CIR_OK)
        status = cir__mapped_check(rows->f16 != NULL ? (const void *)rows->f16 : rows->f32, err);
    if (status == CIR_OK && source->write_minima != NULL && minima_out->source == CIR_MINIMA_ESTIMATED)
        source->write_minima(source->context, key, minima_out, ids, n_ids);
    return status;
}

/* mv and mt for one image mean. */
static cir_status minima_fit(fitting *self, const cir_rows *rows, const float *image_mean,
                             cir__minima *minima_out, cir_error *err)
{
    const cir_settings *const settings = &self->fit->settings;
    const bool is_estimate_asked = settings->minima_source == CIR_MINIMA_ESTIMATED;
    cir_status status = CIR_OK;

    *minima_out =
        (cir__minima){.image = settings->min_image, .text = settings->min_text, .source = CIR_MINIMA_PAPER};
    if (settings->has_min_image && settings->has_min_text)
        return CIR_OK;
    if (self->source->synthetic_image != NULL && !is_estimate_asked)
        status = synthetic_fit(self, image_mean, minima_out, err);
    else if (self->source->model != NULL || is_estimate_asked)
        status = minima_estimate(self, rows, image_mean, minima_out, err);
    if (settings->has_min_image)
        minima_out->image = settings->min_image;
    if (settings->has_min_text)
        minima_out->text = settings->min_text;
    return status;
}

/* Fills in the settings' minima, unless each gallery has its own. */
static void minima_settle(cir_fit *fit)
{
    cir_settings *const settings = &fit->settings;
    const cir__minima *minima = &fit->galleries[0].minima;

    for (size_t i = 1; i < fit->n_galleries && minima->source == CIR_MINIMA_PAPER; i++)
        minima = &fit->galleries[i].minima; /* one gallery may be too small to tell */
    if (!settings->has_min_image || !settings->has_min_text)
        settings->minima_source = minima->source;
    if (fit->n_galleries > 1 && minima->source != CIR_MINIMA_PAPER)
        return;
    settings->has_min_image = settings->has_min_text = true;
    settings->min_image = minima->image;
    settings->min_text = minima->text;
}

static cir_status galleries_fit(fitting *self, cir_error *err)
{
    cir_fit *const fit = self->fit;
    const cir__fit_source *const source = self->source;
    const bool has_many = has_means_of_galleries(self);
    cir_status status = CIR_OK;

    fit->n_galleries = has_many ? source->n_galleries : 1;
    fit->galleries = cir__new(fit->n_galleries, sizeof *fit->galleries);
    fit->image_means = cir__new(fit->n_galleries, fit->dim * sizeof *fit->image_means);
    if (fit->galleries == NULL || fit->image_means == NULL)
        return cir__fail_memory(err, "mean features");
    for (size_t i = 0; i < fit->n_galleries && status == CIR_OK; i++) {
        const cir_rows rows = has_many ? source->get_gallery(source->context, i) : source->rows;
        float *const mean = fit->settings.centre ? fit->image_means + i * fit->dim : NULL;
        fit->galleries[i].image_mean = mean;
        if (mean != NULL)
            status = image_mean_fit(self, &rows, !has_many, mean, err);
        if (status == CIR_OK && fit->settings.normalise)
            status = minima_fit(self, &rows, mean, &fit->galleries[i].minima, err);
    }
    if (status == CIR_OK && fit->settings.normalise)
        minima_settle(fit);
    return status;
}

/* ---- the whole ---- */

cir_status cir__fit_basic(cir_fit *fit, const cir__fit_source *source, cir_pool *pool, cir_error *err)
{
    const cir_settings *const settings = &fit->settings;
    fitting self = {.fit = fit, .source = source, .pool = pool};

    cir_status status = corpus_open(&self, CIR__CORPUS_OBJECTS, &self.objects, err);
    if (status == CIR_OK && (settings->project || settings->project_text))
        status = corpus_open(&self, CIR__CORPUS_STYLES, &self.styles, err);
    if (status == CIR_OK && settings->contextualise && source->model != NULL)
        status = cir__terms_choose(&self.objects.terms, settings, &fit->terms, err);
    if (status == CIR_OK && settings->centre)
        status = text_mean_fit(&self, err);
    if (status == CIR_OK && settings->project)
        status = projection_fit(&self, false, &fit->projection, err);
    if (status == CIR_OK && settings->project_text)
        status = projection_fit(&self, true, &fit->text_projection, err);
    if (status == CIR_OK)
        status = galleries_fit(&self, err);
    corpora_close(&self);
    return status;
}

cir_status cir__fit_vocabulary(cir_fit *fit, const cir__fit_source *source, cir_pool *pool, cir_error *err)
{
    fitting self = {.fit = fit, .source = source, .pool = pool};

    cir_status status = corpus_open(&self, CIR__CORPUS_OBJECTS, &self.objects, err);
    if (status == CIR_OK)
        status = corpus_need(&self, &self.objects, err);
    if (status == CIR_OK) {
        fit->terms = self.objects.terms;
        fit->vocabulary = self.objects.own;
        self.objects = (corpus){0};
    }
    corpora_close(&self);
    return status;
}

cir__basic cir__fit_get_basic(const cir_fit *fit, size_t gallery)
{
    const cir__fit_gallery *const of = &fit->galleries[fit->n_galleries == 1 ? 0 : gallery];
    return (cir__basic){.dim = fit->dim,
                        .image_mean = of->image_mean,
                        .text_mean = fit->text_mean,
                        .projection = fit->settings.project ? &fit->projection : NULL,
                        .text_projection = fit->settings.project_text ? &fit->text_projection : NULL,
                        .minima = of->minima};
}

void cir_fit_free(cir_fit *fit)
{
    if (fit == NULL)
        return;
    cir__terms_done(&fit->terms);
    free(fit->vocabulary);
    free(fit->text_mean);
    cir__projection_done(&fit->projection);
    cir__projection_done(&fit->text_projection);
    free(fit->galleries);
    free(fit->image_means);
    free(fit);
}

const cir_settings *cir_fit_get_settings(const cir_fit *fit)
{
    return &fit->settings;
}

const char *cir_fit_get_fingerprint(const cir_fit *fit)
{
    return fit->model;
}
