/* The symbols of a word form a linked list; a heap holds the pairs that may be joined, best rank first, then
 * leftmost. A candidate is out of date when its left symbol is gone or its pair no longer gives the same
 * token. This is the order of Hugging Face's tokenizers; for merges in the order in which training found them
 * it equals joining all occurrences of the best pair at once. */
#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

typedef struct merge {
    int32_t left, right; /* ids; left -1: an empty place */
    int32_t joined;
    uint32_t rank;
} merge;

struct cir__bpe {
    int32_t inner[256]; /* id of a byte within a word, or unknown_id */
    int32_t last[256];  /* id of a word's last byte */
    merge *places;      /* open addressing, [n_places], a power of two */
    size_t n_places;
    bool lends_places; /* they are somebody else's */
    uint32_t n_merges;
};

typedef struct symbol {
    int32_t id; /* -1: joined to the one before */
    uint32_t previous, next;
} symbol;

typedef struct candidate {
    uint32_t rank;
    uint32_t at; /* the left symbol */
    int32_t joined;
} candidate;

#define NOWHERE UINT32_MAX

void cir__ids_push(cir__ids *ids, int32_t id)
{
    if (ids->n < ids->capacity)
        ids->ids[ids->n++] = id;
    else
        ids->is_over = true;
}

/* Bytes as printable characters, the alphabet of byte-level vocabularies: those that print in Latin-1 stand
 * for themselves, the others are U+0100 onwards, in order. Writes one or two bytes of UTF-8. */
static void write_alphabet(char texts[256][3])
{
    unsigned next = 0x100;
    for (unsigned byte = 0; byte < 256; byte++) {
        bool prints = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xff && byte != 0xad);
        unsigned c = prints ? byte : next++;
        if (c < 0x80) {
            texts[byte][0] = (char)c;
            texts[byte][1] = '\0';
        } else {
            texts[byte][0] = (char)(0xc0 | (c >> 6));
            texts[byte][1] = (char)(0x80 | (c & 0x3f));
            texts[byte][2] = '\0';
        }
    }
}

cir_status cir__bpe_new_plain(size_t n_merges, const char *name, cir__bpe **bpe_out, cir_error *err)
{
    *bpe_out = NULL;
    if (n_merges > CIR__VOCABULARY_MAX)
        return cir__fail(err, CIR_LIMIT, "%s: %zu merges, at most %zu are handled; take a CLIP tokenizer",
                         name, n_merges, CIR__VOCABULARY_MAX);
    cir__bpe *bpe = cir__new(1, sizeof *bpe);
    if (bpe == NULL)
        return cir__fail_memory(err, name);
    bpe->n_places = 64;
    while (bpe->n_places < 2 * n_merges)
        bpe->n_places *= 2;
    bpe->places = cir__new_unset(bpe->n_places, sizeof *bpe->places);
    if (bpe->places == NULL) {
        cir__bpe_free(bpe);
        return cir__fail_memory(err, name);
    }
    for (size_t i = 0; i < bpe->n_places; i++)
        bpe->places[i] = (merge){.left = -1};
    *bpe_out = bpe;
    return CIR_OK;
}

cir_status cir__bpe_new(const cir__vocabulary *vocabulary, int32_t unknown_id, size_t n_merges,
                        const char *name, cir__bpe **bpe_out, cir_error *err)
{
    cir_status status = cir__bpe_new_plain(n_merges, name, bpe_out, err);
    if (status != CIR_OK)
        return status;
    cir__bpe *bpe = *bpe_out;
    char alphabet[256][3];
    write_alphabet(alphabet);
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[3 + sizeof CIR__BPE_SUFFIX];
        size_t n = strlen(alphabet[byte]);
        memcpy(text, alphabet[byte], n);
        memcpy(text + n, CIR__BPE_SUFFIX, sizeof CIR__BPE_SUFFIX);
        int32_t inner = cir__vocabulary_find(vocabulary, text, n);
        int32_t last = cir__vocabulary_find(vocabulary, text, n + strlen(CIR__BPE_SUFFIX));
        bpe->inner[byte] = inner >= 0 ? inner : unknown_id;
        bpe->last[byte] = last >= 0 ? last : unknown_id;
    }
    return CIR_OK;
}

