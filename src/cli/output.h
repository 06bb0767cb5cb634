/* Results on standard output: JSON documents, and text that may hold any bytes. */
#ifndef CIR_CLI_OUTPUT_H
#define CIR_CLI_OUTPUT_H

#include <jansson.h>

#include "server/json.h"

/* Prints one document and gives it up. */
void cir__json_print(json_t *document);

/* The same into a file, replaced atomically. 0, or -1 with errno set. */
int cir__json_write(json_t *document, const char *path);

#endif
