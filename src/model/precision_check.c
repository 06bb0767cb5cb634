#include "model/precision_check.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/rates.h"

#define N_TEXTS CIR_PRECISION_CHECK_N_TEXTS
#define N_IMAGES CIR_PRECISION_CHECK_N_IMAGES
#define WIDTH 320
#define HEIGHT 240

static const char *const texts[N_TEXTS] = {
    "a photo",
    "a photo of a dog",
    "a red car on a wet road",
    "the temple at night",
    "a drawing of a castle by a lake",
    "two children playing football in the snow",
    "an old map",
    "a bowl of fruit, seen from above",
    "sunset over the sea with sailing boats",
    "a black and white portrait of a woman",
    "the same building from the air",
    "a steam locomotive crossing a viaduct in autumn",
    "handwritten notes on yellow paper",
    "a macro photograph of an insect on a leaf",
    "a crowded market street in the rain",
    "surrounded by fire",
};

struct cir__comparison {
    const cir_model *model;
    cir_pool *pool;
    size_t n_images, n_texts;
    float *tensors; /* [n_images, 3, image_px, image_px] */
    cir__id_list ids;
    float *exact; /* in f32: of images [n_images, dim], then of texts [n_texts, dim] */
    float *other; /* the same in another precision */
};

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 16;
}

static uint8_t mix(uint8_t a, uint8_t b, double share)
{
    return (uint8_t)lrint((double)a + share * ((double)b - (double)a));
}

/* The share of the second colour at a place: a gradient, stripes, squares or rings. */
static double pattern_at(size_t i_image, double x, double y, double scale)
{
    switch (i_image % 4) {
    case 0:
        return 0.5 * (x / WIDTH + y / HEIGHT);
    case 1:
        return 0.5 + 0.5 * sin((x + 2 * y) / scale);
    case 2:
        return (int)(x / scale / 2) % 2 == (int)(y / scale / 2) % 2 ? 1 : 0;
    default:
        return 0.5 + 0.5 * cos(hypot(x - 0.4 * WIDTH, y - 0.6 * HEIGHT) / scale);
    }
}

