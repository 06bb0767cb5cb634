/* Rows of decoded samples to 8-bit RGB, with the arithmetic of Pillow's convert("RGB"); knows nothing of
 * files.
 *
 * Pillow's rules, which are not always what one would wish: alpha is dropped, not blended; of 16-bit colour
 * and of 16-bit grey with alpha the high byte counts, but 16-bit, 32-bit and float grey alone is clipped to
 * 0–255 and cut to a whole number, so that most such pictures come out white; colour profiles are ignored.
 * The one of them that loses the picture, clipping, is a matter of the layout's gain: with 1 it is Pillow's,
 * with that of cir__rgb_find_gain the samples' scale becomes 0–255. */
#ifndef CIR_IMAGE_RGB_H
#define CIR_IMAGE_RGB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cir__sample {
    CIR__SAMPLE_U8,
    CIR__SAMPLE_U16,
    CIR__SAMPLE_I16,
    CIR__SAMPLE_U32,
    CIR__SAMPLE_I32,
    CIR__SAMPLE_F32,
    CIR__N_SAMPLES
} cir__sample;

/* How one picture's samples lie. */
typedef struct cir__layout {
    cir__sample sample;
    size_t
        n_bands; /* samples a pixel, ≥ 1; 1 and 2: grey, else colour; those beyond the colour are dropped */
    bool is_cmyk; /* the first four of n_bands are ink: 0 none, full scale all */
    double gain;  /* > 0: what samples are multiplied with before they are clipped to 0–255; for 16-bit grey
                     alone, and all of more bits or with a sign */
} cir__layout;

/* Whether there is a rule for this layout, Pillow's where follow_pillow; the others must not be passed on. */
bool cir__rgb_has_rule(const cir__layout *layout, bool follow_pillow);

/* Whether the gain is to be told by cir__rgb_find_gain from the largest sample of the picture. */
bool cir__rgb_needs_largest(cir__sample sample);

/* The largest finite sample, at least `largest`. samples: n of them. */
double cir__rgb_find_largest(cir__sample sample, const void *samples, size_t n, double largest);

/* What brings samples to 0–255: by their type's scale, or by the picture's largest sample where types of 32
 * bits, of signed numbers and of floating-point ones leave the scale open. Floating-point numbers up to 2 are
 * taken for shares of 1; whole ones up to 255, and up to 65535, for the scale of 8, and 16 bits. */
double cir__rgb_find_gain(cir__sample sample, double largest);

/* samples: [n_px, n_bands], aligned for its type; rgb_out: [n_px, 3]. */
void cir__rgb_convert(const cir__layout *layout, const void *samples, size_t n_px, uint8_t *rgb_out);

#endif
