/* POST /v1/search. */
#ifndef CIR_SERVER_POST_SEARCH_H
#define CIR_SERVER_POST_SEARCH_H

#include "server/http/request.h"

void cir__search_post(cir__request *request);

#endif
