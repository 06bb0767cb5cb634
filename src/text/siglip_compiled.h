/* A SigLIP tokenizer as it is in memory, kept in the user's cache under the key of its files
 * (tokenizer_key.h). */
#ifndef CIR_TEXT_SIGLIP_COMPILED_H
#define CIR_TEXT_SIGLIP_COMPILED_H

#include "text/siglip.h"

/* False, with out zeroed, where nothing is kept under the key ("" keeps nothing), or out of memory. End with
 * cir__siglip_done. */
bool cir__siglip_compiled_find(const char *key, cir__siglip *out);

/* Keeps it, if that can be. */
void cir__siglip_compiled_put(const char *key, const cir__siglip *self);

#endif
