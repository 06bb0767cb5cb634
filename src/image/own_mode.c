#include "image/own_mode.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "image/preprocessing.h"
#include "image/resample.h"
#include "image/tiff.h"

#define PNG_DEPTH 24 /* offsets in its first chunk */
#define PNG_COLOUR 25
#define TIFF_BITS 258
#define TIFF_PHOTOMETRIC 262
#define TIFF_EXTRA_SAMPLES 338

static cir__own_mode find_png(const uint8_t *bytes, size_t size)
{
    if (size <= PNG_COLOUR)
        return CIR__OWN_RGB;
    if (bytes[PNG_COLOUR] == 3 || (bytes[PNG_COLOUR] == 0 && bytes[PNG_DEPTH] == 1))
        return CIR__OWN_NEAREST;
    return bytes[PNG_COLOUR] >= 4 ? CIR__OWN_ALPHA : CIR__OWN_RGB;
}

static cir__own_mode find_tiff(const uint8_t *bytes, size_t size)
{
    enum { PALETTE = 3, UNASSOCIATED = 2 };
    uint64_t value;
    if (cir__tiff_find_number(bytes, size, TIFF_PHOTOMETRIC, &value) && value == PALETTE)
        return CIR__OWN_NEAREST;
    if (!cir__tiff_find_number(bytes, size, TIFF_BITS, &value) || value == 1)
        return CIR__OWN_NEAREST;
    bool has_alpha =
        cir__tiff_find_number(bytes, size, TIFF_EXTRA_SAMPLES, &value) && value >= 1 && value <= UNASSOCIATED;
    return has_alpha ? CIR__OWN_ALPHA : CIR__OWN_RGB;
}

cir__own_mode cir__own_mode_find(cir__kind kind, const uint8_t *bytes, size_t size, const cir__layout *layout,
                                 const cir__gif_frame *frame)
{
    const bool has_last = (layout->sample == CIR__SAMPLE_U8 || layout->sample == CIR__SAMPLE_U16) &&
                          (layout->n_bands == 2 || layout->n_bands == 4);
    cir__own_mode mode = CIR__OWN_RGB;
    if (layout->is_cmyk)
        return layout->n_bands == 4 ? CIR__OWN_INK : CIR__OWN_RGB;
    if (kind == CIR__KIND_GIF)
        return frame->is_grey ? CIR__OWN_RGB : CIR__OWN_NEAREST;
    if (kind == CIR__KIND_PNG)
        mode = find_png(bytes, size);
    else if (kind == CIR__KIND_TIFF)
        mode = find_tiff(bytes, size);
    else if (has_last)
        mode = CIR__OWN_ALPHA;
    return mode == CIR__OWN_ALPHA && !has_last ? CIR__OWN_RGB : mode;
}

static uint8_t sample_at(const cir__layout *layout, const void *samples, size_t i)
{
    return layout->sample == CIR__SAMPLE_U16 ? (uint8_t)(((const uint16_t *)samples)[i] >> 8)
                                             : ((const uint8_t *)samples)[i];
}

void cir__own_mode_take_last(const cir__layout *layout, const void *samples, size_t n_px, uint8_t *rgb)
{
    for (size_t i = 0; i < n_px; i++)
        memset(rgb + 3 * i, sample_at(layout, samples, (i + 1) * layout->n_bands - 1), 3);
}

void cir__own_mode_take_inks(const cir__layout *layout, const void *samples, size_t n_px, uint8_t *rgb)
{
    for (size_t i = 0; i < n_px; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = sample_at(layout, samples, i * layout->n_bands + c);
}

/* a·b/255, rounded. */
static uint8_t multiply(unsigned a, unsigned b)
{
    const unsigned product = a * b + 128;
    return (uint8_t)((product + (product >> 8)) >> 8);
}

static void premultiply(uint8_t *rgb, const uint8_t *alpha, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        rgb[i] = multiply(rgb[i], alpha[i]);
}

/* Pillow leaves wholly transparent pixels as they are. */
static void unpremultiply(uint8_t *rgb, const uint8_t *alpha, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        const unsigned value = alpha[i] == 0 ? rgb[i] : 255U * rgb[i] / alpha[i];
        rgb[i] = (uint8_t)(value > 255 ? 255 : value);
    }
}

