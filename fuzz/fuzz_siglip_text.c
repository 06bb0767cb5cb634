/* Any bytes as a text for SigLIP's tokenizers, with a few pieces and all the steps that tokenizer.json can
 * name. The first byte chooses the context length and whose way is gone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char tokenizer_json[] =
    "{\"added_tokens\":[{\"id\":0,\"content\":\"</s>\",\"lstrip\":true,\"rstrip\":true,\"normalized\":false},"
    "{\"id\":12,\"content\":\"<x>\",\"normalized\":false}],"
    "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"[!,\\\\.-]\"},\"content\":\"\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\"\\u2581\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+\"},\"content\":\" \"},"
    "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}]},"
    "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\",\"prepend_scheme\":\"always\"},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}},"
    "{\"SpecialToken\":{\"id\":\"</s>\"}}],\"special_tokens\":{\"</s>\":{\"ids\":[0]}}},"
    "\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"</"
    "s>\",0],[\"<unk>\",0],[\"\\u2581\",-2],[\"a\",-3],"
    "[\"b\",-3.5],[\"ab\",-4],[\"\\u2581a\",-3],[\"ba\",-5],[\"aba\",-6],[\"\\u00e9\",-6],["
    "\"\\u2581\\u00e9a\",-7],"
    "[\" \",-9]]}}";

static cir__tokenizer *open_tokenizer(cir__tokenizer_family family)
{
    cir__bytes_view file = {(const uint8_t *)tokenizer_json, sizeof tokenizer_json - 1, "tokenizer.json"};
    cir__tokenizer_files files = {.tokenizer_json = &file};
    cir__tokenizer *tokenizer;
    cir_error err;
    if (cir__tokenizer_parse(&files, family, &tokenizer, &err) != CIR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return tokenizer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cir__tokenizer *tokenizers[2];
    if (tokenizers[0] == NULL) {
        tokenizers[0] = open_tokenizer(CIR__TOKENIZER_SIGLIP);
        tokenizers[1] = open_tokenizer(CIR__TOKENIZER_SIGLIP_OPEN_CLIP);
    }
    if (size == 0)
        return 0;
    int32_t ids[129];
    size_t n_ids, max_tokens = 2 + data[0] / 2;
    cir_error err;
    cir_status status = cir__tokenizer_encode(tokenizers[data[0] % 2], (const char *)data + 1, size - 1,
                                              max_tokens, ids, &n_ids, NULL, &err);
    if (status != CIR_OK)
        return 0;
    if (n_ids != max_tokens)
        abort();
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < 0 || ids[i] > 12)
            abort();
    return 0;
}
