/* Sections one behind another, each aligned: a head of plain numbers, then arrays whose sizes follow from it.
 * The merges are lent by the mapped file, the rest is copied; a token's text is an offset. */
#include "text/siglip_compiled.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* To be raised whenever what a file is read into changes. */
#define REVISION 1
#define KIND "tokenizer"

typedef struct head {
    uint32_t revision, step_bytes, literal_bytes, reserved; /* another build's structs may differ */
    uint64_t n_first_steps, n_steps, n_literals, n_literal_texts;
    uint64_t n_units, n_map_texts;
    uint64_t n_texts, n_pieces, longest_bytes;
    uint64_t n_places, n_tokens, n_ids;
    uint64_t n_merge_bytes, n_merges;
    uint64_t n_vocabulary;
    double unknown_score;
    int32_t unknown_id, end_id, pad_id;
    uint8_t adds_in_float, has_byte_pieces, has_bpe, is_sentencepiece;
    uint8_t splits_at_spaces, splits_at_marks, has_prefix, unused;
    int32_t byte_ids[256];
    int32_t bpe_byte_ids[2][256];
} head;

typedef struct kept_literal {
    uint64_t n_bytes;
    int32_t id;
    uint8_t takes_left, takes_right, unused[2];
} kept_literal;

/* text: an offset, UINT32_MAX for an empty place. */
typedef struct kept_token {
    uint32_t text, n_bytes;
    int32_t id;
} kept_token;

enum {
    FIRST_STEPS,
    STEPS,
    LITERALS,
    LITERAL_TEXTS,
    UNITS,
    MAP_TEXTS,
    TEXTS,
    SCORES,
    PLACES,
    MERGES,
    N_SECTIONS
};

/* Where the sections are; false where they are larger than can be. */
typedef struct places {
    size_t offsets[N_SECTIONS], sizes[N_SECTIONS], whole;
} places;

static bool place_sections(const head *first, places *out)
{
    const struct {
        uint64_t n;
        size_t bytes;
    } items[N_SECTIONS] = {
        [FIRST_STEPS] = {first->n_first_steps, sizeof(cir__step)},
        [STEPS] = {first->n_steps, sizeof(cir__step)},
        [LITERALS] = {first->n_literals, sizeof(kept_literal)},
        [LITERAL_TEXTS] = {first->n_literal_texts, 1},
        [UNITS] = {first->n_units, sizeof(uint32_t)},
        [MAP_TEXTS] = {first->n_map_texts, 1},
        [TEXTS] = {first->n_texts, 1},
        [SCORES] = {first->n_pieces, sizeof(double)},
        [PLACES] = {first->n_places, sizeof(kept_token)},
        [MERGES] = {first->n_merge_bytes, 1},
    };
    out->whole = sizeof *first;
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (!cir__size_add(out->whole, CIR__ALIGNMENT - 1, &out->whole))
            return false;
        out->offsets[i] = out->whole / CIR__ALIGNMENT * CIR__ALIGNMENT;
        if (!cir__size_mul((size_t)items[i].n, items[i].bytes, &out->sizes[i]) ||
            !cir__size_add(out->offsets[i], out->sizes[i], &out->whole))
            return false;
    }
    return true;
}

/* ---- reading ---- */

/* n items of bytes each, copied; NULL when out of memory. */
static void *copy_items(const uint8_t *from, size_t n, size_t bytes)
{
    void *copy = cir__new_unset(n, bytes);
    if (copy != NULL && n > 0)
        memcpy(copy, from, n * bytes);
    return copy;
}

static bool read_literals(const head *first, const uint8_t *data, const places *at, cir__siglip *out)
{
    const char *texts = (const char *)data + at->offsets[LITERAL_TEXTS];
    size_t used = 0;
    out->literals = cir__new((size_t)first->n_literals, sizeof *out->literals);
    for (size_t i = 0; i < first->n_literals && out->literals != NULL; i++) {
        kept_literal kept;
        memcpy(&kept, data + at->offsets[LITERALS] + i * sizeof kept, sizeof kept);
        if (kept.n_bytes >= at->sizes[LITERAL_TEXTS] - used || texts[used + kept.n_bytes] != '\0')
            return false;
        char *text = copy_items((const uint8_t *)texts + used, (size_t)kept.n_bytes + 1, 1);
        if (text == NULL)
            return false;
        out->literals[out->n_literals++] =
            (cir__literal){text, (size_t)kept.n_bytes, kept.id, kept.takes_left != 0, kept.takes_right != 0};
        used += (size_t)kept.n_bytes + 1;
    }
    return out->literals != NULL;
}

