#include "shared/photo_thumbnail.h"

cir_status cir__photo_thumbnail_read(const cir_index *index, const cir_image_record *record,
                                     size_t max_width_px, size_t max_height_px,
                                     const cir_image_options *options, cir_image *image_out,
                                     cir_image_facts *facts_out, cir_error *err)
{
    uint8_t *bytes;
    size_t size;
    cir_status status = cir_index_read_photo(index, record, &bytes, &size, err);
    if (status == CIR_OK)
        status = cir_image_parse_thumbnail(bytes, size, record->path, max_width_px, max_height_px, options,
                                           image_out, facts_out, err);
    cir_bytes_free(bytes);
    return status;
}
