/* The thread that looks for the cameras of the photos in view, while nothing waits for it. */
#ifndef CIR_SERVER_LOOKING_H
#define CIR_SERVER_LOOKING_H

#include "server/context.h"

typedef struct cir__looking cir__looking;

/* NULL where a thread or memory cannot be had. */
cir__looking *cir__looking_start(cir__context *context);
void cir__looking_stop(cir__looking *looking); /* NULL is allowed */

#endif
