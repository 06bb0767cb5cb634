#include "cli/models/precision_check.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/fail.h"

#define N_IMAGES CIR__CHECK_N_IMAGES
#define N_TEXTS CIR__CHECK_N_TEXTS
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

/* Features of everything in one precision: images [N_IMAGES, dim], then texts [N_TEXTS, dim]. */
typedef struct features {
    size_t dim;
    float *items;
} features;

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

static cir_status encode_images(const cir_model *model, cir_pool *pool, float *out, cir_error *err)
{
    const cir_model_info *info = cir_model_get_info(model);
    size_t n_items = 3 * info->image_px * info->image_px;
    cir_image image = {.width_px = WIDTH, .height_px = HEIGHT, .rgb = malloc((size_t)3 * WIDTH * HEIGHT)};
    float *tensors = calloc(N_IMAGES * n_items, sizeof *tensors);
    cir_status status = CIR_OK;
    if (tensors == NULL || image.rgb == NULL)
        status = cir__refuse_memory(err);
    for (size_t i = 0; i < N_IMAGES && status == CIR_OK; i++) {
        draw_image(i, image.rgb);
        status = cir_model_preprocess(model, &image, tensors + i * n_items, err);
    }
    if (status == CIR_OK)
        status = cir_model_encode_tensors(model, pool, tensors, N_IMAGES, out, err);
    free(image.rgb);
    free(tensors);
    return status;
}

static cir_status encode_all(const char *path, cir_precision precision, cir_pool *pool, features *out,
                             cir_error *err)
{
    cir_model *model;
    *out = (features){0};
    cir_status status = cir_model_open_with(path, &(cir_model_options){precision}, &model, err);
    if (status != CIR_OK)
        return status;
    out->dim = cir_model_get_info(model)->dim;
    out->items = calloc((N_IMAGES + N_TEXTS) * out->dim, sizeof *out->items);
    status = out->items != NULL ? encode_images(model, pool, out->items, err) : cir__refuse_memory(err);
    if (status == CIR_OK)
        status =
            cir_model_encode_texts(model, pool, texts, N_TEXTS, out->items + N_IMAGES * out->dim, NULL, err);
    cir_model_close(model);
    return status;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const features *a, const features *b, size_t first, size_t n, double *worst_out,
                    double *median_out)
{
    double cosines[N_IMAGES > N_TEXTS ? N_IMAGES : N_TEXTS];
    for (size_t i = 0; i < n; i++) {
        cosines[i] = 0;
        for (size_t j = 0; j < a->dim; j++)
            cosines[i] +=
                (double)a->items[(first + i) * a->dim + j] * (double)b->items[(first + i) * a->dim + j];
        cosines[i] = fmin(cosines[i], 1); /* but for rounding */
    }
    qsort(cosines, n, sizeof *cosines, compare);
    *worst_out = cosines[0];
    *median_out = 0.5 * (cosines[(n - 1) / 2] + cosines[n / 2]);
}

static cir_status check_one(const char *path, cir_pool *pool, const features *exact,
                            cir__precision_loss *loss, cir_error *err)
{
    features found;
    cir_status status = encode_all(path, loss->precision, pool, &found, err);
    loss->is_supported = status != CIR_UNSUPPORTED;
    if (status == CIR_OK) {
        measure(exact, &found, 0, N_IMAGES, &loss->worst_image, &loss->median_image);
        measure(exact, &found, N_IMAGES, N_TEXTS, &loss->worst_text, &loss->median_text);
    }
    free(found.items);
    return status == CIR_UNSUPPORTED ? CIR_OK : status;
}

cir_status cir__precision_check(const char *path, cir_pool *pool, bool (*watch)(void),
                                cir__precision_loss losses_out[CIR__CHECK_N_PRECISIONS], cir_error *err)
{
    const cir_precision precisions[CIR__CHECK_N_PRECISIONS] = {CIR_PRECISION_BF16, CIR_PRECISION_INT8};
    features exact;
    cir_model *model;
    memset(losses_out, 0, CIR__CHECK_N_PRECISIONS * sizeof *losses_out);
    cir_status status = cir_model_open(path, &model, err);
    if (status != CIR_OK)
        return status;
    cir_precision usual = cir_model_get_info(model)->precision;
    cir_model_close(model);
    status = encode_all(path, CIR_PRECISION_F32, pool, &exact, err);
    for (size_t i = 0; i < CIR__CHECK_N_PRECISIONS && status == CIR_OK; i++) {
        if (!watch())
            status = cir__refuse(err, CIR_INTERRUPTED, "%s: stopped on request", path);
        losses_out[i].precision = precisions[i];
        losses_out[i].is_default = precisions[i] == usual;
        if (status == CIR_OK)
            status = check_one(path, pool, &exact, &losses_out[i], err);
    }
    free(exact.items);
    return status;
}
