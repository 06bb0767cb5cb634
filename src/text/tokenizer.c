/* The seam between models and kinds of tokenizers. There is one kind; a second goes beside cir__clip in the
 * struct and is told apart in _parse (by its files) and _encode. Framing and cutting belong here, to all
 * kinds. */
#include "text/tokenizer.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/clip.h"
#include "text/clip_files.h"
#include "text/normalise.h"

struct cir__tokenizer {
    cir__clip clip;
};

cir_status cir__tokenizer_parse(const cir__bytes_view *tokenizer_json, const cir__bytes_view *vocab_json,
                                const cir__bytes_view *merges_txt, cir__tokenizer **tokenizer_out,
                                cir_error *err)
{
    *tokenizer_out = NULL;
    cir__tokenizer *tokenizer = cir__new(1, sizeof *tokenizer);
    if (tokenizer == NULL)
        return cir__fail_memory(err, "tokenizer");
    cir_status status = cir__clip_files_parse(tokenizer_json, vocab_json, merges_txt, &tokenizer->clip, err);
    if (status == CIR_OK)
        *tokenizer_out = tokenizer;
    else
        free(tokenizer);
    return status;
}

void cir__tokenizer_free(cir__tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    cir__clip_done(&tokenizer->clip);
    free(tokenizer);
}

size_t cir__tokenizer_n_vocabulary(const cir__tokenizer *tokenizer)
{
    return tokenizer->clip.n_vocabulary;
}

int32_t cir__tokenizer_start_id(const cir__tokenizer *tokenizer)
{
    return tokenizer->clip.start_id;
}

int32_t cir__tokenizer_end_id(const cir__tokenizer *tokenizer)
{
    return tokenizer->clip.end_id;
}

cir_status cir__tokenizer_encode(const cir__tokenizer *tokenizer, const char *text, size_t n_bytes,
                                 size_t max_tokens, int32_t *ids_out, size_t *n_ids_out, bool *was_cut_out,
                                 cir_error *err)
{
    *n_ids_out = 0;
    if (was_cut_out != NULL)
        *was_cut_out = false;
    if (max_tokens < 2)
        return cir__fail(err, CIR_ARGUMENT,
                         "text: a context of %zu tokens has no room for start and end; at least 2",
                         max_tokens);
    if (n_bytes > CIR__TOKENIZER_MAX_TEXT_BYTES)
        return cir__fail(err, CIR_LIMIT, "text: %zu bytes, at most %zu are read; shorten the text", n_bytes,
                         CIR__TOKENIZER_MAX_TEXT_BYTES);
    cir__text repaired;
    cir_status status = cir__normalise_repair(text, n_bytes, &repaired, err);
    if (status != CIR_OK)
        return status;
    cir__ids ids = {.ids = ids_out + 1, .capacity = max_tokens - 2};
    status = cir__clip_encode(&tokenizer->clip, repaired.text, repaired.n_bytes, &ids, err);
    free(repaired.text);
    if (status != CIR_OK)
        return status;
    ids_out[0] = tokenizer->clip.start_id;
    ids_out[ids.n + 1] = tokenizer->clip.end_id;
    *n_ids_out = ids.n + 2;
    if (was_cut_out != NULL)
        *was_cut_out = ids.is_over;
    return CIR_OK;
}

size_t cir__tokenizer_find_end(const cir__tokenizer *tokenizer, const int32_t *ids, size_t n_ids)
{
    size_t i = 0;
    while (i < n_ids && ids[i] != tokenizer->clip.end_id)
        i++;
    return i;
}
