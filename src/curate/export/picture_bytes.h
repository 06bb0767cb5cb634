/* A picture's file as it may be given away: the same pixels, nothing else that its file said. */
#ifndef CIR_CURATE_PICTURE_BYTES_H
#define CIR_CURATE_PICTURE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/image.h"
#include "cir/status.h"

typedef struct cir__picture_bytes {
    uint8_t *data; /* free() */
    size_t size;
    const char *ending; /* "jpg", "png" */
    bool is_reencoded;
} cir__picture_bytes;

/* Takes EXIF, XMP, IPTC, comments and thumbnails out of a JPEG or PNG without touching its pixels; colour profiles stay.
 * Where the pixels then come out otherwise, as they were turned by what was taken out, and for all other kinds, the
 * picture as it is shown is encoded anew, as JPEG of quality 95. name: for messages. Errors: those of reading pictures. */
CIR_MUST_CHECK cir_status cir__picture_bytes_make(const uint8_t *bytes, size_t size, const char *name,
                                                  const cir_image_options *options, cir__picture_bytes *out,
                                                  cir_error *err);

#endif
