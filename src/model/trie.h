/* Sequences of token ids that begin alike, each beginning once: a node is a token behind another one. Nodes
 * are numbered in the order they were added, so that a node's parent has a smaller number. */
#ifndef CIR_MODEL_TRIE_H
#define CIR_MODEL_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIR__TRIE_NONE UINT32_MAX

typedef struct cir__trie {
    uint32_t *parents; /* [capacity]; any number: another trie's nodes may be meant, or CIR__TRIE_NONE */
    int32_t *ids;      /* [capacity] */
    size_t n, capacity;
    uint32_t *places; /* [n_places], a power of two: nodes by parent and id */
    size_t n_places;
} cir__trie;

/* Room for so many nodes; false when out of memory. End with cir__trie_done. */
bool cir__trie_init(cir__trie *trie, size_t capacity);
void cir__trie_done(cir__trie *trie); /* a zeroed one is allowed */
void cir__trie_clear(cir__trie *trie);

/* The node of that token behind that parent, or CIR__TRIE_NONE. */
uint32_t cir__trie_find(const cir__trie *trie, uint32_t parent, int32_t id);

/* Adds one, which must not be there unless it is never to be found; there must be room. */
uint32_t cir__trie_add(cir__trie *trie, uint32_t parent, int32_t id);

#endif
