#include "text/clean.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "text/characters.h"
#include "text/charmaps.h"
#include "text/html.h"
#include "text/mojibake.h"
#include "text/steps.h"

#define MAX_ROUNDS 16 /* steps are repeated until nothing changes, which is seldom more than twice */

/* What a ligature or digraph is made of; NULL: it is none. Zero-terminated. */
static const int32_t *find_parts(int32_t c)
{
    static const struct {
        int32_t ligature;
        int32_t parts[4];
    } known[] = {
        {0x132, {'I', 'J'}},    {0x133, {'i', 'j'}},   {0x149, {0x2bc, 'n'}},     {0x1c4, {'D', 0x17d}},
        {0x1c5, {'D', 0x17e}},  {0x1c6, {'d', 0x17e}}, {0x1c7, {'L', 'J'}},       {0x1c8, {'L', 'j'}},
        {0x1c9, {'l', 'j'}},    {0x1ca, {'N', 'J'}},   {0x1cb, {'N', 'j'}},       {0x1cc, {'n', 'j'}},
        {0x1f1, {'D', 'Z'}},    {0x1f2, {'D', 'z'}},   {0x1f3, {'d', 'z'}},       {0xfb00, {'f', 'f'}},
        {0xfb01, {'f', 'i'}},   {0xfb02, {'f', 'l'}},  {0xfb03, {'f', 'f', 'i'}}, {0xfb04, {'f', 'f', 'l'}},
        {0xfb05, {0x17f, 't'}}, {0xfb06, {'s', 't'}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].ligature == c)
            return known[i].parts;
    return NULL;
}

