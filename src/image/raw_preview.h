/* Raw photos by the JPEG that the camera put beside the raw pixels: CR2, CR3, NEF, ARW, DNG. Raw pixels are never
 * read.
 *
 * What counts as raw is told by the bytes: Canon's marks, DNG's version, or a directory of a TIFF that says its
 * pixels are a colour filter's (or linear). Of all the JPEGs that the directories (or CR3's boxes) name, the one of
 * the most pixels is the photo; a lossless one, which is how some keep raw pixels, is none. */
#ifndef CIR_IMAGE_RAW_PREVIEW_H
#define CIR_IMAGE_RAW_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cir__raw_preview {
    const char
        *kind; /* "cr2", "cr3", "nef", "arw", "dng", or "raw" of another maker's TIFF; static storage */
    const uint8_t *jpeg; /* NULL: it has none, or none within these bytes */
    size_t size;
    size_t width_px, height_px;
    int orientation;           /* 1–8, of the raw photo and so of the JPEG; 0: not said */
    char maker[64], model[64]; /* "": not said */
    char taken[32];            /* "2008:05:30 15:56:01" */
} cir__raw_preview;

/* False: the bytes are no raw photo. Bounded: at most 64 directories or boxes of a level are looked at. */
bool cir__raw_preview_find(const uint8_t *bytes, size_t size, cir__raw_preview *preview_out);

#endif
