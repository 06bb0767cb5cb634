/* Which camera took which photo: read from the files' heads in the background, as the catalogue does not say,
 * and kept beside the thumbnails. Until a photo's file was looked at its camera counts as not known. */
#ifndef CIR_SERVER_CAMERAS_H
#define CIR_SERVER_CAMERAS_H

#include <stdbool.h>

#include "cir/cir.h"
#include "server/pictures.h"

typedef struct cir__cameras cir__cameras;

/* pictures, where they are kept between runs, may be NULL. NULL where memory is short. */
cir__cameras *cir__cameras_new(cir__pictures *pictures);
void cir__cameras_free(cir__cameras *cameras); /* NULL is allowed */

/* The number of a photo's camera, 0 where it is not known; looks at its file where nothing is kept. */
uint16_t cir__cameras_look(cir__cameras *cameras, cir_decoder *decoder, const cir_index *index,
                           const cir_image_record *record);

/* Keeps what was looked at since. */
void cir__cameras_save(cir__cameras *cameras);

/* The name of a number, as long as cameras live; NULL for 0. And the number of a name, 0: it is
 * that of none, or NULL. */
const char *cir__cameras_name(cir__cameras *cameras, uint16_t number);
uint16_t cir__cameras_number(cir__cameras *cameras, const char *name);

#endif
