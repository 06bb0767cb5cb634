/* A CLIP tokenizer as its files give it, kept in the user's cache as it is in memory, under the key of its
 * files (tokenizer_key.h). */
#ifndef CIR_TEXT_CLIP_COMPILED_H
#define CIR_TEXT_CLIP_COMPILED_H

#include "text/clip.h"

/* False, with out zeroed, where nothing is kept under the key ("" keeps nothing), or out of memory. End with
 * cir__clip_done. */
bool cir__clip_compiled_find(const char *key, cir__clip *out);

/* Keeps it, if that can be. */
void cir__clip_compiled_put(const char *key, const cir__clip *self);

#endif
