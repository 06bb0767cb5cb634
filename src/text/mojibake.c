#include "text/mojibake.h"

#include <utf8proc.h>

#include "text/charmaps.h"

#define MAX_CHARACTERS ((size_t)64 << 10)
#define MAX_ROUNDS 8 /* text that was spoiled twice is rare, and every round makes it shorter */
#define LATIN_1 (-1)

/* The byte that a character stands for; −1: it does not. */
static int byte_of(int32_t c, int charmap)
{
    if (c < 0x80)
        return c;
    if (charmap == LATIN_1)
        return c <= 0xff ? c : -1;
    for (int i = 0; i < 128; i++)
        if (cir__charmaps[charmap][i] == c)
            return 0x80 + i;
    /* What programs leave of bytes that an encoding does not assign. */
    return charmap == CIR__CHARMAP_WINDOWS_1252 && c >= 0x80 && c <= 0x9f ? c : -1;
}

/* How many characters from i on are one well-formed sequence of 2 to 4 bytes, and which character that is; 0:
 * none. */
static size_t read_sequence(const cir__characters *text, size_t i, int charmap, int32_t *character_out)
{
    uint8_t bytes[4];
    size_t n = 0;
    for (; n < 4 && i + n < text->n; n++) {
        int byte = byte_of(text->items[i + n], charmap);
        if (byte < 0x80 || (n == 0) != (byte >= 0xc2))
            break;
        bytes[n] = (uint8_t)byte;
    }
    for (; n >= 2; n--) {
        utf8proc_int32_t c;
        if (utf8proc_iterate(bytes, (utf8proc_ssize_t)n, &c) == (utf8proc_ssize_t)n) {
            *character_out = c;
            return n;
        }
    }
    return 0;
}

static bool is_small(int32_t c)
{
    return utf8proc_category(c) == UTF8PROC_CATEGORY_LL;
}

static bool is_one_of(int32_t c, const uint16_t *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c == known[i])
            return true;
    return false;
}
#define IS_ONE_OF(c, known) is_one_of(c, known, sizeof(known) / sizeof *(known))

/* Whether a letter and what is behind it may both have been meant: a capital before a quote, a dash, an
 * ellipsis, or a sign of trade, degree or number. */
static bool may_be_meant(int32_t first, int32_t second)
{
    static const uint16_t signs[] = {0x2013, 0x2026, 0x2022, 0x2122, 0xa9, 0xae, 0xb0, 0xb2,
                                     0xb3,   0xb7,   0xb9,   0xba,   0xa1, 0xa7, 0xbf};
    static const uint16_t marks[] = {0x2018, 0x2019, 0x201a, 0x201c, 0x201d, 0x201e, 0x2014,
                                     0x2039, 0x203a, 0xa0,   0xaa,   0xab,   0xb4,   0xbb};
    static const uint16_t seldom_last[] = {0xc4, 0xc5, 0xce, 0xd0, 0xd8}; /* Ä Å Î Ð Ø */
    return IS_ONE_OF(second, marks) || (IS_ONE_OF(second, signs) && !IS_ONE_OF(first, seldom_last));
}

/* "Ã " for "à", whose second byte was a no-break space, before it was made an ordinary one. */
static bool is_lost_space(const cir__characters *text, size_t i)
{
    if (text->items[i] != 0xc3 || i + 1 >= text->n || text->items[i + 1] != ' ')
        return false;
    const int32_t before = i > 0 ? text->items[i - 1] : ' ';
    return is_small(before) || before == ' ';
}