void cir__bpe_free(cir__bpe *bpe)
{
    if (bpe == NULL)
        return;
    if (!bpe->lends_places)
        free(bpe->places);
    free(bpe);
}

const void *cir__bpe_get_places(const cir__bpe *bpe, size_t *n_bytes_out, uint32_t *n_merges_out,
                                int32_t byte_ids_out[2][256])
{
    *n_bytes_out = bpe->n_places * sizeof *bpe->places;
    *n_merges_out = bpe->n_merges;
    memcpy(byte_ids_out[0], bpe->inner, sizeof bpe->inner);
    memcpy(byte_ids_out[1], bpe->last, sizeof bpe->last);
    return bpe->places;
}

bool cir__bpe_new_lent(const void *places, size_t n_bytes, uint32_t n_merges, const int32_t byte_ids[2][256],
                       cir__bpe **bpe_out)
{
    const size_t n_places = n_bytes / sizeof(merge);
    *bpe_out = NULL;
    if (n_bytes % sizeof(merge) != 0 || n_places == 0 || (n_places & (n_places - 1)) != 0 ||
        n_merges >= n_places)
        return false;
    cir__bpe *bpe = cir__new(1, sizeof *bpe);
    if (bpe == NULL)
        return false;
    *bpe = (cir__bpe){.places = (merge *)(uintptr_t)places,
                      .n_places = n_places,
                      .lends_places = true,
                      .n_merges = n_merges};
    memcpy(bpe->inner, byte_ids[0], sizeof bpe->inner);
    memcpy(bpe->last, byte_ids[1], sizeof bpe->last);
    *bpe_out = bpe;
    return true;
}

/* The place that holds the pair, or the empty one where it belongs. */
static merge *find_place(const cir__bpe *bpe, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key *= UINT64_C(0x9e3779b97f4a7c15);
    size_t mask = bpe->n_places - 1;
    for (size_t i = (size_t)(key >> 32) & mask;; i = (i + 1) & mask) {
        merge *place = &bpe->places[i];
        if (place->left < 0 || (place->left == left && place->right == right))
            return place;
    }
}

cir_status cir__bpe_push(cir__bpe *bpe, const cir__vocabulary *vocabulary, const char *left, size_t n_left,
                         const char *right, size_t n_right, const char *name, cir_error *err)
{
    char joined_text[512];
    size_t n_joined = n_left + n_right;
    if (n_joined > sizeof joined_text)
        return cir__fail(err, CIR_LIMIT, "%s: merge %u joins to %zu bytes, at most %zu are handled", name,
                         bpe->n_merges, n_joined, sizeof joined_text);
    memcpy(joined_text, left, n_left);
    memcpy(joined_text + n_left, right, n_right);
    merge found = {.left = cir__vocabulary_find(vocabulary, left, n_left),
                   .right = cir__vocabulary_find(vocabulary, right, n_right),
                   .joined = cir__vocabulary_find(vocabulary, joined_text, n_joined),
                   .rank = bpe->n_merges};
    if (found.left < 0 || found.right < 0 || found.joined < 0)
        return cir__fail(err, CIR_FORMAT,
                         "%s: merge %u, \"%.*s\" with \"%.*s\", needs a token that is not in the vocabulary; "
                         "take merges and vocabulary from the same model",
                         name, bpe->n_merges, (int)n_left, left, (int)n_right, right);
    *find_place(bpe, found.left, found.right) = found;
    bpe->n_merges++;
    return CIR_OK;
}

static bool is_before(candidate a, candidate b)
{
    return a.rank < b.rank || (a.rank == b.rank && a.at < b.at);
}

