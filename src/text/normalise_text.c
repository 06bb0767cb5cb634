#include "text/normalise_text.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/memory.h"

/* Bytes of the character at text, or 0 and the length of the ill-formed run in n_bad_out. */
static size_t measure_character(const uint8_t *text, size_t n_bytes, size_t *n_bad_out)
{
    uint8_t first = text[0];
    uint8_t low = 0x80,
            high = 0xbf; /* of the second byte: keeps out overlong forms, surrogates, > U+10FFFF */
    size_t n = 1;
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf) {
        n = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        n = 3;
        low = first == 0xe0 ? 0xa0 : 0x80;
        high = first == 0xed ? 0x9f : 0xbf;
    } else if (first >= 0xf0 && first <= 0xf4) {
        n = 4;
        low = first == 0xf0 ? 0x90 : 0x80;
        high = first == 0xf4 ? 0x8f : 0xbf;
    }
    size_t i = 1;
    while (i < n && i < n_bytes && text[i] >= low && text[i] <= high) {
        i++;
        low = 0x80;
        high = 0xbf;
    }
    if (n > 1 && i == n)
        return n;
    *n_bad_out = i;
    return 0;
}

cir_status cir__normalise_repair(const char *text, size_t n_bytes, cir__text *text_out, cir_error *err)
{
    *text_out = (cir__text){0};
    size_t size;
    char *out = NULL;
    /* A bad byte becomes the three of U+FFFD. */
    if (cir__size_mul(n_bytes, 3, &size) && cir__size_add(size, 1, &size))
        out = malloc(size);
    if (out == NULL)
        return cir__fail_memory(err, "reading a text");
    size_t n = 0;
    for (size_t i = 0; i < n_bytes;) {
        size_t n_bad = 0;
        size_t n_good = measure_character((const uint8_t *)text + i, n_bytes - i, &n_bad);
        if (n_good > 0)
            memcpy(out + n, text + i, n_good);
        else
            memcpy(out + n, "\xef\xbf\xbd", 3);
        n += n_good > 0 ? n_good : 3;
        i += n_good > 0 ? n_good : n_bad;
    }
    out[n] = '\0';
    *text_out = (cir__text){out, n};
    return CIR_OK;
}

static bool is_ascii(const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

static cir_status fold_ascii(const char *text, size_t n_bytes, cir__text *text_out, cir_error *err)
{
    char *out = malloc(n_bytes + 1);
    if (out == NULL)
        return cir__fail_memory(err, "normalising a text");
    for (size_t i = 0; i < n_bytes; i++)
        out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
    out[n_bytes] = '\0';
    *text_out = (cir__text){out, n_bytes};
    return CIR_OK;
}

static bool has_too_many_marks(const char *text, size_t n_bytes)
{
    size_t n_marks = 0;
    for (size_t i = 0; i < n_bytes;) {
        utf8proc_int32_t c;
        i +=
            (size_t)utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(n_bytes - i), &c);
        n_marks = utf8proc_get_property(c)->combining_class != 0 ? n_marks + 1 : 0;
        if (n_marks > CIR__NORMALISE_MAX_MARKS)
            return true;
    }
    return false;
}

/* Composes, and makes every character lower case where `folds`. */
static cir_status compose(const char *text, size_t n_bytes, bool folds, cir__text *text_out, cir_error *err)
{
    if (has_too_many_marks(text, n_bytes))
        return cir__fail(err, CIR_LIMIT, "text: more than %d combining marks in a row; shorten the text",
                         CIR__NORMALISE_MAX_MARKS);

    cir_status status = CIR_OK;
    utf8proc_int32_t *characters = NULL;
    char *out = NULL;
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_ssize_t n = -1;
    if (n_bytes <= INT_MAX / 16)
        n = utf8proc_decompose(bytes, (utf8proc_ssize_t)n_bytes, NULL, 0, options);
    if (n >= 0)
        characters = malloc(((size_t)n + 1) * sizeof *characters);
    if (characters != NULL)
        n = utf8proc_decompose(bytes, (utf8proc_ssize_t)n_bytes, characters, n, options);
    if (characters != NULL && n >= 0)
        n = utf8proc_normalize_utf32(characters, n, options);
    if (characters != NULL && n >= 0)
        out = malloc((size_t)n * 4 + 1);
    if (out == NULL) {
        status = cir__fail_memory(err, "normalising a text");
        goto done;
    }
    size_t n_out = 0;
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        if (!folds) {
            n_out += (size_t)utf8proc_encode_char(characters[i], (utf8proc_uint8_t *)out + n_out);
        } else if (characters[i] == 0x130) {
            /* The only character whose lower case is two; utf8proc knows mappings to one alone. */
            memcpy(out + n_out, "i\xcc\x87", 3);
            n_out += 3;
        } else {
            n_out += (size_t)utf8proc_encode_char(utf8proc_tolower(characters[i]),
                                                  (utf8proc_uint8_t *)out + n_out);
        }
    }
    out[n_out] = '\0';
    *text_out = (cir__text){out, n_out};
done:
    free(characters);
    return status;
}

cir_status cir__normalise_fold(const char *text, size_t n_bytes, cir__text *text_out, cir_error *err)
{
    *text_out = (cir__text){0};
    return is_ascii(text, n_bytes) ? fold_ascii(text, n_bytes, text_out, err)
                                   : compose(text, n_bytes, true, text_out, err);
}

cir_status cir__normalise_compose(const char *text, size_t n_bytes, cir__text *text_out, cir_error *err)
{
    *text_out = (cir__text){0};
    return compose(text, n_bytes, false, text_out, err);
}
