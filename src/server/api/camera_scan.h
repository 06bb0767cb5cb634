/* Which camera took which photo: read from the files' heads in the background, as the catalogue does not say, and kept
 * beside the thumbnails. Until a photo's file was looked at its camera counts as not known. */
#ifndef CIR_SERVER_CAMERA_SCAN_H
#define CIR_SERVER_CAMERA_SCAN_H

#include "server/state/context.h"

typedef struct cir__camera_scan cir__camera_scan;

/* Looks at the photos of every view, the newest first, on a thread of its own. NULL: it cannot be started. */
cir__camera_scan *cir__camera_scan_start(cir__context *context);
void cir__camera_scan_stop(cir__camera_scan *scan); /* NULL is allowed */

#endif
