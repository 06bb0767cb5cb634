/* Under what a tokenizer is kept in the user's cache, as it is in memory: CLIP's files take fifty milliseconds to read,
 * SigLIP 2's 34 MB of JSON seconds. */
#ifndef CIR_TEXT_TOKENIZER_KEY_H
#define CIR_TEXT_TOKENIZER_KEY_H

#include <stdbool.h>

#include "base/file.h"

enum { CIR__TOKENIZER_KEY_SIZE = 64 };

/* The key of what n files (NULL: absent) lead to where they are read in a way. False, and "", where they are so small
 * that they are read as quickly. */
bool cir__tokenizer_key(const cir__bytes_view *const *files, size_t n, const char *way,
                        char key_out[CIR__TOKENIZER_KEY_SIZE]);

#endif
