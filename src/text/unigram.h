/* Unigram language model (Kudo 2018): a text is cut into the pieces whose scores, log probabilities, have the
 * largest sum. Found from left to right: for every place the best way to it, over the pieces that end there
 * (Viterbi).
 *
 * Two implementations are followed, whose sums differ in precision: SentencePiece adds in float, the
 * tokenizers library in double. Knows nothing of files, of normalising, nor of white space. */
#ifndef CIR_TEXT_UNIGRAM_H
#define CIR_TEXT_UNIGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"
#include "text/vocabulary.h"

/* Longest piece that is looked for, in bytes; SentencePiece trains pieces of 16 characters. */
#define CIR__UNIGRAM_MAX_PIECE_BYTES 256

/* Immutable once sealed, shared freely. A zeroed one may be ended with cir__unigram_done. */
typedef struct cir__unigram {
    cir__vocabulary vocabulary; /* of the pieces that are looked for */
    char *texts;                /* theirs, [texts_capacity], owned */
    size_t n_texts_bytes, texts_capacity;
    double *scores; /* [n_pieces], by id */
    size_t n_pieces;
    size_t longest_bytes;
    bool adds_in_float;
    bool has_byte_pieces; /* what is unknown becomes the pieces of its bytes */
    int32_t byte_ids[256];
    int32_t unknown_id;
    double unknown_score; /* of a character that is no piece */
} cir__unigram;

/* Room for n_pieces pieces with n_texts_bytes bytes together. name: for messages. Errors: CIR_LIMIT,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__unigram_init(cir__unigram *self, size_t n_pieces, size_t n_texts_bytes,
                                            bool adds_in_float, const char *name, cir_error *err);
void cir__unigram_done(cir__unigram *self);

/* The next piece; its id is the number of those before it. is_sought: it can be found in texts. Errors:
 * CIR_FORMAT (a second one of the same text), CIR_LIMIT (too long). */
CIR_MUST_CHECK cir_status cir__unigram_push(cir__unigram *self, const char *text, size_t n_bytes,
                                            double score, bool is_sought, const char *name, cir_error *err);

/* The byte that a byte piece ("<0x00>" … "<0xFF>") stands for; −1 for all other texts. */
int cir__unigram_byte_of(const char *text, size_t n_bytes);

/* After the last piece. min_score: of the pieces that count for it. byte_ids: [256], −1 where there is no
 * such piece (then none is used), or NULL. */
void cir__unigram_seal(cir__unigram *self, double min_score, int32_t unknown_id, const int32_t *byte_ids);

/* A text's characters, each a piece by itself, or, where it is none, its bytes' pieces, or unknown_id (once
 * for several in a row): what byte-pair encoding begins with. ids_out: [n_bytes]; returns how many are
 * used. */
size_t cir__unigram_spell(const cir__unigram *self, const char *text, size_t n_bytes, int32_t *ids_out);

/* Cuts a text: ids_out [n_bytes], *n_ids_out of them are used. Characters in a row that are no piece become
 * one unknown_id, or their bytes' pieces. text: well-formed UTF-8. Errors: CIR_NO_MEMORY. Thread-safe. */
CIR_MUST_CHECK cir_status cir__unigram_encode(const cir__unigram *self, const char *text, size_t n_bytes,
                                              int32_t *ids_out, size_t *n_ids_out, cir_error *err);

#endif