static bool is_dropped(int32_t c)
{
    return (c >= 0 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f ||
           (c >= 0x206a && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffc);
}

/* Full-width and half-width forms as the ordinary ones. */
static void push_width(cir__characters *out, int32_t c)
{
    utf8proc_uint8_t bytes[5];
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    n = utf8proc_map(bytes, n, &mapped, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    if (n > 0)
        cir__characters_parse(out, (const char *)mapped, (size_t)n);
    else
        out->is_short = true;
    free(mapped);
}

/* One character under the steps that look at nothing else. */
static void push_mended(cir__characters *out, int32_t c)
{
    const int32_t *parts = c >= 0x132 ? find_parts(c) : NULL;
    if (c >= 0x80 && c <= 0x9f) /* a control character that windows-1252 has a sign for */
        cir__characters_push(out, cir__charmaps[CIR__CHARMAP_WINDOWS_1252][c - 0x80]);
    else if (parts != NULL)
        for (; *parts != 0; parts++)
            cir__characters_push(out, *parts == 0x2bc ? '\'' : *parts);
    else if (c == 0x3000)
        cir__characters_push(out, ' ');
    else if (c >= 0xff01 && c <= 0xffef)
        push_width(out, c);
    else if (c == 0x2bc || (c >= 0x2018 && c <= 0x201b))
        cir__characters_push(out, '\'');
    else if (c >= 0x201c && c <= 0x201f)
        cir__characters_push(out, '"');
    else if (c == '\r' || c == 0x2028 || c == 0x2029)
        cir__characters_push(out, '\n');
    else if (!is_dropped(c))
        cir__characters_push(out, c);
}

/* A terminal's command: ESC, "[", numbers and semicolons, a letter. Its length; 0: it is none. */
static size_t measure_escape(const int32_t *text, size_t n)
{
    size_t i = 2;
    if (n < 3 || text[0] != 0x1b || text[1] != '[')
        return 0;
    while (i < n && ((text[i] >= '0' && text[i] <= '9') || text[i] == ';'))
        i++;
    return i < n && text[i] < 0x80 && ((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z') ? i + 1 : 0;
}

/* Composed (NFC). */
static cir_status compose(cir__characters *text, cir_error *err)
{
    cir__text bytes, composed;
    cir_status status = cir__characters_format(text, &bytes, err);
    if (status != CIR_OK)
        return status;
    status = cir__normalise_compose(bytes.text, bytes.n_bytes, &composed, err);
    free(bytes.text);
    if (status != CIR_OK)
        return status;
    text->n = 0;
    cir__characters_parse(text, composed.text, composed.n_bytes);
    free(composed.text);
    return CIR_OK;
}

/* All steps once. */
static cir_status mend_once(cir__characters *text, bool unescapes, cir_error *err)
{
    cir__characters out = {0};
    if (unescapes) {
        cir__html_unescape_cautiously(text->items, text->n, &out);
        cir__characters_take(text, &out);
    }
    cir__mojibake_mend(text);
    for (size_t i = 0; i < text->n;) {
        size_t n_escape = measure_escape(text->items + i, text->n - i);
        if (n_escape == 0)
            push_mended(&out, text->items[i]);
        i += n_escape > 0 ? n_escape : 1;
    }
    cir__characters_take(text, &out);
    return compose(text, err);
}

/* A line, until nothing changes. */
static cir_status mend_line(cir__characters *line, bool unescapes, cir_error *err)
{
    cir_status status = CIR_OK;
    bool is_done = false;
    for (int round = 0; round < MAX_ROUNDS && !is_done && status == CIR_OK; round++) {
        cir__characters before = {0};
        cir__characters_push_all(&before, line->items, line->n);
        status = mend_once(line, unescapes, err);
        is_done = before.is_short || cir__characters_are_equal(&before, line);
        line->is_short = line->is_short || before.is_short;
        cir__characters_done(&before);
    }
    return status;
}

static cir_status mend(const char *text, size_t n_bytes, cir__characters *out, cir_error *err)
{
    cir_status status = CIR_OK;
    cir__characters line = {0};
    bool unescapes = true;
    for (size_t i = 0; i < n_bytes && status == CIR_OK;) {
        const char *end = memchr(text + i, '\n', n_bytes - i);
        size_t n = end != NULL ? (size_t)(end - text) + 1 - i : n_bytes - i;
        line.n = 0;
        cir__characters_parse(&line, text + i, n);
        /* A tag: references are left as its writer wants them, from here on. */
        unescapes = unescapes && memchr(text + i, '<', n) == NULL;
        status = mend_line(&line, unescapes, err);
        cir__characters_push_all(out, line.items, line.n);
        out->is_short = out->is_short || line.is_short;
        i += n;
    }
    cir__characters_done(&line);
    return status;
}

cir_status cir__clean_mend(const char *text, size_t n_bytes, cir__text *text_out, cir_error *err)
{
    cir__characters mended = {0};
    *text_out = (cir__text){0};
    cir_status status = mend(text, n_bytes, &mended, err);
    if (status == CIR_OK)
        status = cir__characters_format(&mended, text_out, err);
    cir__characters_done(&mended);
    return status;
}

/* Runs of white space as one space, none at the ends. */
static void squeeze(cir__characters *text)
{
    size_t n = 0;
    bool is_behind_space = true;
    for (size_t i = 0; i < text->n; i++) {
        bool is_space = cir__spaces_have(CIR__SPACES_PYTHON, text->items[i]);
        if (!is_space || !is_behind_space)
            text->items[n++] = is_space ? ' ' : text->items[i];
        is_behind_space = is_space;
    }
    text->n = n > 0 && text->items[n - 1] == ' ' ? n - 1 : n;
}

cir_status cir__clean(const char *text, size_t n_bytes, cir__text *text_out, cir_error *err)
{
    cir__characters cleaned = {0}, out = {0};
    *text_out = (cir__text){0};
    cir_status status = mend(text, n_bytes, &cleaned, err);
    for (int i = 0; i < 2 && status == CIR_OK; i++) {
        cir__html_unescape(cleaned.items, cleaned.n, &out);
        cir__characters_take(&cleaned, &out);
    }
    squeeze(&cleaned);
    if (status == CIR_OK)
        status = cir__characters_format(&cleaned, text_out, err);
    cir__characters_done(&cleaned);
    cir__characters_done(&out);
    return status;
}
