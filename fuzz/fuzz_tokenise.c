/* Any bytes as a text, with a vocabulary of all printable ASCII and a few merges. The first byte chooses the
 * context length. */
#include <stdio.h>
#include <stdlib.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char merges_txt[] =
    "t h\nth e</w>\na a\naa aa\ni n\nin g</w>\n' s</w>\n. .\n. .</w>\n.. ..</w>\n";

/* Every printable ASCII character alone and at a word's end, what the merges make, and the special tokens:
 * other bytes are unknown. */
static cir__tokenizer *open_tokenizer(void)
{
    static const char *const joined[] = {
        "th",       "the</w>",         "aa",           "aaaa", "in", "ing</w>", "'s</w>", "..", "..</w>",
        "....</w>", "<|startoftext|>", "<|endoftext|>"};
    static char vocab_json[8192];
    size_t n = 0;
    int id = 0;
    vocab_json[n++] = '{';
    for (int c = '!'; c <= '~'; c++) {
        const char *escape = c == '"' || c == '\\' ? "\\" : "";
        n += (size_t)snprintf(vocab_json + n, sizeof vocab_json - n, "\"%s%c\":%d,\"%s%c</w>\":%d,", escape,
                              c, id, escape, c, id + 1);
        id += 2;
    }
    for (size_t i = 0; i < sizeof joined / sizeof *joined; i++)
        n += (size_t)snprintf(vocab_json + n, sizeof vocab_json - n, "%s\"%s\":%d", i > 0 ? "," : "",
                              joined[i], id++);
    vocab_json[n++] = '}';
    cir__bytes_view vocab = {(const uint8_t *)vocab_json, n, "vocab.json"};
    cir__bytes_view merges = {(const uint8_t *)merges_txt, sizeof merges_txt - 1, "merges.txt"};
    cir__tokenizer *tokenizer;
    cir_error err;
    cir__tokenizer_files files = {.vocab_json = &vocab, .merges_txt = &merges};
    if (cir__tokenizer_parse(&files, CIR__TOKENIZER_CLIP, &tokenizer, &err) != CIR_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return tokenizer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cir__tokenizer *tokenizer;
    if (tokenizer == NULL)
        tokenizer = open_tokenizer();
    if (size == 0)
        return 0;
    int32_t ids[257];
    size_t n_ids, max_tokens = 2 + data[0];
    bool was_cut;
    cir_error err;
    cir_status status = cir__tokenizer_encode(tokenizer, (const char *)data + 1, size - 1, max_tokens, ids,
                                              &n_ids, &was_cut, &err);
    if (status != CIR_OK)
        return 0;
    if (n_ids < 2 || n_ids > max_tokens || (was_cut && n_ids != max_tokens) ||
        ids[0] != cir__tokenizer_start_id(tokenizer) || ids[n_ids - 1] != cir__tokenizer_end_id(tokenizer))
        abort();
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= cir__tokenizer_n_vocabulary(tokenizer))
            abort();
    return 0;
}
