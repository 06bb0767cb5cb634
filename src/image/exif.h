/* What a camera wrote into a picture's file, as libvips hands it over. */
#ifndef CIR_IMAGE_EXIF_H
#define CIR_IMAGE_EXIF_H

#include <vips/vips.h>

#include "cir/image.h"

/* Sets taken_at and camera. */
void cir__exif_find(VipsImage *image, cir_image_facts *facts_out);

/* The same from what a raw photo says; "" says nothing and leaves it. */
void cir__exif_take(const char *maker, const char *model, const char *taken, cir_image_facts *facts_out);

#endif
