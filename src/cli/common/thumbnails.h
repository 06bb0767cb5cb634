/* Small pictures of many photos, read by several threads. */
#ifndef CIR_CLI_THUMBNAILS_H
#define CIR_CLI_THUMBNAILS_H

#include <stddef.h>

#include "cir/cir.h"

/* What became of one photo; lends everything for the time of the call. */
typedef struct cir__thumbnail {
    const cir_image *image; /* NULL: it could not be read */
    const char *reason;     /* then, else NULL */
    size_t photo_width_px;  /* of the photo itself */
    size_t photo_height_px;
} cir__thumbnail;

/* Called once for each photo, from any thread, several at a time, in any order. */
typedef void cir__thumbnail_take(void *context, size_t i, const cir__thumbnail *thumbnail);

/* A photo: by its path, or, where record is given, as the index has it and lets it be shown
 * (cir_index_read_photo). */
typedef struct cir__thumbnail_photo {
    const char *path;
    const cir_index *index;
    const cir_image_record *record; /* NULL: the path alone counts */
} cir__thumbnail_photo;

/* Reads photos [n] and shrinks each to at most max_width_px × max_height_px (both ≥ 1) with its aspect kept;
 * small photos stay as they are. Uses as many threads as the pool has; a photo that cannot be read is handed
 * over with its reason. */
void cir__thumbnails_make(const cir__thumbnail_photo *photos, size_t n, size_t max_width_px,
                          size_t max_height_px, const cir_pool *pool, cir__thumbnail_take *take,
                          void *context);

#endif
