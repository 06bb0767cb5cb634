/* Rows of decoded samples to 8-bit RGB, with the arithmetic of Pillow's convert("RGB"); knows nothing of
 * files.
 *
 * Pillow's rules, which are not always what one would wish: alpha is dropped, not blended; of 16-bit colour
 * and of 16-bit grey with alpha the high byte counts, but 16-bit, 32-bit and float grey alone is clipped to
 * 0–255 and cut to a whole number; colour profiles are ignored. */
#ifndef CIR_IMAGE_RGB_H
#define CIR_IMAGE_RGB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cir__sample {
    CIR__SAMPLE_U8,
    CIR__SAMPLE_U16,
    CIR__SAMPLE_I16,
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
} cir__layout;

/* Whether Pillow has a rule for this layout; the others must not be passed on. */
bool cir__rgb_has_rule(const cir__layout *layout);

/* samples: [n_px, n_bands], aligned for its type; rgb_out: [n_px, 3]. */
void cir__rgb_convert(const cir__layout *layout, const void *samples, size_t n_px, uint8_t *rgb_out);

#endif
