/* A SigLIP tokenizer as it is in memory, kept in the user's cache: SigLIP 2's files are 34 MB of JSON, which take
 * seconds to read. */
#ifndef CIR_TEXT_SIGLIP_COMPILED_H
#define CIR_TEXT_SIGLIP_COMPILED_H

#include "base/file.h"
#include "text/siglip.h"

enum { CIR__SIGLIP_KEY_SIZE = 64 };

/* The key of what n files (NULL: absent) and a way to read them lead to. False, and "", where the files are so small
 * that they are read as quickly. */
bool cir__siglip_compiled_key(const cir__bytes_view *const *files, size_t n, int way,
                              char key_out[CIR__SIGLIP_KEY_SIZE]);

/* False, with out zeroed, where nothing is kept under the key, or memory is short. End with cir__siglip_done. */
bool cir__siglip_compiled_find(const char *key, cir__siglip *out);

/* Keeps it, if that can be. */
void cir__siglip_compiled_put(const char *key, const cir__siglip *self);

#endif
