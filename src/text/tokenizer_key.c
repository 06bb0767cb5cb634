#include "text/tokenizer_key.h"

#include <stdio.h>

#include "base/hash.h"

#define LEAST_BYTES ((size_t)1 << 20)

bool cir__tokenizer_key(const cir__bytes_view *const *files, size_t n, const char *way,
                        char key_out[CIR__TOKENIZER_KEY_SIZE])
{
    char text[CIR__HASH_TEXT_SIZE];
    size_t n_bytes = 0;
    key_out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        n_bytes += files[i] != NULL ? files[i]->size : 0;
    cir__hash *hash = n_bytes >= LEAST_BYTES ? cir__hash_new() : NULL;
    if (hash == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        const uint64_t size = files[i] != NULL ? files[i]->size : UINT64_MAX;
        cir__hash_push(hash, &size, sizeof size);
        if (files[i] != NULL)
            cir__hash_push(hash, files[i]->data, files[i]->size);
    }
    cir__hash_format(hash, text);
    cir__hash_free(hash);
    (void)snprintf(key_out, CIR__TOKENIZER_KEY_SIZE, "%.20s %s", way, text);
    return true;
}
