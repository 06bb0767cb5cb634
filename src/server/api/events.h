/* Server-sent events of the one thing that takes time: the newest goes to all who listen.
 *
 * The newest event is all that is kept: a listener that is slow misses what has been overtaken, never the
 * end. */
#ifndef CIR_SERVER_EVENTS_H
#define CIR_SERVER_EVENTS_H

#include "server/http/request.h"

typedef struct cir__events cir__events;

/* NULL when out of memory. */
cir__events *cir__events_new(void);

/* Ends every stream, and those that are still to come. Before the daemon is stopped. */
void cir__events_stop(cir__events *events);
void cir__events_free(cir__events *events); /* NULL is allowed */

/* Takes data over. is_last: what the events tell of is over, and who comes later need not hear of it. */
void cir__events_publish(cir__events *events, const char *name, json_t *data, bool is_last);

/* Says now and then to all that the server is still there; to be called every second or so. */
void cir__events_ping(cir__events *events);

void cir__events_get(cir__request *request); /* GET /v1/index/events */

#endif
