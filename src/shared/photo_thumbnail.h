/* A small picture of a photo as an index has it. */
#ifndef CIR_SHARED_PHOTO_THUMBNAIL_H
#define CIR_SHARED_PHOTO_THUMBNAIL_H

#include "cir/cir.h"

/* Reads the photo of record, if the index lets it be shown (cir_index_read_photo), and shrinks it as
 * cir_image_parse_thumbnail does, a JPEG from a reduced size of it. options and facts_out may be NULL. */
CIR_MUST_CHECK cir_status cir__photo_thumbnail_read(const cir_index *index, const cir_image_record *record,
                                                    size_t max_width_px, size_t max_height_px,
                                                    const cir_image_options *options, cir_image *image_out,
                                                    cir_image_facts *facts_out, cir_error *err);

#endif
