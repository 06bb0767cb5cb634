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

/* For walks through directories: TIFF, BigTIFF, or EXIF. Places beyond the end are told as nothing. */
typedef struct cir__tiff {
    const uint8_t *bytes;
    size_t size;
    bool is_big_endian;
    bool is_big; /* BigTIFF: 8-byte offsets, 20-byte entries */
} cir__tiff;

/* The bytes are lent. False: they are no TIFF. */
bool cir__tiff_open(const uint8_t *bytes, size_t size, cir__tiff *out);

/* Places of directories; 0: there is none. A chain may lead round in a circle. */
uint64_t cir__tiff_first_directory(const cir__tiff *in);
uint64_t cir__tiff_next_directory(const cir__tiff *in, uint64_t directory);

/* A tag's whole numbers, at most max_n of them; returns how many it has, 0 where it is not there. */
size_t cir__tiff_get_numbers(const cir__tiff *in, uint64_t directory, uint16_t tag, uint64_t *values_out,
                             size_t max_n);

/* A tag's text without blanks at its end, cut to size; "" where it is not there. */
void cir__tiff_get_text(const cir__tiff *in, uint64_t directory, uint16_t tag, char *out, size_t size);

#endif
