/* Which files hold pictures, told by name and first bytes: for walks, which look into as few files as they
 * can. */
#ifndef CIR_IMAGE_MEDIA_H
#define CIR_IMAGE_MEDIA_H

#include <stddef.h>
#include <stdint.h>

typedef enum cir__media {
    CIR__MEDIA_NONE,    /* no picture nor film */
    CIR__MEDIA_PICTURE, /* of a kind that is read */
    CIR__MEDIA_SKIPPED, /* a picture or film of a kind that is not */
    CIR__MEDIA_UNKNOWN  /* its name does not tell: look at its bytes */
} cir__media;

#define CIR__MEDIA_KIND_SIZE 8
#define CIR__MEDIA_HEAD_SIZE 32 /* bytes that suffice */

/* By a file's name alone. Raw photos and films go by their names, since many raw formats look like TIFF.
 * kind_out: "cr2", … of CIR__MEDIA_SKIPPED, else "". */
cir__media cir__media_by_name(const char *name, char kind_out[CIR__MEDIA_KIND_SIZE]);

/* By its first bytes, where the name does not tell: never CIR__MEDIA_UNKNOWN. */
cir__media cir__media_by_bytes(const char *name, const uint8_t *bytes, size_t size,
                               char kind_out[CIR__MEDIA_KIND_SIZE]);

#endif
