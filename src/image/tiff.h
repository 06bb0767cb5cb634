/* A look into a TIFF's first directory, for what libvips does not tell; also into EXIF, which is laid out as
 * one. */
#ifndef CIR_IMAGE_TIFF_H
#define CIR_IMAGE_TIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the picture is stored as YCbCr without JPEG inside, classic or BigTIFF: libvips would give its luma
 * and chroma for red, green and blue. */
bool cir__tiff_is_raw_ycbcr(const uint8_t *bytes, size_t size);

/* The first value of a tag of whole numbers in the first directory; false where it is not there. */
bool cir__tiff_find_number(const uint8_t *bytes, size_t size, uint16_t tag, uint64_t *value_out);

/* Why a TIFF is not read though no byte of it is missing: a phrase such as "JPEG 2000 inside", in static
 * storage. NULL where it is of a sort that is read, or where its directory or pixels lie beyond the file's
 * end: then it is damaged. */
const char *cir__tiff_find_unread_sort(const uint8_t *bytes, size_t size);

#endif
