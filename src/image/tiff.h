/* A look into a TIFF's first directory, for the one thing that libvips does not tell. */
#ifndef CIR_IMAGE_TIFF_H
#define CIR_IMAGE_TIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the picture is stored as YCbCr without JPEG inside, classic or BigTIFF: libvips would give its luma
 * and chroma for red, green and blue. */
bool cir__tiff_is_raw_ycbcr(const uint8_t *bytes, size_t size);

#endif
