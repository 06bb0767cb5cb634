/* Fields of tables for other programs. */
#ifndef CIR_EVAL_CSV_FIELD_H
#define CIR_EVAL_CSV_FIELD_H

#include <stdio.h>

/* A field of a CSV file, in quotes where RFC 4180 asks for them. */
void cir__csv_field_put(FILE *file, const char *text);

#endif
