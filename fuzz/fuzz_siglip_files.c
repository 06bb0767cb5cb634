/* Any bytes as a SigLIP tokenizer's file: a first byte that is odd says spiece.model, else it is
 * tokenizer.json; its second bit chooses open_clip's way. What opens must then take a text. */
#include <stdlib.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    cir__bytes_view file = {data + 1, size - 1, "input"};
    bool is_spiece = data[0] % 2 == 1;
    cir__tokenizer_files files = {.spiece_model = is_spiece ? &file : NULL,
                                  .tokenizer_json = is_spiece ? NULL : &file};
    cir__tokenizer_family family =
        (data[0] & 2) != 0 ? CIR__TOKENIZER_SIGLIP_OPEN_CLIP : CIR__TOKENIZER_SIGLIP;
    cir__tokenizer *tokenizer;
    cir_error err;
    if (cir__tokenizer_parse(&files, family, &tokenizer, &err) != CIR_OK)
        return 0;
    static const char text[] =
        " A  photo of the caf\xc3\xa9 </s>, it's 1984!\xef\xbc\xa1\xcc\x81 \xf0\x9f\x91\x8d ";
    int32_t ids[64];
    size_t n_ids;
    bool was_cut;
    if (cir__tokenizer_encode(tokenizer, text, sizeof text - 1, 64, ids, &n_ids, &was_cut, &err) == CIR_OK) {
        if (n_ids != 64)
            abort();
        for (size_t i = 0; i < n_ids; i++)
            if (ids[i] < 0 || (size_t)ids[i] >= cir__tokenizer_n_vocabulary(tokenizer))
                abort();
    }
    cir__tokenizer_free(tokenizer);
    return 0;
}
