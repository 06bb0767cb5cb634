/* Which way up a picture is to be shown, wherever its file says so: what Pillow's ImageOps.exif_transpose
 * heeds.
 *
 * EXIF comes first: a segment or chunk of its own, or in a PNG a text chunk "Raw profile type exif" in
 * hexadecimal, which ImageMagick and others write. Where EXIF does not name it, XMP may (tiff:Orientation),
 * as photo managers leave it that touch nothing else. */
#ifndef CIR_IMAGE_ORIENTATION_H
#define CIR_IMAGE_ORIENTATION_H

#include <stddef.h>
#include <stdint.h>

#include <vips/vips.h>

#include "image/kind.h"

/* 1–8 as in EXIF; 1 where nothing is said, or nonsense. image: of these bytes, its header read. HEIF and AVIF
 * are turned by their decoder and always upright. */
int cir__orientation_find(const uint8_t *bytes, size_t size, cir__kind kind, VipsImage *image);

#endif
