#include "text/unigram.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* What an unknown character costs beyond the least likely piece; the same in both implementations. */
#define UNKNOWN_PENALTY 10.0

cir_status cir__unigram_init(cir__unigram *self, size_t n_pieces, size_t n_texts_bytes, bool adds_in_float,
                             const char *name, cir_error *err)
{
    *self = (cir__unigram){.adds_in_float = adds_in_float};
    cir_status status = cir__vocabulary_init(&self->vocabulary, n_pieces, name, err);
    if (status != CIR_OK)
        return status;
    self->texts_capacity = n_texts_bytes + n_pieces; /* with a zero behind each, for messages */
    self->texts = cir__new_unset(self->texts_capacity, 1);
    self->scores = cir__new(n_pieces, sizeof *self->scores);
    if (self->texts == NULL || self->scores == NULL) {
        cir__unigram_done(self);
        return cir__fail_memory(err, name);
    }
    return CIR_OK;
}

void cir__unigram_done(cir__unigram *self)
{
    cir__vocabulary_done(&self->vocabulary);
    free(self->texts);
    free(self->scores);
    *self = (cir__unigram){0};
}

cir_status cir__unigram_push(cir__unigram *self, const char *text, size_t n_bytes, double score,
                             bool is_sought, const char *name, cir_error *err)
{
    size_t id = self->n_pieces++;
    self->scores[id] = score;
    if (!is_sought || n_bytes == 0)
        return CIR_OK;
    if (n_bytes > CIR__UNIGRAM_MAX_PIECE_BYTES)
        return cir__fail(err, CIR_LIMIT, "%s: piece %zu has %zu bytes, at most %d are handled", name, id,
                         n_bytes, CIR__UNIGRAM_MAX_PIECE_BYTES);
    assert(self->n_texts_bytes + n_bytes + 1 <= self->texts_capacity);
    char *copy = self->texts + self->n_texts_bytes;
    memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    self->n_texts_bytes += n_bytes + 1;
    self->longest_bytes = n_bytes > self->longest_bytes ? n_bytes : self->longest_bytes;
    return cir__vocabulary_push(&self->vocabulary, copy, n_bytes, (int64_t)id, name, err);
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int cir__unigram_byte_of(const char *text, size_t n_bytes)
{
    if (n_bytes != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    int high = digit_of(text[3]);
    int low = digit_of(text[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

void cir__unigram_seal(cir__unigram *self, double min_score, int32_t unknown_id, const int32_t *byte_ids)
{
    self->unknown_id = unknown_id;
    self->unknown_score = self->adds_in_float ? (double)((float)min_score - (float)UNKNOWN_PENALTY)
                                              : min_score - UNKNOWN_PENALTY;
    self->has_byte_pieces = byte_ids != NULL;
    for (size_t i = 0; i < 256 && byte_ids != NULL; i++) {
        self->byte_ids[i] = byte_ids[i];
        self->has_byte_pieces = self->has_byte_pieces && byte_ids[i] >= 0;
    }
}

/* The best way to a place in the text. */
typedef struct way {
    double score;
    size_t from; /* where its last piece begins; SIZE_MAX: there is no way yet */
    int32_t id;  /* of the last piece, −1 an unknown character */
} way;

static size_t measure_character(const char *text, size_t n_bytes)
{
    size_t n = 1;
    while (n < n_bytes && ((unsigned char)text[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static void offer(const cir__unigram *self, way *to, const way *begin, size_t from, double score, int32_t id)
{
    double sum = self->adds_in_float ? (double)((float)begin->score + (float)score) : begin->score + score;
    if (to->from == SIZE_MAX || sum > to->score)
        *to = (way){sum, from, id};
}

/* ways: [n_bytes + 1]. */
static void find_ways(const cir__unigram *self, const char *text, size_t n_bytes, way *ways)
{
    for (size_t i = 1; i <= n_bytes; i++)
        ways[i].from = SIZE_MAX;
    ways[0] = (way){0};
    for (size_t at = 0, n_first; at < n_bytes; at += n_first) {
        n_first = measure_character(text + at, n_bytes - at);
        bool is_piece = false;
        for (size_t n = n_first; n <= self->longest_bytes && at + n <= n_bytes;) {
            int32_t id = cir__vocabulary_find(&self->vocabulary, text + at, n);
            if (id >= 0) {
                offer(self, &ways[at + n], &ways[at], at, self->scores[id], id);
                is_piece = is_piece || n == n_first;
            }
            if (at + n == n_bytes)
                break;
            n += measure_character(text + at + n, n_bytes - at - n);
        }
        if (!is_piece)
            offer(self, &ways[at + n_first], &ways[at], at, self->unknown_score, -1);
    }
}

static size_t push_bytes(const cir__unigram *self, const char *text, size_t n_bytes, int32_t *ids)
{
    for (size_t i = 0; i < n_bytes; i++)
        ids[i] = self->byte_ids[(unsigned char)text[i]];
    return n_bytes;
}

cir_status cir__unigram_encode(const cir__unigram *self, const char *text, size_t n_bytes, int32_t *ids_out,
                               size_t *n_ids_out, cir_error *err)
{
    *n_ids_out = 0;
    if (n_bytes == 0)
        return CIR_OK;
    way *ways = cir__new_unset(n_bytes + 1, sizeof *ways);
    if (ways == NULL)
        return cir__fail_memory(err, "cutting a text into pieces");
    find_ways(self, text, n_bytes, ways);
    /* Turned round, so that each place of the best way knows the next one. */
    size_t next = n_bytes;
    for (size_t at = n_bytes; at > 0;) {
        size_t from = ways[at].from;
        ways[at].from = next;
        next = at;
        at = from;
    }
    ways[0].from = next;
    size_t n = 0;
    bool was_unknown = false;
    for (size_t at = 0; at < n_bytes; at = ways[at].from) {
        size_t end = ways[at].from;
        int32_t id = ways[end].id;
        if (id >= 0)
            ids_out[n++] = id;
        else if (self->has_byte_pieces)
            n += push_bytes(self, text + at, end - at, ids_out + n);
        else if (!was_unknown)
            ids_out[n++] = self->unknown_id;
        was_unknown = id < 0;
    }
    free(ways);
    *n_ids_out = n;
    return CIR_OK;
}

/* Whether every byte has a piece. */
static bool has_bytes(const cir__unigram *self, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if (self->byte_ids[(unsigned char)text[i]] < 0)
            return false;
    return true;
}

size_t cir__unigram_spell(const cir__unigram *self, const char *text, size_t n_bytes, int32_t *ids_out)
{
    size_t n = 0;
    bool was_unknown = false;
    for (size_t i = 0, n_character; i < n_bytes; i += n_character) {
        n_character = measure_character(text + i, n_bytes - i);
        int32_t id = cir__vocabulary_find(&self->vocabulary, text + i, n_character);
        bool is_unknown = id < 0 && !has_bytes(self, text + i, n_character);
        if (id >= 0)
            ids_out[n++] = id;
        else if (!is_unknown)
            n += push_bytes(self, text + i, n_character, ids_out + n);
        else if (!was_unknown)
            ids_out[n++] = self->unknown_id;
        was_unknown = is_unknown;
    }
    return n;
}
