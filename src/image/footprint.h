/* What decoding a picture takes in memory, told by its header. */
#ifndef CIR_IMAGE_FOOTPRINT_H
#define CIR_IMAGE_FOOTPRINT_H

#include <stddef.h>
#include <stdint.h>

#include <vips/vips.h>

#include "image/kind.h"

/* A picture whose header is read. */
typedef struct cir__weighed {
    cir__kind kind;
    const uint8_t *bytes;
    size_t size;
    VipsImage *image; /* not reduced; of a WebP NULL: opening that takes its memory */
    size_t n_px;      /* as it is shown: a GIF's canvas */
    size_t shrink;    /* of a JPEG: 1, 2, 4 or 8 */
} cir__weighed;

/* Bytes that pixels, codec and libvips take together beside the file's own: an upper bound, save for a file
 * whose header does not say what comes. */
size_t cir__footprint_estimate(const cir__weighed *picture);

#endif
