/* Results on standard output: JSON documents, and text that may hold any bytes. */
#ifndef CIR_CLI_OUTPUT_H
#define CIR_CLI_OUTPUT_H

#include <jansson.h>

#include "cir/cir.h"
#include "server/json.h"

/* A new member, whatever the bytes of its name; takes value over. */
void cir__json_set(json_t *object, const char *name, json_t *value);

/* Prints one document and gives it up. */
void cir__json_print(json_t *document);

/* The same into a file, as cir__destination_write does. */
CIR_MUST_CHECK cir_status cir__json_write(json_t *document, const char *path, cir_error *err);

#endif
