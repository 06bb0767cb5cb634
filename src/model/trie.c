#include "model/trie.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

bool cir__trie_init(cir__trie *trie, size_t capacity)
{
    *trie = (cir__trie){.capacity = capacity, .n_places = 64};
    while (trie->n_places < 2 * capacity)
        trie->n_places *= 2;
    trie->parents = cir__new_unset(capacity, sizeof *trie->parents);
    trie->ids = cir__new_unset(capacity, sizeof *trie->ids);
    trie->places = cir__new_unset(trie->n_places, sizeof *trie->places);
    if (trie->parents == NULL || trie->ids == NULL || trie->places == NULL) {
        cir__trie_done(trie);
        return false;
    }
    cir__trie_clear(trie);
    return true;
}

void cir__trie_done(cir__trie *trie)
{
    free(trie->parents);
    free(trie->ids);
    free(trie->places);
    *trie = (cir__trie){0};
}

void cir__trie_clear(cir__trie *trie)
{
    trie->n = 0;
    memset(trie->places, 0xff, trie->n_places * sizeof *trie->places); /* CIR__TRIE_NONE */
}

/* The place that holds the node, or the empty one where it belongs. */
static size_t find_place(const cir__trie *trie, uint32_t parent, int32_t id)
{
    uint64_t key = ((uint64_t)parent << 32 | (uint32_t)id) * 0x9E3779B97F4A7C15U;
    size_t mask = trie->n_places - 1;
    size_t at = (size_t)(key >> 32) & mask;
    while (trie->places[at] != CIR__TRIE_NONE &&
           (trie->parents[trie->places[at]] != parent || trie->ids[trie->places[at]] != id))
        at = (at + 1) & mask;
    return at;
}

uint32_t cir__trie_find(const cir__trie *trie, uint32_t parent, int32_t id)
{
    return trie->n > 0 ? trie->places[find_place(trie, parent, id)] : CIR__TRIE_NONE;
}

uint32_t cir__trie_add(cir__trie *trie, uint32_t parent, int32_t id)
{
    assert(trie->n < trie->capacity);
    uint32_t node = (uint32_t)trie->n;
    size_t place = find_place(trie, parent, id);
    trie->parents[node] = parent;
    trie->ids[node] = id;
    trie->n++;
    trie->places[place] = node;
    return node;
}