static bool read_places(const head *first, const uint8_t *data, const places *at, cir__unigram *out)
{
    cir__vocabulary *vocabulary = &out->vocabulary;
    const uint64_t n = first->n_places;
    if (n == 0 || (n & (n - 1)) != 0 || first->n_tokens >= n)
        return false;
    vocabulary->places = cir__new((size_t)n, sizeof *vocabulary->places);
    if (vocabulary->places == NULL)
        return false;
    vocabulary->n_places = (size_t)n;
    vocabulary->n_tokens = (size_t)first->n_tokens;
    vocabulary->n_ids = (size_t)first->n_ids;
    size_t n_tokens = 0;
    for (size_t i = 0; i < n; i++) {
        kept_token kept;
        memcpy(&kept, data + at->offsets[PLACES] + i * sizeof kept, sizeof kept);
        if (kept.text == UINT32_MAX)
            continue;
        if (kept.text > first->n_texts || kept.n_bytes > first->n_texts - kept.text || kept.id < 0 ||
            (uint64_t)kept.id >= first->n_pieces)
            return false;
        vocabulary->places[i] = (cir__token){out->texts + kept.text, kept.n_bytes, kept.id};
        n_tokens++;
    }
    return n_tokens == first->n_tokens; /* so that there is an empty place */
}

static bool read_unigram(const head *first, const uint8_t *data, const places *at, cir__unigram *out)
{
    *out = (cir__unigram){
        .texts = copy_items(data + at->offsets[TEXTS], (size_t)first->n_texts, 1),
        .n_texts_bytes = (size_t)first->n_texts,
        .texts_capacity = (size_t)first->n_texts,
        .scores = copy_items(data + at->offsets[SCORES], (size_t)first->n_pieces, sizeof(double)),
        .n_pieces = (size_t)first->n_pieces,
        .longest_bytes = (size_t)first->longest_bytes,
        .adds_in_float = first->adds_in_float != 0,
        .has_byte_pieces = first->has_byte_pieces != 0,
        .unknown_id = first->unknown_id,
        .unknown_score = first->unknown_score,
    };
    memcpy(out->byte_ids, first->byte_ids, sizeof out->byte_ids);
    return out->texts != NULL && out->scores != NULL && read_places(first, data, at, out);
}

static bool read_all(const cir__user_cached *found, cir__siglip *out)
{
    head first;
    places at;
    if (found->size < sizeof first)
        return false;
    memcpy(&first, found->data, sizeof first);
    if (first.revision != REVISION || first.step_bytes != sizeof(cir__step) ||
        first.literal_bytes != sizeof(kept_literal) || !place_sections(&first, &at) ||
        at.whole != found->size)
        return false;
    const uint8_t *data = found->data;
    out->first_steps =
        copy_items(data + at.offsets[FIRST_STEPS], (size_t)first.n_first_steps, sizeof(cir__step));
    out->n_first_steps = (size_t)first.n_first_steps;
    out->steps = copy_items(data + at.offsets[STEPS], (size_t)first.n_steps, sizeof(cir__step));
    out->n_steps = (size_t)first.n_steps;
    out->charsmap = (cir__charsmap){
        .units = copy_items(data + at.offsets[UNITS], (size_t)first.n_units, sizeof(uint32_t)),
        .n_units = (size_t)first.n_units,
        .texts = copy_items(data + at.offsets[MAP_TEXTS], (size_t)first.n_map_texts, 1),
        .n_texts_bytes = (size_t)first.n_map_texts,
    };
    out->is_sentencepiece = first.is_sentencepiece != 0;
    out->splits_at_spaces = first.splits_at_spaces != 0;
    out->splits_at_marks = first.splits_at_marks != 0;
    out->has_prefix = first.has_prefix != 0;
    out->end_id = first.end_id;
    out->pad_id = first.pad_id;
    out->n_vocabulary = (size_t)first.n_vocabulary;
    return out->first_steps != NULL && out->steps != NULL && out->charsmap.units != NULL &&
           out->charsmap.texts != NULL && read_literals(&first, data, &at, out) &&
           read_unigram(&first, data, &at, &out->unigram) &&
           (first.has_bpe == 0 ||
            cir__bpe_new_lent(data + at.offsets[MERGES], at.sizes[MERGES], (uint32_t)first.n_merges,
                              (const int32_t(*)[256])first.bpe_byte_ids, &out->bpe));
}

bool cir__siglip_compiled_find(const char *key, cir__siglip *out)
{
    cir__user_cached found;
    *out = (cir__siglip){0};
    if (*key == '\0' || !cir__user_cache_find(KIND, key, NULL, &found))
        return false;
    out->compiled = found;
    if (read_all(&found, out))
        return true;
    cir__siglip_done(out);
    return false;
}