static bool is_letter_at(const cir__characters *text, size_t i)
{
    const utf8proc_category_t kind = utf8proc_category(text->items[i]);
    return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

/* Whether a sequence of windows-1252, or of ISO 8859-1, is evidence by itself. */
static bool is_evidence(const cir__characters *text, size_t i, size_t n, int32_t meant)
{
    const int32_t first = text->items[i], second = text->items[i + 1];
    const int32_t before = i > 0 ? text->items[i - 1] : ' ';
    const int32_t behind = i + n < text->n ? text->items[i + n] : ' ';
    const utf8proc_category_t kind = utf8proc_category(second);
    const bool is_among_small = is_small(before) || (i == 0 && is_small(behind));

    if (utf8proc_category(meant) == UTF8PROC_CATEGORY_CN || utf8proc_category(meant) == UTF8PROC_CATEGORY_CO)
        return false;
    if (n >= 3 || kind == UTF8PROC_CATEGORY_CC)
        return true;
    if (is_small(first)) /* ß */
        return false;
    const bool is_letter = kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL;
    if (first == 0xc2) /* Â: what it precedes is what was meant */
        return !is_letter &&
               (!may_be_meant(first, second) || second == 0xa0 || !is_among_small || is_small(before));
    if (first == 0xc3 && second == 0xa0)
        return is_small(before) || before == ' ';
    if (first == 0xc3 && i > 0 && is_letter_at(text, i - 1) && i + n < text->n && is_letter_at(text, i + n))
        return true; /* ESPAÃ‘A */
    if (is_letter)
        return is_among_small && is_small(behind) == is_small(before);
    return !may_be_meant(first, second) || is_among_small;
}

/* Reads the whole text again in that encoding; false: something of it is not well-formed, or there is too
 * little of it to tell. */
static bool read_again(const cir__characters *text, int charmap, cir__characters *out)
{
    const bool is_western = charmap == LATIN_1 || CIR__CHARMAP_IS_LATIN(charmap);
    size_t n_sequences = 0, n_long = 0, n_evidence = 0;
    bool is_sign_among_small = false;
    for (size_t i = 0; i < text->n;) {
        int32_t meant;
        size_t n = text->items[i] < 0x80 ? 0 : read_sequence(text, i, charmap, &meant);
        if (text->items[i] < 0x80) {
            cir__characters_push(out, text->items[i++]);
        } else if (n > 0) {
            n_sequences++;
            n_long += n > 2;
            is_sign_among_small =
                is_sign_among_small || (i > 0 && is_small(text->items[i - 1]) && !is_letter_at(text, i));
            n_evidence += is_western && is_evidence(text, i, n, meant);
            cir__characters_push(out, meant);
            i += n;
        } else if (is_western && is_lost_space(text, i)) {
            n_evidence++;
            cir__characters_push(out, 0xe0);
            i++;
        } else {
            return false;
        }
    }
    return is_western ? n_evidence > 0 : n_long > 0 || n_sequences > 1 || is_sign_among_small;
}

/* Replaces what is evidence, and leaves the rest. */
static bool mend_pieces(const cir__characters *text, cir__characters *out)
{
    bool is_changed = false;
    for (size_t i = 0; i < text->n;) {
        int32_t meant;
        size_t n = text->items[i] < 0x80 ? 0 : read_sequence(text, i, CIR__CHARMAP_WINDOWS_1252, &meant);
        bool is_meant = n > 0 && is_evidence(text, i, n, meant);
        bool is_lost = n == 0 && is_lost_space(text, i);
        cir__characters_push(out, is_meant ? meant : is_lost ? 0xe0 : text->items[i]);
        is_changed = is_changed || is_meant || is_lost;
        i += is_meant ? n : 1;
    }
    return is_changed;
}

static bool mend_once(cir__characters *text)
{
    cir__characters out = {0};
    bool is_mended = false;
    for (int charmap = LATIN_1; charmap < CIR__N_CHARMAPS && !is_mended; charmap++) {
        out.n = 0;
        is_mended = read_again(text, charmap, &out);
    }
    if (!is_mended) {
        out.n = 0;
        is_mended = mend_pieces(text, &out);
    }
    if (is_mended)
        cir__characters_take(text, &out);
    cir__characters_done(&out);
    return is_mended;
}

void cir__mojibake_mend(cir__characters *text)
{
    bool is_plain = true;
    for (size_t i = 0; i < text->n && is_plain; i++)
        is_plain = text->items[i] < 0x80;
    if (is_plain || text->n > MAX_CHARACTERS)
        return;
    for (int round = 0; round < MAX_ROUNDS && mend_once(text); round++)
        ;
}
