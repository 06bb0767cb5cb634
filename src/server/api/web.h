/* The page and its files, and the API's description: all embedded, nothing read from disk. */
#ifndef CIR_SERVER_WEB_H
#define CIR_SERVER_WEB_H

#include "server/http/request.h"

void cir__web_get_page(cir__request *request);
void cir__web_get_file(cir__request *request);
void cir__web_get_openapi(cir__request *request);

#endif
