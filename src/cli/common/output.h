/* Results on standard output: JSON documents, and text that may hold any bytes. */
#ifndef CIR_CLI_OUTPUT_H
#define CIR_CLI_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "cir/cir.h"
#include "shared/json_encode.h"

/* Names and whatever else came from a file, a catalogue or a network, made fit for a terminal: control,
 * formatting and direction characters and what is not UTF-8 stand as "\x1b" and the like. All output of such
 * text goes this way. NULL prints nothing. */
void cir__put_text(FILE *file, const char *bytes);

/* A new member, whatever the bytes of its name; takes value over. */
void cir__json_set(json_t *object, const char *name, json_t *value);

/* Prints one document and gives it up. */
void cir__json_print(json_t *document);

/* The same into a file, as cir__destination_write does. */
CIR_MUST_CHECK cir_status cir__json_write(json_t *document, const char *path, cir_error *err);

#endif
