/* What a picture looks like, measured once from its pixels, and which pictures are the same picture.
 *
 * A perceptual hash sees brightness alone, so that "in black and white", "in sepia" and "at night" would be
 * thrown out as copies of the picture by day. Beside the hash, mean colours of a 4 × 4 grid are compared:
 * copies that were saved or sized again stay within 3 (root of the mean square, 0 … 255); a change of colour
 * or light does not. */
#ifndef CIR_CURATE_LOOKS_H
#define CIR_CURATE_LOOKS_H

#include "cir/image.h"
#include "cir/status.h"
#include "curate/looks/pdq.h"

/* The longer side at which pictures are hashed, smaller ones enlarged: else a sample of the hash is one or
 * two pixels of a small photo, and its halved copy differs by up to 44 bits. Callers read pictures at this
 * size. */
#define CIR__LOOKS_PX 512

enum { CIR__LOOKS_GRID = 4, CIR__LOOKS_CHANNELS = 3 };

typedef struct cir__looks {
    cir__pdq pdq;
    float colours[CIR__LOOKS_GRID][CIR__LOOKS_GRID][CIR__LOOKS_CHANNELS]; /* mean Y, Cb, Cr */
    float sharpness; /* of the sharpest of 3 × 3 tiles at 256 px: variance of the Laplacian of the luma */
} cir__looks;

/* What tells copies. Zeroed fields mean the defaults. */
typedef struct cir__looks_options {
    unsigned max_distance; /* of the hashes: 31 */
    unsigned min_quality;  /* of both hashes: 50 */
    double max_rms;        /* of the colours: 3 */
} cir__looks_options;

typedef enum cir__likeness {
    CIR__LOOKS_DIFFERENT,
    CIR__LOOKS_SAME,   /* the same picture, saved or sized again */
    CIR__LOOKS_EDITED, /* the same picture in other colours or light: never a copy to be dropped */
    CIR__LOOKS_TURNED, /* the same picture, mirrored or turned */
    CIR__LOOKS_TURNED_EDITED
} cir__likeness;

/* Errors: CIR_NO_MEMORY, CIR_LIMIT. */
CIR_MUST_CHECK cir_status cir__looks_fit(const cir_image *image, cir__looks *looks_out, cir_error *err);

/* options: may be NULL. rms_out, which may be NULL: difference of the colours in the symmetry that fits. */
cir__likeness cir__looks_compare(const cir__looks *a, const cir__looks *b, const cir__looks_options *options,
                                 double *rms_out);

#endif
