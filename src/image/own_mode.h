/* Pictures resized in the mode that Pillow holds them in, and made RGB afterwards, as open_clip does: with
 * alpha the colours are premultiplied, inks stay inks, and palettes and bits take the nearest pixel.
 *
 * What it must not know: files' bytes beyond the few that name the mode, libvips. */
#ifndef CIR_IMAGE_OWN_MODE_H
#define CIR_IMAGE_OWN_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/image.h"
#include "image/gif.h"
#include "image/kind.h"
#include "image/rgb.h"

typedef enum cir__own_mode {
    CIR__OWN_RGB,     /* or grey: the order makes no difference */
    CIR__OWN_ALPHA,   /* RGBA, LA */
    CIR__OWN_INK,     /* CMYK */
    CIR__OWN_NEAREST, /* P, 1 */
} cir__own_mode;

/* What Pillow would hold a picture as. frame: of a GIF. Deep grey counts as grey. */
cir__own_mode cir__own_mode_find(cir__kind kind, const uint8_t *bytes, size_t size, const cir__layout *layout,
                                 const cir__gif_frame *frame);

/* The part of samples that cir__rgb_convert does not give: alpha, or black ink, three times a pixel, so that
 * it is resampled as a picture; and of inks the other three, unmixed. Eight or 16 bits. rgb: [n_px, 3]. */
void cir__own_mode_take_last(const cir__layout *layout, const void *samples, size_t n_px, uint8_t *rgb);
void cir__own_mode_take_inks(const cir__layout *layout, const void *samples, size_t n_px, uint8_t *rgb);

/* Resizes and crops to what `fitting` says. last: [the picture's size] as cir__own_mode_take_last gives it;
 * NULL for CIR__OWN_NEAREST. picture: RGB, or inks; its pixels are used up. End image_out with
 * cir_image_done. Errors: CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__own_mode_fit(cir__own_mode mode, const cir_fitting *fitting,
                                            cir_image *picture, const uint8_t *last, cir_image *image_out,
                                            cir_error *err);

#endif
