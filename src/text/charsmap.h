/* SentencePiece's precompiled map of characters: which beginnings of a text become what (NFKC and more).
 *
 *   4 bytes   size of the trie, little-endian
 *   trie      a double array of 32-bit units (Darts): its values are offsets into
 *   texts     zero-terminated strings
 *
 * Nothing in the array is believed: every step is checked against its size. */
#ifndef CIR_TEXT_CHARSMAP_H
#define CIR_TEXT_CHARSMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "cir/status.h"

/* Zeroed: maps nothing. Immutable once parsed. */
typedef struct cir__charsmap {
    uint32_t *units; /* [n_units], owned */
    size_t n_units;
    char *texts; /* [n_texts_bytes], owned; the last byte is zero */
    size_t n_texts_bytes;
} cir__charsmap;

/* Copies what it needs; no bytes map nothing. End with cir__charsmap_done. Errors: CIR_FORMAT,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__charsmap_parse(cir__bytes_view bytes, cir__charsmap *map_out, cir_error *err);
void cir__charsmap_done(cir__charsmap *map);

/* What a beginning of the text becomes: the longest one that is in the map, or the shortest; false where none
 * is. *to_out is lent by the map, zero-terminated; *n_from_out bytes of the text are meant. */
bool cir__charsmap_find(const cir__charsmap *map, const char *text, size_t n_bytes, bool wants_longest,
                        const char **to_out, size_t *n_from_out);

#endif
