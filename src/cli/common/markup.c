#include "cli/common/markup.h"

#include <glib.h>

void cir__markup_text(FILE *file, const char *text)
{
    if (text == NULL)
        return;
    gchar *valid = g_utf8_make_valid(text, -1);
    for (const gchar *c = valid; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            fputs("&amp;", file);
            break;
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        case '\'':
            fputs("&#39;", file);
            break;
        case '\t':
        case '\n':
            fputc(' ', file);
            break;
        default:
            if ((unsigned char)*c < ' ' || *c == 0x7f)
                fputs("\xef\xbf\xbd", file); /* U+FFFD */
            else
                fputc(*c, file);
        }
    }
    g_free(valid);
}
