/* The file of a photo as it is, whole or in part. */
#ifndef CIR_SERVER_PHOTO_FILE_H
#define CIR_SERVER_PHOTO_FILE_H

#include "server/http/request.h"

void cir__photo_file_get(cir__request *request); /* GET /v1/images/{id}/file */

#endif
