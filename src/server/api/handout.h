/* Which files are handed out, and how they are opened: the one place that decides. */
#ifndef CIR_SERVER_HANDOUT_H
#define CIR_SERVER_HANDOUT_H

#include <sys/stat.h>

#include "cir/cir.h"

typedef struct cir__handout {
    int fd;
    const char *type; /* "image/jpeg" */
    struct stat facts;
} cir__handout;

/* Opens a photo's file, to be handed out as it is: one that the index lets be shown (cir_index_open_photo)
 * and that is a picture still. To who asks, all else is not there. The caller closes fd. Errors:
 * CIR_NOT_FOUND. */
CIR_MUST_CHECK cir_status cir__handout_open(const cir_index *index, const cir_image_record *record,
                                            cir__handout *handout_out, cir_error *err);

#endif
