/* Text as a list of characters, for steps that replace, drop and look around. */
#ifndef CIR_TEXT_CHARACTERS_H
#define CIR_TEXT_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/normalise_text.h"

/* A zeroed one is empty. is_short stays once memory was: what is pushed from then on is lost, and
 * cir__characters_format says so. End with cir__characters_done. */
typedef struct cir__characters {
    int32_t *items;
    size_t n, capacity;
    bool is_short;
} cir__characters;

void cir__characters_push(cir__characters *self, int32_t character);
void cir__characters_push_all(cir__characters *self, const int32_t *characters, size_t n);
void cir__characters_parse(cir__characters *self, const char *text, size_t n_bytes); /* pushes UTF-8 */

/* Puts the other's characters in place of its own, and makes the other empty. */
void cir__characters_take(cir__characters *self, cir__characters *other);

bool cir__characters_are_equal(const cir__characters *a, const cir__characters *b);

/* As UTF-8; free text_out->text. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__characters_format(const cir__characters *self, cir__text *text_out,
                                                 cir_error *err);
void cir__characters_done(cir__characters *self);

#endif
