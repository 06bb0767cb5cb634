#include "text/siglip.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/memory.h"

#define MARK "\xe2\x96\x81" /* "▁", which stands for a space in pieces */
#define N_MARK 3
#define UNKNOWN "<unk>"
#define N_UNKNOWN 5

void cir__siglip_done(cir__siglip *self)
{
    for (size_t i = 0; i < self->n_literals; i++)
        free(self->literals[i].text);
    free(self->literals);
    free(self->first_steps);
    free(self->steps);
    cir__charsmap_done(&self->charsmap);
    cir__bpe_free(self->bpe);
    cir__unigram_done(&self->unigram);
    cir__user_cached_done(&self->compiled);
    *self = (cir__siglip){0};
}

/* What one call works with; ids and joined hold the longest part so far. */
typedef struct encoding {
    const cir__siglip *self;
    cir__ids *ids;
    int32_t *pieces;
    size_t pieces_capacity;
    char *joined;
    size_t joined_capacity;
    cir__bpe_scratch bpe;
} encoding;

static bool grow_pieces(encoding *call, size_t n)
{
    void *pieces = call->pieces;
    bool has_grown = cir__grow(&pieces, &call->pieces_capacity, n, sizeof *call->pieces);
    call->pieces = pieces;
    return has_grown;
}

/* Cuts a text into pieces and pushes all but the first n_skipped. */
static cir_status push_pieces(encoding *call, const char *text, size_t n_bytes, size_t n_skipped,
                              cir_error *err)
{
    if (!grow_pieces(call, n_bytes + 1))
        return cir__fail_memory(err, "cutting a text into pieces");
    size_t n;
    cir_status status = cir__unigram_encode(&call->self->unigram, text, n_bytes, call->pieces, &n, err);
    for (size_t i = n < n_skipped ? 0 : n_skipped; i < n && status == CIR_OK; i++)
        cir__ids_push(call->ids, call->pieces[i]);
    return status;
}

/* "<unk>" and the text; false when out of memory. */
static bool join_unknown(encoding *call, const char *text, size_t n_bytes)
{
    void *joined = call->joined;
    bool has_grown = cir__grow(&joined, &call->joined_capacity, n_bytes + N_UNKNOWN, 1);
    call->joined = joined;
    if (!has_grown)
        return false;
    memcpy(call->joined, UNKNOWN, N_UNKNOWN);
    memcpy(call->joined + N_UNKNOWN, text, n_bytes);
    return true;
}

/* How SentencePiece would see the part if it stood behind "<unk>". */
static cir_status encode_sentencepiece(encoding *call, const char *text, size_t n_bytes, cir_error *err)
{
    const cir__siglip *self = call->self;
    const cir__step *last = &self->steps[self->n_steps - 1];
    int32_t unknown[N_UNKNOWN];
    size_t n_skipped;
    cir__text spaced = {0};
    cir_status status = cir__unigram_encode(&self->unigram, UNKNOWN, N_UNKNOWN, unknown, &n_skipped, err);
    if (status == CIR_OK && !join_unknown(call, text, n_bytes))
        status = cir__fail_memory(err, "normalising a text");
    if (status == CIR_OK)
        status = cir__steps_run(last, 1, &self->charsmap, call->joined, n_bytes + N_UNKNOWN, &spaced, err);
    if (status == CIR_OK)
        status = push_pieces(call, spaced.text, spaced.n_bytes, n_skipped, err);
    free(spaced.text);
    return status;
}

/* A text without white space to be split at: spaces become marks, a mark comes in front, and every mark
 * begins a word. */
static cir_status encode_words(encoding *call, const char *text, size_t n_bytes, cir_error *err)
{
    const cir__siglip *self = call->self;
    void *joined = call->joined;
    bool has_grown = cir__grow(&joined, &call->joined_capacity, (n_bytes + 1) * N_MARK, 1);
    call->joined = joined;
    if (!has_grown)
        return cir__fail_memory(err, "splitting a text into words");
    size_t n = 0;
    bool has_mark = n_bytes > 0 && (*text == ' ' || (n_bytes >= N_MARK && memcmp(text, MARK, N_MARK) == 0));
    if (n_bytes > 0 && self->has_prefix && !has_mark) {
        memcpy(call->joined, MARK, N_MARK);
        n = N_MARK;
    }
    for (size_t i = 0; i < n_bytes; i++) {
        size_t n_more = text[i] == ' ' ? N_MARK : 1;
        memcpy(call->joined + n, text[i] == ' ' ? MARK : text + i, n_more);
        n += n_more;
    }
    cir_status status = CIR_OK;
    for (size_t begin = 0; begin < n && status == CIR_OK && !call->ids->is_over;) {
        size_t end = self->splits_at_marks ? begin + 1 : n;
        while (end < n && !(n - end >= N_MARK && memcmp(call->joined + end, MARK, N_MARK) == 0))
            end++;
        status = push_pieces(call, call->joined + begin, end - begin, 0, err);
        begin = end;
    }
    return status;
}

static cir_status encode_tokenizers(encoding *call, const char *text, size_t n_bytes, cir_error *err)
{
    if (!call->self->splits_at_spaces)
        return encode_words(call, text, n_bytes, err);
    cir_status status = CIR_OK;
    size_t begin = 0;
    for (size_t i = 0; i <= n_bytes && status == CIR_OK && !call->ids->is_over;) {
        int32_t c = ' ';
        utf8proc_ssize_t n = 1;
        if (i < n_bytes)
            n = utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(n_bytes - i), &c);
        n = n > 0 ? n : 1;
        if (cir__spaces_have(CIR__SPACES_UNICODE, c)) {
            if (i > begin)
                status = encode_words(call, text + begin, i - begin, err);
            begin = i + (size_t)n;
        }
        i += (size_t)n;
    }
    return status;
}

