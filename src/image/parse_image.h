/* One way to decode for everything in the library: weighed, admitted, then decoded. */
#ifndef CIR_IMAGE_PARSE_IMAGE_H
#define CIR_IMAGE_PARSE_IMAGE_H

#include "cir/decoder.h"

/* As cir_image_parse, with options' decoder; image_out NULL: the facts alone. options may be NULL. */
CIR_MUST_CHECK cir_status cir__parse_image(const void *bytes, size_t size_bytes, const char *name,
                                           const cir_image_options *options, cir_image *image_out,
                                           cir_image_facts *facts_out, cir_error *err);

/* Gives back what a picture counts as; NULL is allowed. */
void cir__parse_image_leave(void *place);

#endif
