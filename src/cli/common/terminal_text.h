/* Text from file names and queries, made fit for a terminal. */
#ifndef CIR_CLI_TERMINAL_TEXT_H
#define CIR_CLI_TERMINAL_TEXT_H

#include <stddef.h>

/* A copy of the bytes as UTF-8 in which nothing can steer a terminal: control, formatting and direction
 * characters and what is not UTF-8 stand as "\x1b" and the like. Free with free; NULL: no memory. */
char *cir__terminal_text_new(const char *bytes);

/* Columns that visible text takes. */
size_t cir__terminal_text_width(const char *text);

/* Cuts visible text to at most n_columns in place, an ellipsis last where something was cut; it never grows
 * beyond its bytes by more than the ellipsis' three, for which there must be room. Returns the columns it
 * takes. */
size_t cir__terminal_text_cut(char *text, size_t n_columns);

#endif
