/* Updating the index while searches go on. */
#ifndef CIR_SERVER_RUN_UPDATE_H
#define CIR_SERVER_RUN_UPDATE_H

#include "server/http/request.h"

typedef struct cir__update cir__update;

/* NULL when out of memory. */
cir__update *cir__update_new(cir__context *context);

/* Asks a running update to stop and waits for it; none starts any more. */
void cir__update_stop(cir__update *update);
void cir__update_free(cir__update *update); /* NULL is allowed */

bool cir__update_is_running(cir__update *update);

/* Follows an update that another process made; to be called every second or so. */
void cir__update_tick(cir__update *update);

void cir__update_post(cir__request *request); /* POST /v1/index/update */

/* Makes the default method's composer for the view in use, which the first search would wait for. */
void cir__update_prepare(cir__context *context);

#endif
