/* Any bytes as a tokenizer's files: a first byte that is odd splits the rest at a zero byte into vocab.json
 * and merges.txt, else the rest is tokenizer.json. What opens must then take a text. */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    cir__bytes_view whole = {data + 1, size - 1, "tokenizer.json"};
    cir__bytes_view vocab = {data + 1, size - 1, "vocab.json"};
    cir__bytes_view merges = {data + size, 0, "merges.txt"};
    bool is_pair = data[0] % 2 == 1;
    const uint8_t *zero = memchr(data + 1, 0, size - 1);
    if (zero != NULL) {
        vocab.size = (size_t)(zero - vocab.data);
        merges.data = zero + 1;
        merges.size = (size_t)(data + size - merges.data);
    }
    cir__tokenizer *tokenizer;
    cir_error err;
    cir__tokenizer_files files = {.tokenizer_json = is_pair ? NULL : &whole,
                                  .vocab_json = is_pair ? &vocab : NULL,
                                  .merges_txt = is_pair ? &merges : NULL};
    cir_status status = cir__tokenizer_parse(&files, CIR__TOKENIZER_CLIP, &tokenizer, &err);
    if (status != CIR_OK)
        return 0;
    static const char text[] = "A photo of the caf\xc3\xa9 <|startoftext|>, it's 1984! \xf0\x9f\x91\x8d";
    int32_t ids[77];
    size_t n_ids;
    bool was_cut;
    if (cir__tokenizer_encode(tokenizer, text, sizeof text - 1, 77, ids, &n_ids, &was_cut, &err) == CIR_OK)
        for (size_t i = 0; i < n_ids; i++)
            if (ids[i] < 0 || (size_t)ids[i] >= cir__tokenizer_n_vocabulary(tokenizer))
                abort();
    cir__tokenizer_free(tokenizer);
    return 0;
}
