/* What kind of picture some bytes are, told by the bytes alone; knows nothing of libvips. */
#ifndef CIR_IMAGE_KIND_H
#define CIR_IMAGE_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cir__kind {
    CIR__KIND_UNKNOWN,
    CIR__KIND_JPEG,
    CIR__KIND_PNG,
    CIR__KIND_WEBP,
    CIR__KIND_TIFF,
    CIR__KIND_GIF,
    CIR__KIND_HEIF, /* HEVC inside: HEIC */
    CIR__KIND_AVIF,
    CIR__KIND_RAW,  /* CR3; other raw photos are TIFF: raw_preview.h */
    CIR__KIND_OTHER /* known by name, not handled */
} cir__kind;

/* Tells the kind by its first bytes (32 suffice). name_out: "jpeg", … of at most 7 characters for a kind that
 * is handled, a name for people for CIR__KIND_OTHER ("PDF document"), NULL for CIR__KIND_UNKNOWN; static
 * storage. */
cir__kind cir__kind_find(const uint8_t *bytes, size_t size, const char **name_out);

/* The usual ending ("cr3", "mp4") of files that begin with these bytes and are pictures or films of a kind
 * that is not handled; NULL where they are not, or are of a handled kind. Static storage. */
const char *cir__kind_find_ending(const uint8_t *bytes, size_t size);

/* A WebP file's canvas, read from its header; 0 × 0 where the bytes are too few or of no known layout.
 * libvips takes the canvas' memory before it tells its size, so the budget has to be checked against
 * these. */
void cir__kind_read_webp_size(const uint8_t *bytes, size_t size, size_t *width_px_out, size_t *height_px_out);

/* Whether a JPEG has zeros for its end instead of an end marker: a copy that stopped in a file whose size had
 * been set before. libjpeg takes the zeros for pixels; without them it tells by itself what is cut short. */
bool cir__kind_is_padded_jpeg(const uint8_t *bytes, size_t size);

#endif
