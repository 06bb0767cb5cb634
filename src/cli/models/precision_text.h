/* Which precision a model is in, and why, for people and as JSON. */
#ifndef CIR_CLI_PRECISION_TEXT_H
#define CIR_CLI_PRECISION_TEXT_H

#include <jansson.h>

#include "cir/cir.h"

/* "precision    int8: …" and a line of rates where they were measured. */
void cir__precision_print(const cir_precision_choice *choice);

json_t *cir__precision_json(const cir_precision_choice *choice);

#endif
