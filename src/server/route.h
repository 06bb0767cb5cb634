/* Which part of the server answers what. */
#ifndef CIR_SERVER_ROUTE_H
#define CIR_SERVER_ROUTE_H

#include "server/http/request.h"

/* Finds the route of a method (HEAD counts as GET) and a path, and puts {id} and {name} into the request.
 * Where only the method is wrong, *allowed_out is what would be right. */
bool cir__route_find(cir__request *request, const char *method, const char **allowed_out);

/* Patterns of the routes by number; NULL behind the last. */
const char *cir__route_pattern(size_t i);

#endif
