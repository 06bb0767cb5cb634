/* Antialiased resampling of 8-bit RGB, bit for bit as Pillow's Image.resize, whole or a window of it. */
#ifndef CIR_IMAGE_RESAMPLE_H
#define CIR_IMAGE_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "cir/image.h"

/* Along one axis: n_in pixels are to become n_full, of which [first, first + n) are wanted. */
typedef struct cir__span {
    size_t n_full;
    size_t first;
    size_t n;
} cir__span;

/* Resamples the picture to across.n_full × down.n_full and gives the window alone: rgb_out: [down.n,
 * across.n, 3], the same bytes as if all had been made and the window cut out. Time and memory follow the
 * window, not the full size, which may be enormous where the picture is a thin strip. name is for messages.
 * Thread-safe. Errors: CIR_ARGUMENT (a size of 0, a window outside), CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__resample(const cir_image *image, cir__span across, cir__span down,
                                        cir_filter filter, uint8_t *rgb_out, cir_error *err);

#endif
