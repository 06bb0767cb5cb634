/* CLIP's way from text to ids, as the tokenizers library does it for CLIPTokenizerFast: added tokens are
 * taken out, the rest is normalised, split into words by a pattern, and every word is byte-pair encoded.
 * Knows nothing of files, of start and end tokens around the text, nor of a context length. */
#ifndef CIR_TEXT_CLIP_H
#define CIR_TEXT_CLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/user_cache.h"
#include "cir/status.h"
#include "text/bpe.h"

/* A token that is recognised anywhere in a text, before words are made. */
typedef struct cir__added_token {
    char *text; /* owned; in normalised form where is_normalised */
    size_t n_bytes;
    int32_t id;
    bool is_normalised; /* looked for in the normalised text, else in the text as it came */
} cir__added_token;

/* The parts of a tokenizer, filled by clip_files.h; immutable from then on and shared freely. A zeroed one
 * may be ended with cir__clip_done. */
typedef struct cir__clip {
    cir__bpe *bpe;
    cir__added_token *added; /* [n_added], owned */
    size_t n_added;
    struct cir__clip_pattern *pattern; /* of words */
    int32_t start_id, end_id;
    size_t n_vocabulary; /* largest id + 1 */
    bool is_open_clip;
    bool has_special_words;    /* in the pattern of words that the files ask for */
    cir__user_cached compiled; /* what lends bpe its merges; zeroed where files were read */
} cir__clip;

/* Compiles the pattern of words. with_special_words: the variant of newer files, which first looks for the
 * two special tokens' spellings; it differs where these are not added tokens, as "<|ENDOFTEXT|>" is in CLIP's
 * own file. Errors: CIR_NO_MEMORY, CIR_UNSUPPORTED (PCRE2 without Unicode). */
CIR_MUST_CHECK cir_status cir__clip_compile(cir__clip *clip, bool with_special_words, cir_error *err);

/* From now on as open_clip's own tokenizer has it, whatever the files say: lower case as Python's str.lower,
 * a pattern that knows no case, and "<start_of_text>" and "<end_of_text>" for special tokens. Cleaning
 * (clean.h) is the caller's. Errors: CIR_NO_MEMORY, CIR_UNSUPPORTED. */
CIR_MUST_CHECK cir_status cir__clip_follow_open_clip(cir__clip *clip, cir_error *err);
void cir__clip_done(cir__clip *clip);

/* Pushes the ids of a text without start and end; stops when ids are over. text must be well-formed UTF-8.
 * Errors: CIR_LIMIT, CIR_NO_MEMORY. Thread-safe. */
CIR_MUST_CHECK cir_status cir__clip_encode(const cir__clip *clip, const char *text, size_t n_bytes,
                                           cir__ids *ids, cir_error *err);

#endif