static void push_candidate(candidate *heap, size_t *n, candidate added)
{
    size_t i = (*n)++;
    while (i > 0 && is_before(added, heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = added;
}

static candidate pop_candidate(candidate *heap, size_t *n)
{
    candidate best = heap[0];
    candidate moved = heap[--*n];
    size_t i = 0;
    for (size_t child = 1; child < *n; child = 2 * i + 1) {
        if (child + 1 < *n && is_before(heap[child + 1], heap[child]))
            child++;
        if (!is_before(heap[child], moved))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moved;
    return best;
}

static const merge *find_merge(const cir__bpe *bpe, const symbol *symbols, uint32_t at)
{
    if (at == NOWHERE || symbols[at].next == NOWHERE)
        return NULL;
    const merge *place = find_place(bpe, symbols[at].id, symbols[symbols[at].next].id);
    return place->left >= 0 ? place : NULL;
}

static void consider(const cir__bpe *bpe, const symbol *symbols, uint32_t at, candidate *heap, size_t *n)
{
    const merge *found = find_merge(bpe, symbols, at);
    if (found != NULL)
        push_candidate(heap, n, (candidate){found->rank, at, found->joined});
}

/* One symbol a byte; bytes without an id are left out. Returns how many. */
static uint32_t write_symbols(const cir__bpe *bpe, const uint8_t *word, size_t n_bytes, symbol *symbols)
{
    uint32_t n = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        int32_t id = i + 1 < n_bytes ? bpe->inner[word[i]] : bpe->last[word[i]];
        if (id < 0)
            continue;
        symbols[n] = (symbol){id, n == 0 ? NOWHERE : n - 1, n + 1};
        n++;
    }
    if (n > 0)
        symbols[n - 1].next = NOWHERE;
    return n;
}

/* Room for n symbols and their candidates. Every join takes one candidate and adds at most two, so there
 * never are more than twice the symbols. */
static bool grow(cir__bpe_scratch *scratch, size_t n)
{
    return n < NOWHERE && cir__grow(&scratch->symbols, &scratch->symbols_capacity, n, sizeof(symbol)) &&
           cir__grow(&scratch->candidates, &scratch->candidates_capacity, 2 * n, sizeof(candidate));
}

/* Joins the scratch's symbols and pushes what is left of them. */
static void join(const cir__bpe *bpe, uint32_t n_symbols, cir__bpe_scratch *scratch, cir__ids *ids)
{
    symbol *symbols = scratch->symbols;
    candidate *heap = scratch->candidates;
    size_t n_candidates = 0;
    for (uint32_t i = 0; i < n_symbols; i++)
        consider(bpe, symbols, i, heap, &n_candidates);

    while (n_candidates > 0) {
        candidate best = pop_candidate(heap, &n_candidates);
        symbol *left = &symbols[best.at];
        const merge *now = left->id >= 0 ? find_merge(bpe, symbols, best.at) : NULL;
        if (now == NULL || now->joined != best.joined)
            continue;
        symbol *right = &symbols[left->next];
        left->id = best.joined;
        left->next = right->next;
        right->id = -1;
        if (left->next != NOWHERE)
            symbols[left->next].previous = best.at;
        consider(bpe, symbols, left->previous, heap, &n_candidates);
        consider(bpe, symbols, best.at, heap, &n_candidates);
    }
    for (uint32_t i = 0; i < n_symbols && !ids->is_over; i++)
        if (symbols[i].id >= 0)
            cir__ids_push(ids, symbols[i].id);
}

cir_status cir__bpe_encode(const cir__bpe *bpe, const uint8_t *word, size_t n_bytes,
                           cir__bpe_scratch *scratch, cir__ids *ids, cir_error *err)
{
    if (!grow(scratch, n_bytes))
        return cir__fail_memory(err, "splitting a word into tokens");
    join(bpe, write_symbols(bpe, word, n_bytes, scratch->symbols), scratch, ids);
    return CIR_OK;
}

cir_status cir__bpe_join(const cir__bpe *bpe, const int32_t *symbols, size_t n, cir__bpe_scratch *scratch,
                         cir__ids *ids, cir_error *err)
{
    if (!grow(scratch, n))
        return cir__fail_memory(err, "joining a text's tokens");
    symbol *to = scratch->symbols;
    for (size_t i = 0; i < n; i++)
        to[i] =
            (symbol){symbols[i], i == 0 ? NOWHERE : (uint32_t)i - 1, i + 1 == n ? NOWHERE : (uint32_t)i + 1};
    join(bpe, (uint32_t)n, scratch, ids);
    return CIR_OK;
}

void cir__bpe_scratch_done(cir__bpe_scratch *scratch)
{
    free(scratch->symbols);
    free(scratch->candidates);
    *scratch = (cir__bpe_scratch){0};
}
