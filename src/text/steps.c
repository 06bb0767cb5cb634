#include "text/steps.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/memory.h"

/* "▁", which stands for a space in pieces. */
#define SPACE_MARK "\xe2\x96\x81"
#define N_SPACE_MARK 3

/* Longest grapheme that the tokenizers library looks up whole, in bytes. */
#define MAX_GRAPHEME_BYTES 5

/* No honest map makes a text longer than this. */
#define MAX_BYTES ((size_t)32 << 20)

bool cir__spaces_have(cir__spaces spaces, int32_t c)
{
    if (spaces == CIR__SPACES_BLANK)
        return c == ' ';
    if (spaces == CIR__SPACES_PYTHON && c >= 0x1c && c <= 0x1f)
        return true;
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

void cir__step_add_punctuation(uint64_t set[2])
{
    for (unsigned c = '!'; c <= '~'; c++) {
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!is_letter && !(c >= '0' && c <= '9'))
            set[c / 64] |= UINT64_C(1) << (c % 64);
    }
}

/* A text being written; has_failed stays once memory was short or the text too long. */
typedef struct buffer {
    char *text;
    size_t n, capacity;
    bool is_short; /* of memory */
    bool is_over;
} buffer;

static void push(buffer *self, const char *bytes, size_t n)
{
    if (self->is_short || self->is_over)
        return;
    if (n > MAX_BYTES - self->n) {
        self->is_over = true;
        return;
    }
    void *items = self->text;
    self->is_short = !cir__grow(&items, &self->capacity, self->n + n + 1, 1);
    self->text = items;
    if (self->is_short)
        return;
    memcpy(self->text + self->n, bytes, n);
    self->n += n;
}

static size_t next_character(const char *text, size_t n_bytes, int32_t *character_out)
{
    *character_out = 0xfffd;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n_bytes, character_out);
    return n > 0 ? (size_t)n : 1;
}

static void push_character(buffer *out, int32_t c)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    push(out, (const char *)bytes, (size_t)n);
}

static bool is_cased(int32_t c)
{
    return utf8proc_tolower(c) != c || utf8proc_toupper(c) != c ||
           utf8proc_category(c) == UTF8PROC_CATEGORY_LL;
}

/* What Unicode's rule for a final sigma looks through. */
static bool is_ignorable(int32_t c)
{
    utf8proc_category_t kind = utf8proc_category(c);
    return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
           kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' ||
           c == ':' || c == 0xb7 || c == 0x2018 || c == 0x2019 || c == 0x2024 || c == 0x2027;
}

static bool is_followed_by_cased(const char *text, size_t n_bytes)
{
    int32_t c;
    for (size_t i = 0; i < n_bytes;) {
        i += next_character(text + i, n_bytes - i, &c);
        if (!is_ignorable(c))
            return is_cased(c);
    }
    return false;
}

static void lower(const cir__step *step, const char *text, size_t n_bytes, buffer *out)
{
    bool follows_cased = false;
    for (size_t i = 0; i < n_bytes;) {
        int32_t c;
        i += next_character(text + i, n_bytes - i, &c);
        if (c == 0x130) /* the only character whose lower case is two */
            push(out, "i\xcc\x87", 3);
        else if (c == 0x3a3 && step->kind == CIR__STEP_LOWER_WORDS && follows_cased &&
                 !is_followed_by_cased(text + i, n_bytes - i))
            push_character(out, 0x3c2);
        else
            push_character(out, utf8proc_tolower(c));
        follows_cased = is_ignorable(c) ? follows_cased : is_cased(c);
    }
}

static void replace(const cir__step *step, const char *text, size_t n_bytes, buffer *out)
{
    size_t n_content = strlen(step->content);
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 128 && (step->set[c / 64] >> (c % 64) & 1) != 0)
            push(out, step->content, n_content);
        else
            push(out, text + i, 1);
    }
}

static void replace_runs(const cir__step *step, const char *text, size_t n_bytes, buffer *out)
{
    size_t n_run = 0;
    size_t begin = 0; /* of the run */
    for (size_t i = 0; i <= n_bytes;) {
        int32_t c = -1;
        size_t n = i < n_bytes ? next_character(text + i, n_bytes - i, &c) : 1;
        if (i < n_bytes && cir__spaces_have(step->spaces, c)) {
            begin = n_run == 0 ? i : begin;
            n_run++;
        } else {
            if (n_run >= step->n_least && n_run > 0)
                push(out, step->content, strlen(step->content));
            else if (n_run > 0)
                push(out, text + begin, i - begin);
            n_run = 0;
            if (i < n_bytes)
                push(out, text + i, n);
        }
        i += n;
    }
}

static void strip(const cir__step *step, const char *text, size_t n_bytes, buffer *out)
{
    size_t begin = 0;
    int32_t c;
    while (step->strips_left && begin < n_bytes) {
        size_t n = next_character(text + begin, n_bytes - begin, &c);
        if (!cir__spaces_have(step->spaces, c))
            break;
        begin += n;
    }
    size_t end = n_bytes;
    while (step->strips_right && end > begin) {
        size_t at = end - 1;
        while (at > begin && ((unsigned char)text[at] & 0xc0) == 0x80)
            at--;
        (void)next_character(text + at, end - at, &c);
        if (!cir__spaces_have(step->spaces, c))
            break;
        end = at;
    }
    push(out, text + begin, end - begin);
}