/* Fills a picture of WIDTH × HEIGHT: a pattern in two colours, discs before it, and some noise over all. */
static void draw_image(size_t i_image, uint8_t *rgb)
{
    uint32_t state = 977U * (uint32_t)i_image + 1;
    uint8_t colours[6][3];
    double discs[4][3];
    for (size_t i = 0; i < 6; i++)
        for (size_t c = 0; c < 3; c++)
            colours[i][c] = (uint8_t)draw(&state);
    double scale = 4 + draw(&state) % 24;
    for (size_t i = 0; i < 4; i++) {
        discs[i][0] = draw(&state) % WIDTH;
        discs[i][1] = draw(&state) % HEIGHT;
        discs[i][2] = 10 + draw(&state) % 60;
    }
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH; x++) {
            double share = pattern_at(i_image, (double)x, (double)y, scale);
            const uint8_t *over = NULL;
            for (size_t i = 0; i < 4; i++)
                if (hypot((double)x - discs[i][0], (double)y - discs[i][1]) < discs[i][2])
                    over = colours[2 + i];
            int noise = (int)(draw(&state) % 17) - 8;
            for (size_t c = 0; c < 3; c++) {
                int value = (over != NULL ? over[c] : mix(colours[0][c], colours[1][c], share)) + noise;
                rgb[(y * WIDTH + x) * 3 + c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
}

/* The towers one after the other, so that both need not have room. */
static cir_status encode(const cir__comparison *self, cir__precision precision, float *out, cir_error *err)
{
    const cir_model *model = self->model;
    const char *path = model->source.path;
    cir__config config = model->config;
    cir__image_tower *image = NULL;
    cir__text_tower *text = NULL;
    config.image.precision = config.text.precision = precision;
    cir_status status = cir__image_tower_new(&config, &model->weights, &image, err);
    if (status == CIR_OK)
        status = cir__image_tower_encode(image, self->pool, self->tensors, self->n_images, out, NULL, NULL,
                                         path, err);
    cir__image_tower_free(image);
    if (status == CIR_OK)
        status = cir__text_tower_new(&config, &model->weights, &text, err);
    if (status == CIR_OK)
        status = cir__text_tower_encode(text, self->pool, self->ids.ids, self->ids.starts, self->n_texts,
                                        out + self->n_images * config.dim, NULL, NULL, path, err);
    cir__text_tower_free(text);
    return status == CIR_OK ? cir__source_check_read(&model->source, err) : status;
}

static cir_status draw_tensors(cir__comparison *self, cir_error *err)
{
    const size_t n_items = 3 * self->model->config.image_px * self->model->config.image_px;
    cir_image image = {.width_px = WIDTH, .height_px = HEIGHT, .rgb = malloc((size_t)3 * WIDTH * HEIGHT)};
    self->tensors = cir__new(self->n_images, n_items * sizeof *self->tensors);
    cir_status status = CIR_OK;
    if (self->tensors == NULL || image.rgb == NULL)
        status = cir__fail_memory(err, "pictures");
    for (size_t i = 0; i < self->n_images && status == CIR_OK; i++) {
        draw_image(i, image.rgb);
        status = cir_model_preprocess(self->model, &image, self->tensors + i * n_items, err);
    }
    free(image.rgb);
    return status;
}

cir_status cir__comparison_new(const cir_model *model, cir_pool *pool, size_t n_images, size_t n_texts,
                               cir__comparison **comparison_out, cir_error *err)
{
    assert(n_images <= N_IMAGES && n_texts <= N_TEXTS);
    *comparison_out = NULL;
    cir__comparison *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, model->source.path);
    const size_t feature_bytes = model->config.dim * sizeof(float);
    *self = (cir__comparison){.model = model,
                              .pool = pool,
                              .n_images = n_images,
                              .n_texts = n_texts,
                              .exact = cir__new(n_images + n_texts, feature_bytes),
                              .other = cir__new(n_images + n_texts, feature_bytes)};
    cir_status status =
        self->exact != NULL && self->other != NULL ? CIR_OK : cir__fail_memory(err, model->source.path);
    if (status == CIR_OK)
        status = draw_tensors(self, err);
    if (status == CIR_OK)
        status = cir__model_tokenise(model, texts, n_texts, &self->ids, err);
    if (status == CIR_OK)
        status = encode(self, CIR__IN_F32, self->exact, err);
    if (status != CIR_OK) {
        cir__comparison_free(self);
        return status;
    }
    *comparison_out = self;
    return CIR_OK;
}

void cir__comparison_free(cir__comparison *self)
{
    if (self == NULL)
        return;
    free(self->tensors);
    free(self->ids.ids);
    free(self->ids.starts);
    free(self->exact);
    free(self->other);
    free(self);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const cir__comparison *self, size_t first, size_t n, double *worst_out,
                    double *median_out)
{
    double cosines[N_IMAGES > N_TEXTS ? N_IMAGES : N_TEXTS];
    const size_t dim = self->model->config.dim;
    for (size_t i = 0; i < n; i++) {
        cosines[i] = 0;
        for (size_t j = 0; j < dim; j++)
            cosines[i] +=
                (double)self->exact[(first + i) * dim + j] * (double)self->other[(first + i) * dim + j];
        cosines[i] = fmin(cosines[i], 1); /* but for rounding */
    }
    qsort(cosines, n, sizeof *cosines, compare);
    *worst_out = cosines[0];
    *median_out = 0.5 * (cosines[(n - 1) / 2] + cosines[n / 2]);
}

cir_status cir__comparison_run(cir__comparison *self, cir__precision precision, cir__loss *loss_out,
                               cir_error *err)
{
    *loss_out = (cir__loss){0};
    cir_status status = encode(self, precision, self->other, err);
    if (status != CIR_OK)
        return status;
    measure(self, 0, self->n_images, &loss_out->worst_image, &loss_out->median_image);
    measure(self, self->n_images, self->n_texts, &loss_out->worst_text, &loss_out->median_text);
    return CIR_OK;
}
