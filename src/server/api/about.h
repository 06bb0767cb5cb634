/* What the server says of itself: the index and what can be asked of it, health, counters. */
#ifndef CIR_SERVER_ABOUT_H
#define CIR_SERVER_ABOUT_H

#include "server/http/request.h"

void cir__about_get_index(cir__request *request);    /* GET /v1/index */
void cir__about_get_health(cir__request *request);   /* GET /healthz */
void cir__about_get_ready(cir__request *request);    /* GET /readyz */
void cir__about_get_metrics(cir__request *request);  /* GET /metrics */
void cir__about_post_session(cir__request *request); /* POST /v1/session */

#endif
