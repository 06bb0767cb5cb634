/* HTTP over libmicrohttpd: connections in, requests to their routes, answers out. */
#ifndef CIR_SERVER_HTTP_H
#define CIR_SERVER_HTTP_H

#include <stdint.h>

#include "server/state/context.h"

typedef struct cir__http cir__http;

/* Starts to listen. address: IPv4 or IPv6; port 0: any that is free. certificate, key: PEM texts, or both
 * NULL. Errors: CIR_ARGUMENT, CIR_BUSY (the port is taken), CIR_PERMISSION, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__http_start(cir__context *context, const char *address, uint16_t port,
                                          const char *certificate, const char *key, cir__http **http_out,
                                          cir_error *err);

/* The port that it listens on. */
uint16_t cir__http_port(const cir__http *http);

/* Accepts no more connections; those that are there go on. */
void cir__http_close_door(cir__http *http);

/* No request may be waiting for work or reading a stream any more. NULL is allowed. */
void cir__http_stop(cir__http *http);

#endif
