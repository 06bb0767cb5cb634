/* What decoding a picture takes, told before it is decoded. */
#ifndef CIR_IMAGE_DECODE_H
#define CIR_IMAGE_DECODE_H

#include <stddef.h>

#include "cir/image.h"

/* Bytes of memory that cir_image_parse takes for pixels with these options, which may be NULL, read off the
 * header: an upper bound, except for what a damaged file claims, and 0 where it cannot be told. Thread-safe.
 */
size_t cir__image_decoded_bytes(const void *bytes, size_t size_bytes, const cir_image_options *options);

#endif
