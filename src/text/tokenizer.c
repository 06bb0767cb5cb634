/* The seam between models and families of tokenizers, told apart in _parse and _encode. Framing, cutting and
 * filling up belong here, to all families. */
#include "text/tokenizer.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/clean.h"
#include "text/clip.h"
#include "text/clip_compiled.h"
#include "text/clip_files.h"
#include "text/normalise_text.h"
#include "text/siglip.h"
#include "text/siglip_compiled.h"
#include "text/siglip_files.h"
#include "text/tokenizer_key.h"

struct cir__tokenizer {
    bool is_siglip;
    bool cleans;    /* as open_clip does, before anything else */
    cir__clip clip; /* zeroed in the other family, as is the next */
    cir__siglip siglip;
    int32_t start_id, end_id, pad_id; /* −1: there is none */
    size_t n_vocabulary;
};

static cir_status parse_siglip(const cir__tokenizer_files *files, cir__tokenizer_family family,
                               cir__tokenizer *tokenizer, cir_error *err)
{
    cir__canonical canonical =
        family == CIR__TOKENIZER_SIGLIP_OPEN_CLIP ? CIR__CANONICAL_OPEN_CLIP : CIR__CANONICAL_TRANSFORMERS;
    cir__siglip *siglip = &tokenizer->siglip;
    const cir__bytes_view *const read[] = {files->spiece_model, files->tokenizer_json, files->config_json};
    char key[CIR__TOKENIZER_KEY_SIZE];
    cir_status status = CIR_OK;
    (void)cir__tokenizer_key(read, sizeof read / sizeof *read,
                             canonical == CIR__CANONICAL_OPEN_CLIP ? "siglip open_clip" : "siglip", key);
    if (!cir__siglip_compiled_find(key, siglip)) {
        status = cir__siglip_files_parse(files->spiece_model, files->tokenizer_json, files->config_json,
                                         canonical, siglip, err);
        if (status == CIR_OK)
            cir__siglip_compiled_put(key, siglip);
    }
    tokenizer->is_siglip = true;
    tokenizer->start_id = -1;
    tokenizer->end_id = siglip->end_id;
    tokenizer->pad_id = siglip->pad_id;
    tokenizer->n_vocabulary = siglip->n_vocabulary;
    return status;
}

static cir_status parse_clip(const cir__tokenizer_files *files, cir__tokenizer_family family,
                             cir__tokenizer *tokenizer, cir_error *err)
{
    cir__clip *clip = &tokenizer->clip;
    const cir__bytes_view *const read[] = {files->tokenizer_json, files->vocab_json, files->merges_txt};
    char key[CIR__TOKENIZER_KEY_SIZE];
    cir_status status = CIR_OK;
    (void)cir__tokenizer_key(read, sizeof read / sizeof *read, "clip", key);
    if (!cir__clip_compiled_find(key, clip)) {
        status =
            cir__clip_files_parse(files->tokenizer_json, files->vocab_json, files->merges_txt, clip, err);
        if (status == CIR_OK)
            cir__clip_compiled_put(key, clip);
    }
    if (status == CIR_OK && family == CIR__TOKENIZER_CLIP_OPEN_CLIP)
        status = cir__clip_follow_open_clip(clip, err);
    tokenizer->start_id = clip->start_id;
    tokenizer->end_id = clip->end_id;
    tokenizer->pad_id = -1;
    tokenizer->n_vocabulary = clip->n_vocabulary;
    return status;
}

cir_status cir__tokenizer_parse(const cir__tokenizer_files *files, cir__tokenizer_family family,
                                cir__tokenizer **tokenizer_out, cir_error *err)
{
    *tokenizer_out = NULL;
    cir__tokenizer *tokenizer = cir__new(1, sizeof *tokenizer);
    if (tokenizer == NULL)
        return cir__fail_memory(err, "tokenizer");
    const bool is_clip = family == CIR__TOKENIZER_CLIP || family == CIR__TOKENIZER_CLIP_OPEN_CLIP;
    tokenizer->cleans = family == CIR__TOKENIZER_CLIP_OPEN_CLIP || family == CIR__TOKENIZER_SIGLIP_OPEN_CLIP;
    cir_status status =
        is_clip ? parse_clip(files, family, tokenizer, err) : parse_siglip(files, family, tokenizer, err);
    if (status == CIR_OK)
        *tokenizer_out = tokenizer;
    else
        cir__tokenizer_free(tokenizer);
    return status;
}

void cir__tokenizer_free(cir__tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    cir__clip_done(&tokenizer->clip);
    cir__siglip_done(&tokenizer->siglip);
    free(tokenizer);
}

size_t cir__tokenizer_n_vocabulary(const cir__tokenizer *tokenizer)
{
    return tokenizer->n_vocabulary;
}

int32_t cir__tokenizer_start_id(const cir__tokenizer *tokenizer)
{
    return tokenizer->start_id;
}

int32_t cir__tokenizer_end_id(const cir__tokenizer *tokenizer)
{
    return tokenizer->end_id;
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
    if (status == CIR_OK && tokenizer->cleans) {
        cir__text cleaned;
        status = cir__clean(repaired.text, repaired.n_bytes, &cleaned, err);
        free(repaired.text);
        repaired = cleaned;
    }
    if (status != CIR_OK)
        return status;
    size_t n_before = tokenizer->start_id >= 0 ? 1 : 0;
    cir__ids ids = {.ids = ids_out + n_before, .capacity = max_tokens - n_before - 1};
    status = tokenizer->is_siglip
                 ? cir__siglip_encode(&tokenizer->siglip, repaired.text, repaired.n_bytes, &ids, err)
                 : cir__clip_encode(&tokenizer->clip, repaired.text, repaired.n_bytes, &ids, err);
    free(repaired.text);
    if (status != CIR_OK)
        return status;
    if (n_before > 0)
        ids_out[0] = tokenizer->start_id;
    size_t n = n_before + ids.n;
    /* SiglipTokenizer lets an end token that the text itself ends with be the end. */
    bool has_end = tokenizer->is_siglip && tokenizer->siglip.is_sentencepiece && n > 0 &&
                   ids_out[n - 1] == tokenizer->end_id;
    if (!has_end)
        ids_out[n++] = tokenizer->end_id;
    while (tokenizer->pad_id >= 0 && n < max_tokens)
        ids_out[n++] = tokenizer->pad_id;
    *n_ids_out = n;
    if (was_cut_out != NULL)
        *was_cut_out = ids.is_over;
    return CIR_OK;
}

size_t cir__tokenizer_find_end(const cir__tokenizer *tokenizer, const int32_t *ids, size_t n_ids)
{
    size_t i = 0;
    while (i < n_ids && ids[i] != tokenizer->end_id)
        i++;
    return i;
}
