/* SigLIP's way from text to ids: tokens that stand in the text literally are taken out, the rest is made
 * canonical by a list of steps and cut into the pieces of a unigram model.
 *
 * There are two ways to go on from the steps. SigLIP's own class in transformers calls SentencePiece, in
 * front of which it puts "<unk>", whose pieces it takes away again, so that a text's first word keeps its
 * mark. The tokenizers library (tokenizer.json) puts a "▁" in front of each word and cuts word by word.
 *
 * Knows nothing of files, of the end token, nor of a context length. */
#ifndef CIR_TEXT_SIGLIP_H
#define CIR_TEXT_SIGLIP_H

#include "base/user_cache.h"
#include "text/bpe.h"
#include "text/steps.h"
#include "text/unigram.h"

/* A token that is recognised anywhere in a text, with the white space beside it where it says so. */
typedef struct cir__literal {
    char *text; /* owned */
    size_t n_bytes;
    int32_t id;
    bool takes_left, takes_right;
} cir__literal;

/* The parts, filled by siglip_files.h; immutable from then on and shared freely. A zeroed one may be ended
 * with cir__siglip_done. */
typedef struct cir__siglip {
    cir__step *first_steps; /* [n_first_steps], owned: of the whole text, before literals are looked for */
    size_t n_first_steps;
    cir__literal *literals; /* [n_literals], owned */
    size_t n_literals;
    cir__step *steps; /* [n_steps], owned: of what lies between literals */
    size_t n_steps;
    cir__charsmap charsmap;
    cir__unigram unigram;  /* the pieces in either case */
    cir__bpe *bpe;         /* NULL: a unigram model; else none of the next four counts */
    bool is_sentencepiece; /* else as tokenizers has it, and the next three count */
    bool splits_at_spaces;
    bool splits_at_marks;
    bool has_prefix; /* a "▁" in front of what is split */
    int32_t end_id, pad_id;
    size_t n_vocabulary;       /* largest id + 1 */
    cir__user_cached compiled; /* what lends bpe its merges; zeroed where files were read */
} cir__siglip;

void cir__siglip_done(cir__siglip *self);

/* Pushes a text's ids, without the end token. text must be well-formed UTF-8. Errors: CIR_LIMIT,
 * CIR_NO_MEMORY. Thread-safe. */
CIR_MUST_CHECK cir_status cir__siglip_encode(const cir__siglip *self, const char *text, size_t n_bytes,
                                             cir__ids *ids, cir_error *err);

#endif