/* Spells a text and joins it, as one word. */
static cir_status encode_joined(encoding *call, const char *text, size_t n_bytes, cir_error *err)
{
    const cir__siglip *self = call->self;
    if (!grow_pieces(call, n_bytes + 1))
        return cir__fail_memory(err, "cutting a text into pieces");
    size_t n = cir__unigram_spell(&self->unigram, text, n_bytes, call->pieces);
    return cir__bpe_join(self->bpe, call->pieces, n, &call->bpe, call->ids, err);
}

/* What lies between literals. */
static cir_status encode_part(encoding *call, const char *text, size_t n_bytes, cir_error *err)
{
    const cir__siglip *self = call->self;
    if (n_bytes == 0 || call->ids->is_over)
        return CIR_OK;
    cir__text normal;
    /* SentencePiece's own step comes behind "<unk>". */
    size_t n_steps = self->is_sentencepiece ? self->n_steps - 1 : self->n_steps;
    cir_status status = cir__steps_run(self->steps, n_steps, &self->charsmap, text, n_bytes, &normal, err);
    if (status == CIR_OK && self->bpe != NULL)
        status = encode_joined(call, normal.text, normal.n_bytes, err);
    else if (status == CIR_OK)
        status = self->is_sentencepiece ? encode_sentencepiece(call, normal.text, normal.n_bytes, err)
                                        : encode_tokenizers(call, normal.text, normal.n_bytes, err);
    free(normal.text);
    return status;
}

static const cir__literal *find_literal(const cir__siglip *self, const char *text, size_t n_bytes)
{
    const cir__literal *best = NULL;
    for (size_t i = 0; i < self->n_literals; i++) {
        const cir__literal *literal = &self->literals[i];
        if (literal->n_bytes <= n_bytes && memcmp(literal->text, text, literal->n_bytes) == 0 &&
            (best == NULL || literal->n_bytes > best->n_bytes))
            best = literal;
    }
    return best;
}

/* Bytes of white space at an end of the text. */
static size_t measure_spaces(const cir__siglip *self, const char *text, size_t n_bytes, bool is_left)
{
    cir__spaces spaces = self->is_sentencepiece ? CIR__SPACES_PYTHON : CIR__SPACES_UNICODE;
    size_t n = 0;
    while (n < n_bytes) {
        size_t at = is_left ? n : n_bytes - n - 1;
        while (!is_left && at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
            at--;
        int32_t c;
        utf8proc_ssize_t size =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(n_bytes - at), &c);
        if (size <= 0 || !cir__spaces_have(spaces, c))
            break;
        n += (size_t)size;
    }
    return n;
}

static cir_status encode_around(encoding *call, const char *text, size_t n_bytes, cir_error *err)
{
    const cir__siglip *self = call->self;
    cir_status status = CIR_OK;
    size_t begin = 0;
    for (size_t i = 0; i < n_bytes && status == CIR_OK && !call->ids->is_over;) {
        const cir__literal *literal = find_literal(self, text + i, n_bytes - i);
        if (literal == NULL) {
            i++;
            continue;
        }
        size_t n_part = i - begin;
        if (literal->takes_left)
            n_part -= measure_spaces(self, text + begin, n_part, false);
        status = encode_part(call, text + begin, n_part, err);
        if (status == CIR_OK && !call->ids->is_over)
            cir__ids_push(call->ids, literal->id);
        i += literal->n_bytes;
        if (literal->takes_right)
            i += measure_spaces(self, text + i, n_bytes - i, true);
        begin = i;
    }
    if (status == CIR_OK)
        status = encode_part(call, text + begin, n_bytes - begin, err);
    return status;
}

/* The text as SigLIP's class takes it apart: a mark in front, and no other. */
static cir_status mark(cir__text *text, cir_error *err)
{
    char *marked = malloc(text->n_bytes + N_MARK + 1);
    if (marked == NULL)
        return cir__fail_memory(err, "normalising a text");
    memcpy(marked, MARK, N_MARK);
    char *to = marked + N_MARK;
    for (size_t i = 0; i < text->n_bytes;) {
        bool is_mark = text->n_bytes - i >= N_MARK && memcmp(text->text + i, MARK, N_MARK) == 0;
        *to++ = is_mark ? ' ' : text->text[i];
        i += is_mark ? N_MARK : 1;
    }
    *to = '\0';
    free(text->text);
    *text = (cir__text){marked, (size_t)(to - marked)};
    return CIR_OK;
}

cir_status cir__siglip_encode(const cir__siglip *self, const char *text, size_t n_bytes, cir__ids *ids,
                              cir_error *err)
{
    encoding call = {.self = self, .ids = ids};
    cir__text whole;
    cir_status status =
        cir__steps_run(self->first_steps, self->n_first_steps, &self->charsmap, text, n_bytes, &whole, err);
    if (status == CIR_OK && self->is_sentencepiece)
        status = mark(&whole, err);
    if (status == CIR_OK)
        status = encode_around(&call, whole.text, whole.n_bytes, err);
    free(whole.text);
    cir__bpe_scratch_done(&call.bpe);
    free(call.pieces);
    free(call.joined);
    return status;
}