/* Inks to RGB, by the rule of rgb.c. */
static void mix_inks(uint8_t *rgb, const uint8_t *black, size_t n_px)
{
    static const cir__layout layout = {CIR__SAMPLE_U8, 4, true, 1};
    for (size_t i = 0; i < n_px; i++) {
        const uint8_t inks[4] = {rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2], black[3 * i]};
        cir__rgb_convert(&layout, inks, 1, rgb + 3 * i);
    }
}

/* The input pixel of each output of a span: the one under its centre, which Pillow finds by adding steps
 * up. */
static void find_nearest(size_t n_in, cir__span span, size_t *places)
{
    const double step = (double)n_in / (double)span.n_full;
    double at = step * 0.5;
    for (size_t i = 0; i < span.first + span.n; i++, at += step)
        if (i >= span.first)
            places[i - span.first] = (size_t)at < n_in ? (size_t)at : n_in - 1;
}

static cir_status pick_nearest(const cir_image *picture, cir__span across, cir__span down, uint8_t *rgb,
                               cir_error *err)
{
    size_t *const places = cir__new(across.n + down.n, sizeof *places);
    if (places == NULL)
        return cir__fail_memory(err, "resized picture");
    find_nearest(picture->width_px, across, places);
    find_nearest(picture->height_px, down, places + across.n);
    for (size_t y = 0; y < down.n; y++)
        for (size_t x = 0; x < across.n; x++)
            memcpy(rgb + (y * across.n + x) * 3,
                   picture->rgb + (places[across.n + y] * picture->width_px + places[x]) * 3, 3);
    free(places);
    return CIR_OK;
}

cir_status cir__own_mode_fit(cir__own_mode mode, const cir_fitting *fitting, cir_image *picture,
                             const uint8_t *last, cir_image *image_out, cir_error *err)
{
    cir__span across, down;
    size_t n_bytes;
    cir_status status = CIR_OK;
    *image_out = (cir_image){0};
    cir__preprocessing_find_spans(fitting, picture->width_px, picture->height_px, &across, &down);
    const bool is_same = across.n_full == picture->width_px && down.n_full == picture->height_px;
    uint8_t *rgb = NULL, *small_last = NULL;
    if (cir__size_mul(across.n, down.n, &n_bytes) && cir__size_mul(n_bytes, 3, &n_bytes)) {
        rgb = cir__new_unset(n_bytes, 1);
        small_last = cir__new_unset(n_bytes, 1);
    }
    if (rgb == NULL || small_last == NULL) {
        status = cir__fail_memory(err, "resized picture");
        goto done;
    }
    if (mode == CIR__OWN_NEAREST) {
        status = pick_nearest(picture, across, down, rgb, err);
    } else {
        const cir_image all_last = {.width_px = picture->width_px,
                                    .height_px = picture->height_px,
                                    .rgb = (uint8_t *)(uintptr_t)last};
        /* Where nothing is resized nothing is multiplied either. */
        const bool multiplies = mode == CIR__OWN_ALPHA && !is_same;
        if (multiplies)
            premultiply(picture->rgb, last, picture->width_px * picture->height_px * 3);
        status = cir__resample(picture, across, down, fitting->filter, rgb, err);
        if (status == CIR_OK)
            status = cir__resample(&all_last, across, down, fitting->filter, small_last, err);
        if (status == CIR_OK && multiplies)
            unpremultiply(rgb, small_last, n_bytes);
        if (status == CIR_OK && mode == CIR__OWN_INK)
            mix_inks(rgb, small_last, n_bytes / 3);
    }
    if (status == CIR_OK) {
        *image_out = (cir_image){.width_px = across.n, .height_px = down.n, .rgb = rgb};
        rgb = NULL;
    }
done:
    free(rgb);
    free(small_last);
    return status;
}
