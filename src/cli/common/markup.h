/* Text as HTML and SVG want it. */
#ifndef CIR_CLI_MARKUP_H
#define CIR_CLI_MARKUP_H

#include <stdio.h>

/* Writes text between tags or inside a quoted attribute: markup's characters become entities; bytes that are
 * not UTF-8, and control characters, U+FFFD. NULL writes nothing. */
void cir__markup_text(FILE *file, const char *text);

#endif
