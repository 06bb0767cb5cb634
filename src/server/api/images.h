/* The photos of the index: what is known of them, their lists. */
#ifndef CIR_SERVER_IMAGES_H
#define CIR_SERVER_IMAGES_H

#include "server/http/request.h"

void cir__images_get(cir__request *request);      /* GET /v1/images/{id} */
void cir__images_get_list(cir__request *request); /* GET /v1/images */

#endif
