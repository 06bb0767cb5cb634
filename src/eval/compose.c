#include "eval/compose.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/baseline.h"
#include "method/basic.h"
#include "method/weicom.h"

cir_status cir__composing_new(const cir_dataset *dataset, cir_method method, cir_settings *settings,
                              cir_pool *pool, cir__composing *composing_out, cir_error *err)
{
    *composing_out = (cir__composing){.dataset = dataset, .settings = settings, .method = method};
    cir_status status = cir_dataset_check(dataset, method, err);
    if (status == CIR_OK && cir__method_is_freedom(method))
        status = cir__words_new(dataset, settings, pool, &composing_out->words, err);
    if (status == CIR_OK && cir__method_is_basic(method))
        status = cir__fit_new(dataset, settings, pool, &composing_out->fit, err);
    return status;
}

void cir__composing_done(cir__composing *composing)
{
    cir__fit_done(&composing->fit);
    cir__words_done(&composing->words);
    memset(composing, 0, sizeof *composing);
}

/* Composed elsewhere: the score is the plain similarity. */
static cir_status external_compose(const cir_dataset *dataset, size_t q, cir_composed *composed_out,
                                   cir_error *err)
{
    const size_t dim = dataset->composed_dim;
    const cir_settings none = {.weight = 0.5};

    return cir__baseline_compose(CIR_METHOD_IMAGE, &none, dim, dataset->query_composed + q * dim, NULL,
                                 composed_out, err);
}

/* A method that composes each query by itself. */
static cir_status compose_one(const cir__composing *composing, size_t q, cir_composed *composed_out,
                              cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;
    const cir_settings *const settings = composing->settings;

    if (cir__method_is_freedom(composing->method))
        return cir__words_compose(&composing->words, dataset, settings, q, composed_out, err);
    if (composing->method == CIR_METHOD_EXTERNAL)
        return external_compose(dataset, q, composed_out, err);
    return cir__baseline_compose(composing->method, settings, dataset->info.dim,
                                 cir__dataset_get_image(dataset, q),
                                 cir__dataset_get_text(dataset, dataset->query_text, q), composed_out, err);
}

/* The distinct photos, or texts, of some queries. */
typedef struct distinct {
    const float **features; /* [n] */
    size_t n;
    size_t *numbers; /* [n_queries] which one is a query's */
} distinct;

static void distinct_push(distinct *self, size_t i_query, const float *feature, size_t dim)
{
    size_t i = self->n;
    /* A photo's queries stand together, so that looking from the end finds it soon. */
    while (i > 0 && self->features[i - 1] != feature &&
           memcmp(self->features[i - 1], feature, dim * sizeof *feature) != 0)
        i--;
    if (i == 0) {
        self->features[self->n++] = feature;
        i = self->n;
    }
    self->numbers[i_query] = i - 1;
}

/* The sides of some queries, and what their making takes. */
typedef struct sides {
    distinct photos, texts;
    double *weights;      /* [photos.n + texts.n, dim] */
    cir__side *sides;     /* [photos.n + texts.n], the photos' first */
    cir__spread *spreads; /* the same, of WeiCom */
} sides;

static void sides_done(sides *self)
{
    free(self->photos.features);
    free(self->photos.numbers);
    free(self->texts.features);
    free(self->texts.numbers);
    free(self->weights);
    free(self->sides);
    free(self->spreads);
}

