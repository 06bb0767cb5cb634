/* Text that was UTF-8 and was read as something else: "cafÃ©", "itâ€™s", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚".
 *
 * The rule, which is our own and simpler than ftfy's: characters that a single-byte encoding gives for a
 * well-formed UTF-8 sequence are evidence where nobody writes them side by side. Three or four of them always
 * are. Two are where the second one is a symbol or a control character and the first a letter that mojibake
 * begins with, unless both may well have been meant: a capital before a closing quote, a dash or a sign, as
 * in CAFÉ—, which then has to stand among small letters. With evidence, the whole text is read again in the
 * first encoding in which all of it is well-formed; where there is none, what is evidence is replaced by
 * itself. */
#ifndef CIR_TEXT_MOJIBAKE_H
#define CIR_TEXT_MOJIBAKE_H

#include "text/characters.h"

/* Mends a text in place, again and again while there is evidence. Texts of more than 64 Ki characters are
 * left as they are. */
void cir__mojibake_mend(cir__characters *text);

#endif
