/* Updating the index while searches go on, and telling those who listen how far it is. */
#ifndef CIR_SERVER_UPDATE_H
#define CIR_SERVER_UPDATE_H

#include "server/request.h"

/* NULL where memory is short. */
cir__update *cir__update_new(cir__context *context);

/* Asks a running update to stop, waits for it, and ends every stream. Before the daemon is stopped. */
void cir__update_stop(cir__update *update);
void cir__update_free(cir__update *update); /* NULL is allowed */

bool cir__update_is_running(cir__update *update);

/* Says to listeners that the server is there; and follows an update that another process made. To be called
 * every second or so. */
void cir__update_tick(cir__update *update);

void cir__update_post(cir__request *request);       /* POST /v1/index/update */
void cir__update_get_events(cir__request *request); /* GET /v1/index/events */

/* Makes the default method's composer for the view in use, which the first search would wait for. */
void cir__update_prepare(cir__context *context);

#endif
