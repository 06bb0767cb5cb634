/* What wordings have in common, whatever their case, punctuation, articles and forms of characters. */
#ifndef CIR_CURATE_WORDING_H
#define CIR_CURATE_WORDING_H

#include <stdbool.h>
#include <stddef.h>

/* A text as its words, " a photo of dusk " → " photo of dusk ": NFKC, case folded, letters and digits alone, without
 * articles, each word between blanks. NULL: memory, or no UTF-8. free(). */
char *cir__wording_fold(const char *text);

/* Whether text is UTF-8 without control characters. */
bool cir__wording_is_plain(const char *text);

/* Whether folded texts are equal, one has the other's words in a row (part is not empty), or both have a word of at
 * least three characters that is no preposition or the like. word_out, which may be NULL, gets that word (64 bytes). */
bool cir__wording_is_same(const char *a, const char *b);
bool cir__wording_contains(const char *whole, const char *part);
bool cir__wording_shares_word(const char *a, const char *b, char word_out[64]);

#endif
