#include "eval/run/compose.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/baseline.h"
#include "method/basic.h"
#include "method/weicom.h"

/* Composed elsewhere: the score is the plain similarity. */
static cir_status external_compose(const cir__composing *composing, size_t q, cir_composed *composed_out,
                                   cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;
    const size_t dim = dataset->composed_dim;
    const cir_settings none = {.weight = 0.5};

    return cir__baseline_compose(CIR_METHOD_IMAGE, &none, dim, dataset->query_composed + q * dim, NULL,
                                 composed_out, err);
}

static cir_status baseline_compose(const cir__composing *composing, size_t q, cir_composed *composed_out,
                                   cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;

    return cir__baseline_compose(composing->method, composing->settings, dataset->info.dim,
                                 cir__dataset_get_image(dataset, q),
                                 cir__dataset_get_text(dataset, dataset->query_text, q), composed_out, err);
}

static cir_status freedom_prepare(cir__composing *composing, cir_settings *settings, cir_pool *pool,
                                  cir_error *err)
{
    return cir__words_new(composing->dataset, settings, pool, &composing->words, err);
}

static cir_status freedom_compose(const cir__composing *composing, size_t q, cir_composed *composed_out,
                                  cir_error *err)
{
    return cir__words_compose(&composing->words, composing->dataset, composing->settings, q, composed_out,
                              err);
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

/* Queries [begin, end) of one instance, whose distinct photos and texts self holds. */
static cir_status weicom_compose_sides(const cir__composing *composing, size_t begin, size_t end,
                                       const cir_rows *rows, sides *self, cir_composed *composed_out,
                                       cir_error *err)
{
    const distinct *const photos = &self->photos, *const texts = &self->texts;
    cir__spread *const of_photos = self->spreads, *const of_texts = self->spreads + photos->n;

    memcpy(photos->features + photos->n, texts->features, texts->n * sizeof *texts->features);
    cir_status status =
        cir__weicom_measure(rows, photos->features, photos->n + texts->n, NULL, self->spreads, err);
    for (size_t i = 0; i < end - begin && status == CIR_OK; i++) {
        const size_t p = photos->numbers[i], t = texts->numbers[i];
        status = cir__weicom_join(composing->settings, rows->dim, photos->features[p], &of_photos[p],
                                  texts->features[t], &of_texts[t], &composed_out[i], err);
    }
    return status;
}

static cir_status basic_prepare(cir__composing *composing, cir_settings *settings, cir_pool *pool,
                                cir_error *err)
{
    return cir__fit_new(composing->dataset, settings, pool, &composing->fit, err);
}

static const float *basic_texts(const cir__composing *composing)
{
    return composing->fit.material.query_text;
}

static cir_status basic_compose_sides(const cir__composing *composing, size_t begin, size_t end,
                                      const cir_rows *rows, sides *self, cir_composed *composed_out,
                                      cir_error *err)
{
    const cir_settings *const settings = composing->settings;
    const cir__basic *const basic =
        cir__fit_get(&composing->fit, composing->dataset->queries[begin].instance);
    const distinct *const photos = &self->photos, *const texts = &self->texts;
    cir__side *const v = self->sides, *const t = self->sides + photos->n;

    cir_status status = cir__basic_image_sides(basic, settings, rows, NULL, photos->features, photos->n,
                                               self->weights, v, err);
    for (size_t i = 0; i < texts->n && status == CIR_OK; i++)
        status = cir__basic_text_side(basic, settings, texts->features[i],
                                      self->weights + (photos->n + i) * basic->dim, &t[i], err);
    for (size_t i = 0; i < end - begin && status == CIR_OK; i++)
        status = cir__basic_join(basic, settings, &v[photos->numbers[i]], &t[texts->numbers[i]],
                                 &composed_out[i], err);
    return status;
}

/* How the methods of a family are prepared for a data set, and composed: each query by itself, or all of an
 * instance by their distinct photos and texts. */
typedef struct family {
    cir_status (*prepare)(cir__composing *composing, cir_settings *settings, cir_pool *pool,
                          cir_error *err); /* NULL: nothing to do */
    cir_status (*compose)(const cir__composing *composing, size_t q, cir_composed *composed_out,
                          cir_error *err);
    cir_status (*compose_sides)(const cir__composing *composing, size_t begin, size_t end,
                                const cir_rows *rows, sides *self, cir_composed *composed_out,
                                cir_error *err);
    const float *(*texts)(const cir__composing *composing); /* of compose_sides; NULL: the plain ones */
} family;

static const family families[] = {
    [CIR_FAMILY_BASELINE] = {.compose = baseline_compose},
    [CIR_FAMILY_WEICOM] = {.compose_sides = weicom_compose_sides},
    [CIR_FAMILY_EXTERNAL] = {.compose = external_compose},
    [CIR_FAMILY_FREEDOM] = {.prepare = freedom_prepare, .compose = freedom_compose},
    [CIR_FAMILY_BASIC] = {.prepare = basic_prepare,
                          .compose_sides = basic_compose_sides,
                          .texts = basic_texts},
};
static_assert(sizeof families / sizeof families[0] == CIR_N_FAMILIES, "a family has no row");

static const family *family_of(cir_method method)
{
    return &families[cir_method_get_info(method)->family];
}

cir_status cir__composing_new(const cir_dataset *dataset, cir_method method, cir_settings *settings,
                              cir_pool *pool, cir__composing *composing_out, cir_error *err)
{
    *composing_out = (cir__composing){.dataset = dataset, .settings = settings, .method = method};
    cir_status status = cir_dataset_check(dataset, method, err);
    if (status == CIR_OK && family_of(method)->prepare != NULL)
        status = family_of(method)->prepare(composing_out, settings, pool, err);
    return status;
}

void cir__composing_done(cir__composing *composing)
{
    cir__fit_done(&composing->fit);
    cir__words_done(&composing->words);
    memset(composing, 0, sizeof *composing);
}

cir_status cir__compose_all(const cir__composing *composing, size_t begin, size_t end, const cir_rows *rows,
                            cir_composed *composed_out, cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;
    const family *const by = family_of(composing->method);
    const size_t n = end - begin;
    sides self = {0};
    cir_status status = CIR_OK;

    memset(composed_out, 0, n * sizeof *composed_out);
    if (by->compose != NULL) {
        for (size_t i = 0; i < n && status == CIR_OK; i++)
            status = by->compose(composing, begin + i, &composed_out[i], err);
        return status;
    }
    status = sides_find(dataset, begin, end, by->texts != NULL ? by->texts(composing) : dataset->query_text,
                        &self, err);
    if (status == CIR_OK)
        status = by->compose_sides(composing, begin, end, rows, &self, composed_out, err);
    sides_done(&self);
    return status;
}

cir_status cir__compose(const cir__composing *composing, size_t q, const cir_rows *rows,
                        cir_composed *composed_out, cir_error *err)
{
    return cir__compose_all(composing, q, q + 1, rows, composed_out, err);
}
