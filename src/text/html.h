/* HTML's character references: &eacute; &#233; &#xe9; */
#ifndef CIR_TEXT_HTML_H
#define CIR_TEXT_HTML_H

#include "text/characters.h"

/* Pushes the text with every reference resolved, as HTML 5 and Python's html.unescape do it: names that may
 * end without a semicolon too, forbidden numbers as browsers read them. */
void cir__html_unescape(const int32_t *text, size_t n, cir__characters *out);

/* Pushes the text with only those resolved that nobody writes for themselves: "&", a name or number, ";". A
 * name that is unknown as it is written, all in capitals, is looked for in small letters and gives a
 * capital. */
void cir__html_unescape_cautiously(const int32_t *text, size_t n, cir__characters *out);

#endif