/* ---- writing ---- */

static head describe(const cir__siglip *self)
{
    const cir__unigram *unigram = &self->unigram;
    head first;
    memset(&first, 0, sizeof first); /* padding, too: what is kept has no chance bytes */
    first.revision = REVISION;
    first.step_bytes = sizeof(cir__step);
    first.literal_bytes = sizeof(kept_literal);
    first.n_first_steps = self->n_first_steps;
    first.n_steps = self->n_steps;
    first.n_literals = self->n_literals;
    for (size_t i = 0; i < self->n_literals; i++)
        first.n_literal_texts += self->literals[i].n_bytes + 1;
    first.n_units = self->charsmap.n_units;
    first.n_map_texts = self->charsmap.n_texts_bytes;
    first.n_texts = unigram->n_texts_bytes;
    first.n_pieces = unigram->n_pieces;
    first.longest_bytes = unigram->longest_bytes;
    first.n_places = unigram->vocabulary.n_places;
    first.n_tokens = unigram->vocabulary.n_tokens;
    first.n_ids = unigram->vocabulary.n_ids;
    first.n_vocabulary = self->n_vocabulary;
    first.unknown_score = unigram->unknown_score;
    first.unknown_id = unigram->unknown_id;
    first.end_id = self->end_id;
    first.pad_id = self->pad_id;
    first.adds_in_float = unigram->adds_in_float;
    first.has_byte_pieces = unigram->has_byte_pieces;
    first.has_bpe = self->bpe != NULL;
    first.is_sentencepiece = self->is_sentencepiece;
    first.splits_at_spaces = self->splits_at_spaces;
    first.splits_at_marks = self->splits_at_marks;
    first.has_prefix = self->has_prefix;
    memcpy(first.byte_ids, unigram->byte_ids, sizeof first.byte_ids);
    return first;
}

static void write_literals(const cir__siglip *self, const places *at, uint8_t *data)
{
    uint8_t *texts = data + at->offsets[LITERAL_TEXTS];
    for (size_t i = 0; i < self->n_literals; i++) {
        const cir__literal *literal = &self->literals[i];
        const kept_literal kept = {
            literal->n_bytes, literal->id, literal->takes_left, literal->takes_right, {0}};
        memcpy(data + at->offsets[LITERALS] + i * sizeof kept, &kept, sizeof kept);
        memcpy(texts, literal->text, literal->n_bytes);
        texts += literal->n_bytes + 1; /* zeroed already */
    }
}

static void write_places(const cir__unigram *unigram, const places *at, uint8_t *data)
{
    for (size_t i = 0; i < unigram->vocabulary.n_places; i++) {
        const cir__token *token = &unigram->vocabulary.places[i];
        kept_token kept = {UINT32_MAX, 0, 0};
        if (token->text != NULL)
            kept =
                (kept_token){(uint32_t)(token->text - unigram->texts), (uint32_t)token->n_bytes, token->id};
        memcpy(data + at->offsets[PLACES] + i * sizeof kept, &kept, sizeof kept);
    }
}

static void write_section(const places *at, int section, const void *from, uint8_t *data)
{
    if (at->sizes[section] > 0)
        memcpy(data + at->offsets[section], from, at->sizes[section]);
}

void cir__siglip_compiled_put(const char *key, const cir__siglip *self)
{
    head first = describe(self);
    places at;
    const void *merges = NULL;
    if (self->bpe != NULL) {
        size_t n_bytes;
        uint32_t n_merges;
        merges = cir__bpe_get_places(self->bpe, &n_bytes, &n_merges, first.bpe_byte_ids);
        first.n_merge_bytes = n_bytes;
        first.n_merges = n_merges;
    }
    if (*key == '\0' || first.n_texts >= UINT32_MAX || !place_sections(&first, &at))
        return;
    uint8_t *data = cir__new(at.whole, 1);
    if (data == NULL)
        return;
    memcpy(data, &first, sizeof first);
    write_section(&at, FIRST_STEPS, self->first_steps, data);
    write_section(&at, STEPS, self->steps, data);
    write_literals(self, &at, data);
    write_section(&at, UNITS, self->charsmap.units, data);
    write_section(&at, MAP_TEXTS, self->charsmap.texts, data);
    write_section(&at, TEXTS, self->unigram.texts, data);
    write_section(&at, SCORES, self->unigram.scores, data);
    write_places(&self->unigram, &at, data);
    write_section(&at, MERGES, merges, data);
    (void)cir__user_cache_put(KIND, key, data, at.whole, NULL);
    free(data);
}
