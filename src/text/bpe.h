/* Byte-pair encoding of one word: its bytes are symbols, and the pair of neighbours with the best rank is
 * joined until no pair is in the list of merges (Sennrich et al. 2016; on bytes: Radford et al. 2019). As in
 * CLIP, a word's last symbol carries the suffix "</w>"; or the symbols are anything, and the caller's. Knows
 * nothing of how a text becomes words. */
#ifndef CIR_TEXT_BPE_H
#define CIR_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"
#include "text/vocabulary.h"

#define CIR__BPE_SUFFIX "</w>"

/* Immutable once filled, shared freely. */
typedef struct cir__bpe cir__bpe;

/* Buffers of one encoding call, grown to its longest word. Zeroed fields mean none yet. */
typedef struct cir__bpe_scratch {
    void *symbols;
    size_t symbols_capacity;
    void *candidates;
    size_t candidates_capacity;
} cir__bpe_scratch;

/* Ids that are collected up to a number; further ones are only noted. */
typedef struct cir__ids {
    int32_t *ids; /* [capacity] */
    size_t capacity;
    size_t n;
    bool is_over; /* one more was to be pushed */
} cir__ids;

void cir__ids_push(cir__ids *ids, int32_t id);

/* A tokenizer without merges yet. The single bytes' ids come from the vocabulary, which is only read; a byte
 * that is not in it becomes unknown_id, or nothing where that is -1. Room for n_merges. name is for messages.
 * Errors: CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__bpe_new(const cir__vocabulary *vocabulary, int32_t unknown_id, size_t n_merges,
                                       const char *name, cir__bpe **bpe_out, cir_error *err);
/* The same for symbols that are not bytes: cir__bpe_join is for it, cir__bpe_encode is not. */
CIR_MUST_CHECK cir_status cir__bpe_new_plain(size_t n_merges, const char *name, cir__bpe **bpe_out,
                                             cir_error *err);
void cir__bpe_free(cir__bpe *bpe); /* NULL is allowed */

/* The merges as they are in memory, lent, and the ids of bytes within and at the end of a word; and a
 * tokenizer over such, which lends the merges and copies the ids. False where they are none, or out of
 * memory. */
const void *cir__bpe_get_places(const cir__bpe *bpe, size_t *n_bytes_out, uint32_t *n_merges_out,
                                int32_t byte_ids_out[2][256]);
bool cir__bpe_new_lent(const void *places, size_t n_bytes, uint32_t n_merges, const int32_t byte_ids[2][256],
                       cir__bpe **bpe_out);

/* Adds the next merge, left and right as they stand in the file. At most n_merges; of two equal ones the
 * later counts. Errors: CIR_FORMAT (left, right or the two joined are not in the vocabulary). */
CIR_MUST_CHECK cir_status cir__bpe_push(cir__bpe *bpe, const cir__vocabulary *vocabulary, const char *left,
                                        size_t n_left, const char *right, size_t n_right, const char *name,
                                        cir_error *err);

/* Pushes a word's ids. Cost: n log n for n bytes. Errors: CIR_NO_MEMORY. Thread-safe with a scratch a
 * thread. */
CIR_MUST_CHECK cir_status cir__bpe_encode(const cir__bpe *bpe, const uint8_t *word, size_t n_bytes,
                                          cir__bpe_scratch *scratch, cir__ids *ids, cir_error *err);

/* Pushes what symbols [n] that are tokens already are joined to. Errors, threads: as above. */
CIR_MUST_CHECK cir_status cir__bpe_join(const cir__bpe *bpe, const int32_t *symbols, size_t n,
                                        cir__bpe_scratch *scratch, cir__ids *ids, cir_error *err);
void cir__bpe_scratch_done(cir__bpe_scratch *scratch);

#endif
