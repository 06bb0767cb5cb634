/* Fields of tables for other programs. */
#ifndef CIR_EVAL_TABLE_H
#define CIR_EVAL_TABLE_H

#include <stdio.h>

/* A field of a CSV file, in quotes where RFC 4180 asks for them. */
void cir__table_put_text(FILE *file, const char *text);

#endif
