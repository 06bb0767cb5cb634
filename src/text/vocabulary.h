/* A vocabulary: strings ↔ ids while a tokenizer's files are read. Knows nothing of merges or of any model. */
#ifndef CIR_TEXT_VOCABULARY_H
#define CIR_TEXT_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"

/* Most tokens, and smallest id that is refused: beyond any vocabulary in use, small enough for every
 * table. */
#define CIR__VOCABULARY_MAX ((size_t)1 << 20)

/* One token; the text belongs to whoever pushed it. */
typedef struct cir__token {
    const char *text; /* NULL: an empty place */
    size_t n_bytes;
    int32_t id;
} cir__token;

/* An open-addressed table of tokens by their text. Zeroed fields mean an empty vocabulary. */
typedef struct cir__vocabulary {
    cir__token *places; /* [n_places], n_places a power of two */
    size_t n_places;
    size_t n_tokens;
    uint8_t *has_id; /* [CIR__VOCABULARY_MAX / 8] bits */
    size_t n_ids;    /* largest id + 1 */
} cir__vocabulary;

/* Makes room for n_tokens. name is for messages. Errors: CIR_LIMIT, CIR_NO_MEMORY. End with _done. */
CIR_MUST_CHECK cir_status cir__vocabulary_init(cir__vocabulary *vocabulary, size_t n_tokens, const char *name,
                                               cir_error *err);
void cir__vocabulary_done(cir__vocabulary *vocabulary); /* a zeroed one is allowed */

/* Adds a token, at most as many as there is room for; text must outlive the vocabulary. Errors: CIR_FORMAT
 * (text or id is there already), CIR_LIMIT (id negative or too large). */
CIR_MUST_CHECK cir_status cir__vocabulary_push(cir__vocabulary *vocabulary, const char *text, size_t n_bytes,
                                               int64_t id, const char *name, cir_error *err);

/* The token's id, or -1. */
int32_t cir__vocabulary_find(const cir__vocabulary *vocabulary, const char *text, size_t n_bytes);

#endif
