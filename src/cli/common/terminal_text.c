#include "cli/common/terminal_text.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_harmless(gunichar c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return false;
    default:
        return true;
    }
}

static size_t columns_of(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

char *cir__terminal_text_new(const char *bytes)
{
    /* Each byte becomes at most four; three more let an ellipsis follow. */
    size_t size = strlen(bytes);
    char *text = size < (SIZE_MAX - 4) / 4 ? malloc(4 * size + 4) : NULL;
    if (text == NULL)
        return NULL;
    char *to = text;
    for (const char *end = bytes + size; bytes < end;) {
        gunichar c = g_utf8_get_char_validated(bytes, end - bytes);
        bool is_character = c != (gunichar)-1 && c != (gunichar)-2;
        size_t n = is_character ? (size_t)(g_utf8_next_char(bytes) - bytes) : 1;
        if (is_character && is_harmless(c)) {
            memcpy(to, bytes, n);
            to += n;
        } else {
            for (size_t i = 0; i < n; i++)
                to += sprintf(to, "\\x%02x", (unsigned char)bytes[i]);
        }
        bytes += n;
    }
    *to = '\0';
    return text;
}

size_t cir__terminal_text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text = g_utf8_next_char(text))
        width += columns_of(g_utf8_get_char(text));
    return width;
}

size_t cir__terminal_text_cut(char *text, size_t n_columns)
{
    size_t width = 0;
    size_t kept_width = 0; /* of the longest beginning that leaves room for the ellipsis */
    char *kept_end = text;
    for (char *at = text; *at != '\0';) {
        width += columns_of(g_utf8_get_char(at));
        if (width > n_columns) {
            if (n_columns == 0) {
                *text = '\0';
                return 0;
            }
            memcpy(kept_end, "…", sizeof "…");
            return kept_width + 1;
        }
        at = g_utf8_next_char(at);
        if (width + 1 <= n_columns) {
            kept_width = width;
            kept_end = at;
        }
    }
    return width;
}
