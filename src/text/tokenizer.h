/* A model's tokenizer: text → ids. There are two families.
 *
 * CLIP: start token, words' tokens, end token. The ids are those of transformers' CLIPTokenizerFast, which is
 * what AutoTokenizer and CLIPProcessor give, what tokenizer.json describes, and what transformers 5 calls
 * CLIPTokenizer: NFC, lower case character by character, words by CLIP's pattern, byte-pair encoding. HTML
 * entities stay as they are written; how much white space there is never matters. All implementations agree
 * on English captions. Two differ elsewhere and are not followed; test/data/text/make.py counts how often.
 *
 * CLIPTokenizer of transformers 4, where ftfy is not installed, drops control, format, private and unassigned
 * characters (so emoji lose their joiners) and U+FFFD, puts spaces around every CJK ideograph, takes U+001C
 * to U+001F for white space, makes a Σ at a word's end ς, ignores case in its pattern (ſ, U+0345), and knows
 * the special tokens in capitals. With ftfy installed it answers differently again.
 *
 * OpenAI's own code, and open_clip's, mend the text with ftfy (quotes, mojibake, ligatures, full-width forms)
 * and resolve HTML entities before lower-casing. Models in open_clip's layout are met that way, as clean.h
 * says: there a Σ at a word's end is ς, the pattern ignores case, and only <start_of_text> and <end_of_text>
 * are special.
 *
 * SigLIP: pieces, end token, and the padding token up to the context's length, as its towers were trained.
 * With spiece.model the ids are those of transformers' SiglipTokenizer, with tokenizer.json those of the
 * tokenizers library, with either in open_clip's layout those of open_clip's HFTokenizer with
 * clean="canonicalize", the text mended in the same way before.
 *
 * Characters newer than the Unicode version of the installed PCRE2 and utf8proc are split as symbols;
 * combining marks newer than Unicode 9 are put in order here, which the reference does not do. */
#ifndef CIR_TEXT_TOKENIZER_H
#define CIR_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "cir/status.h"

/* Largest text that is looked at; no context holds more. */
#define CIR__TOKENIZER_MAX_TEXT_BYTES ((size_t)256 << 10)

/* Immutable once parsed; any number of threads may encode with it at once. */
typedef struct cir__tokenizer cir__tokenizer;

typedef enum cir__tokenizer_family {
    CIR__TOKENIZER_CLIP,            /* as transformers */
    CIR__TOKENIZER_CLIP_OPEN_CLIP,  /* as open_clip */
    CIR__TOKENIZER_SIGLIP,          /* as transformers */
    CIR__TOKENIZER_SIGLIP_OPEN_CLIP /* as open_clip */
} cir__tokenizer_family;

/* A tokenizer's files; any may be NULL. They are only read while parsing, and their names stand in
 * messages. */
typedef struct cir__tokenizer_files {
    const cir__bytes_view *tokenizer_json;
    const cir__bytes_view *vocab_json, *merges_txt; /* CLIP: where there is no tokenizer.json */
    const cir__bytes_view *spiece_model;            /* SigLIP */
    const cir__bytes_view *config_json;             /* SigLIP: tokenizer_config.json */
} cir__tokenizer_files;

/* Reads a tokenizer of that family from its files' bytes. Free with cir__tokenizer_free. Errors:
 * CIR_NOT_FOUND (none that will do is given), CIR_FORMAT (damaged, or parts that contradict each other),
 * CIR_UNSUPPORTED (another kind of tokenizer), CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__tokenizer_parse(const cir__tokenizer_files *files,
                                               cir__tokenizer_family family, cir__tokenizer **tokenizer_out,
                                               cir_error *err);
void cir__tokenizer_free(cir__tokenizer *tokenizer); /* NULL is allowed */

/* Largest id + 1: a model's embedding needs at least as many rows. */
size_t cir__tokenizer_n_vocabulary(const cir__tokenizer *tokenizer);
int32_t cir__tokenizer_start_id(const cir__tokenizer *tokenizer); /* −1: there is none */
int32_t cir__tokenizer_end_id(const cir__tokenizer *tokenizer);

/* A text's ids: start token where there is one, tokens, end token; the empty text gives these alone. SigLIP's
 * are filled up to max_tokens. Ill-formed bytes are read as U+FFFD; zero bytes are characters.
 *
 * max_tokens (at least 2): the model's context length. A text that needs more keeps its first max_tokens - 1
 * ids, start included, and the end token as the last, as OpenAI's, open_clip's and transformers' truncation
 * do; was_cut_out, which may be NULL, says so. ids_out: [max_tokens]; n_ids_out is at least 2.
 *
 * As in transformers, CLIP's "<|startoftext|>" and "<|endoftext|>" in the text are the special tokens
 * themselves, and a byte that is not in the vocabulary may be the end token too: so one can come before the
 * last. CLIP reads the feature at the first end token, and in a causal tower nothing after it matters: see
 * cir__tokenizer_find_end.
 *
 * Errors: CIR_ARGUMENT (max_tokens < 2), CIR_LIMIT (text too large, or too many combining marks in a row),
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__tokenizer_encode(const cir__tokenizer *tokenizer, const char *text,
                                                size_t n_bytes, size_t max_tokens, int32_t *ids_out,
                                                size_t *n_ids_out, bool *was_cut_out, cir_error *err);

/* The place of the first end token in ids that cir__tokenizer_encode gave: where the feature is read. */
size_t cir__tokenizer_find_end(const cir__tokenizer *tokenizer, const int32_t *ids, size_t n_ids);

#endif