/* A grapheme that is short is looked up whole, and then whatever its shortest beginning becomes stands for
 * all of it: so does the reference. */
static void map_grapheme(const cir__charsmap *map, const char *text, size_t n_bytes, buffer *out)
{
    const char *to;
    size_t n_from;
    if (n_bytes <= MAX_GRAPHEME_BYTES && cir__charsmap_find(map, text, n_bytes, false, &to, &n_from)) {
        push(out, to, strlen(to));
        return;
    }
    for (size_t i = 0; i < n_bytes;) {
        int32_t c;
        size_t n = next_character(text + i, n_bytes - i, &c);
        if (cir__charsmap_find(map, text + i, n, false, &to, &n_from))
            push(out, to, strlen(to));
        else
            push(out, text + i, n);
        i += n;
    }
}

static void map_graphemes(const cir__charsmap *map, const char *text, size_t n_bytes, buffer *out)
{
    int32_t previous = 0;
    utf8proc_int32_t state = 0;
    size_t begin = 0;
    for (size_t i = 0; i < n_bytes;) {
        int32_t c;
        size_t n = next_character(text + i, n_bytes - i, &c);
        if (i > 0 && utf8proc_grapheme_break_stateful(previous, c, &state)) {
            map_grapheme(map, text + begin, i - begin, out);
            begin = i;
        }
        previous = c;
        i += n;
    }
    if (n_bytes > 0)
        map_grapheme(map, text + begin, n_bytes - begin, out);
}

/* What the text begins with, mapped, and how many bytes that takes. */
static size_t map_beginning(const cir__charsmap *map, const char *text, size_t n_bytes, const char **to_out,
                            size_t *n_to_out)
{
    size_t n_from;
    if (cir__charsmap_find(map, text, n_bytes, true, to_out, &n_from)) {
        *n_to_out = strlen(*to_out);
        return n_from;
    }
    int32_t c;
    *to_out = text;
    *n_to_out = next_character(text, n_bytes, &c);
    return *n_to_out;
}

static void run_sentencepiece(const cir__step *step, const cir__charsmap *map, const char *text,
                              size_t n_bytes, buffer *out)
{
    bool joins_spaces = step->strips_left;
    bool is_behind_space = joins_spaces; /* so that none comes first */
    for (size_t i = 0; i < n_bytes;) {
        const char *to;
        size_t n_to;
        i += map_beginning(map, text + i, n_bytes - i, &to, &n_to);
        while (is_behind_space && n_to > 0 && *to == ' ') {
            to++;
            n_to--;
        }
        for (size_t j = 0; j < n_to; j++)
            push(out, to[j] == ' ' ? SPACE_MARK : to + j, to[j] == ' ' ? N_SPACE_MARK : 1);
        if (n_to > 0)
            is_behind_space = joins_spaces && to[n_to - 1] == ' ';
    }
    while (joins_spaces && out->n >= N_SPACE_MARK &&
           memcmp(out->text + out->n - N_SPACE_MARK, SPACE_MARK, N_SPACE_MARK) == 0)
        out->n -= N_SPACE_MARK;
}

static void run(const cir__step *step, const cir__charsmap *map, const char *text, size_t n_bytes,
                buffer *out)
{
    switch (step->kind) {
    case CIR__STEP_LOWER:
    case CIR__STEP_LOWER_WORDS:
        lower(step, text, n_bytes, out);
        break;
    case CIR__STEP_REPLACE:
        replace(step, text, n_bytes, out);
        break;
    case CIR__STEP_REPLACE_RUNS:
        replace_runs(step, text, n_bytes, out);
        break;
    case CIR__STEP_STRIP:
        strip(step, text, n_bytes, out);
        break;
    case CIR__STEP_MAP:
        map_graphemes(map, text, n_bytes, out);
        break;
    case CIR__STEP_SENTENCEPIECE:
        run_sentencepiece(step, map, text, n_bytes, out);
        break;
    }
}

cir_status cir__steps_run(const cir__step *steps, size_t n_steps, const cir__charsmap *map, const char *text,
                          size_t n_bytes, cir__text *text_out, cir_error *err)
{
    *text_out = (cir__text){0};
    buffer from = {0};
    push(&from, text, n_bytes);
    for (size_t i = 0; i < n_steps && !from.is_short && !from.is_over; i++) {
        buffer to = {0};
        push(&to, "", 0); /* so that an empty text is one too */
        run(&steps[i], map, from.text, from.n, &to);
        free(from.text);
        from = to;
    }
    if (from.is_short || from.is_over) {
        free(from.text);
        return from.is_short
                   ? cir__fail_memory(err, "normalising a text")
                   : cir__fail(err, CIR_LIMIT,
                               "text: normalised it has more than %zu bytes; shorten the text", MAX_BYTES);
    }
    from.text[from.n] = '\0';
    *text_out = (cir__text){from.text, from.n};
    return CIR_OK;
}
