/* GET /v1/images/{id}/thumbnail: small pictures, made once. */
#ifndef CIR_SERVER_THUMBNAIL_H
#define CIR_SERVER_THUMBNAIL_H

#include "server/http/request.h"

void cir__thumbnail_get(cir__request *request);

#endif