/* Finds the distinct photos and texts; text: the table of the queries' texts. */
static cir_status sides_find(const cir_dataset *dataset, size_t begin, size_t end, const float *text,
                             sides *self, cir_error *err)
{
    const size_t n = end - begin, dim = dataset->info.dim;

    self->photos.features = cir__new(2 * n, sizeof *self->photos.features);
    self->texts.features = cir__new(n, sizeof *self->texts.features);
    self->photos.numbers = cir__new(n, sizeof *self->photos.numbers);
    self->texts.numbers = cir__new(n, sizeof *self->texts.numbers);
    self->weights = cir__new(2 * n, dim * sizeof *self->weights);
    self->sides = cir__new(2 * n, sizeof *self->sides);
    self->spreads = cir__new(2 * n, sizeof *self->spreads);
    if (self->photos.features == NULL || self->texts.features == NULL || self->photos.numbers == NULL ||
        self->texts.numbers == NULL || self->weights == NULL || self->sides == NULL || self->spreads == NULL)
        return cir__fail_memory(err, "queries");
    for (size_t i = 0; i < n; i++) {
        distinct_push(&self->photos, i, cir__dataset_get_image(dataset, begin + i), dim);
        distinct_push(&self->texts, i, cir__dataset_get_text(dataset, text, begin + i), dim);
    }
    return CIR_OK;
}

static cir_status weicom_compose_all(const cir__composing *composing, size_t n, const cir_rows *rows,
                                     sides *self, cir_composed *composed_out, cir_error *err)
{
    const distinct *const photos = &self->photos, *const texts = &self->texts;
    cir__spread *const of_photos = self->spreads, *const of_texts = self->spreads + photos->n;

    memcpy(photos->features + photos->n, texts->features, texts->n * sizeof *texts->features);
    cir_status status =
        cir__weicom_measure(rows, photos->features, photos->n + texts->n, NULL, self->spreads, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        const size_t p = photos->numbers[i], t = texts->numbers[i];
        status = cir__weicom_join(composing->settings, rows->dim, photos->features[p], &of_photos[p],
                                  texts->features[t], &of_texts[t], &composed_out[i], err);
    }
    return status;
}

static cir_status basic_compose_all(const cir__composing *composing, const cir__basic *basic, size_t n,
                                    const cir_rows *rows, sides *self, cir_composed *composed_out,
                                    cir_error *err)
{
    const cir_settings *const settings = composing->settings;
    const distinct *const photos = &self->photos, *const texts = &self->texts;
    cir__side *const v = self->sides, *const t = self->sides + photos->n;

    cir_status status = cir__basic_image_sides(basic, settings, rows, NULL, photos->features, photos->n,
                                               self->weights, v, err);
    for (size_t i = 0; i < texts->n && status == CIR_OK; i++)
        status = cir__basic_text_side(basic, settings, texts->features[i],
                                      self->weights + (photos->n + i) * basic->dim, &t[i], err);
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        status = cir__basic_join(basic, settings, &v[photos->numbers[i]], &t[texts->numbers[i]],
                                 &composed_out[i], err);
    return status;
}

cir_status cir__compose_all(const cir__composing *composing, size_t begin, size_t end, const cir_rows *rows,
                            cir_composed *composed_out, cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;
    const size_t n = end - begin;
    const bool is_basic = cir__method_is_basic(composing->method);
    sides self = {0};
    cir_status status = CIR_OK;

    memset(composed_out, 0, n * sizeof *composed_out);
    if (!is_basic && composing->method != CIR_METHOD_WEICOM) {
        for (size_t i = 0; i < n && status == CIR_OK; i++)
            status = compose_one(composing, begin + i, &composed_out[i], err);
        return status;
    }
    status = sides_find(dataset, begin, end,
                        is_basic ? composing->fit.material.query_text : dataset->query_text, &self, err);
    if (status == CIR_OK && is_basic)
        status = basic_compose_all(composing, cir__fit_get(&composing->fit, dataset->queries[begin].instance),
                                   n, rows, &self, composed_out, err);
    else if (status == CIR_OK)
        status = weicom_compose_all(composing, n, rows, &self, composed_out, err);
    sides_done(&self);
    return status;
}

cir_status cir__compose(const cir__composing *composing, size_t q, const cir_rows *rows,
                        cir_composed *composed_out, cir_error *err)
{
    return cir__compose_all(composing, q, q + 1, rows, composed_out, err);
}
