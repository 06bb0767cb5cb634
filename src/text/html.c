#include "text/html.h"

#include <string.h>
#include <utf8proc.h>

#include "shared/embedded.h"
#include "text/charmaps.h"

extern const cir__embedded_file cir__html_files[]; /* html_entities.txt alone: its lines sorted by name */

/* Longest name that is looked at, without "&" and with ";": HTML's longest has 32. */
#define MAX_NAME 32
#define REPLACEMENT 0xfffd

/* Compares a name with a line's, which ends at a tab. */
static int compare(const char *name, size_t n, const char *line)
{
    for (size_t i = 0; i < n; i++) {
        if (line[i] == '\t')
            return 1;
        if (name[i] != line[i])
            return (unsigned char)name[i] < (unsigned char)line[i] ? -1 : 1;
    }
    return line[n] == '\t' ? 0 : -1;
}

/* What a name stands for, as it is written in the list up to its line's end; NULL: nothing. */
static const char *find(const char *name, size_t n)
{
    const char *low = (const char *)cir__html_files[0].bytes, *high = low + cir__html_files[0].size;
    while (low < high) {
        const char *line = low + (high - low) / 2;
        while (line > low && line[-1] != '\n')
            line--;
        int order = compare(name, n, line);
        if (order == 0)
            return line + n + 1;
        if (order < 0)
            high = line;
        else
            low = (const char *)memchr(line, '\n', (size_t)(high - line)) + 1;
    }
    return NULL;
}

static void push_meaning(cir__characters *out, const char *meaning)
{
    const size_t n = strcspn(meaning, "\n"); /* a zero byte stands behind the last line */
    if (n == 2 && meaning[0] == '\\')
        cir__characters_push(out, meaning[1] == 'n' ? '\n' : '\t');
    else
        cir__characters_parse(out, meaning, n);
}

/* Numbers that are no characters: what browsers make of them. −1: nothing. */
static int32_t correct_number(uint64_t number)
{
    if (number >= 0x80 && number <= 0x9f)
        return cir__charmaps[CIR__CHARMAP_WINDOWS_1252][number - 0x80];
    if (number == 0 || (number >= 0xd800 && number <= 0xdfff) || number > 0x10ffff)
        return REPLACEMENT;
    if ((number >= 1 && number <= 8) || number == 0xb || (number >= 0xe && number <= 0x1f) ||
        number == 0x7f || (number >= 0xfdd0 && number <= 0xfdef) || (number & 0xfffe) == 0xfffe)
        return -1;
    return (int32_t)number;
}

static int digit_of(int32_t c, unsigned base)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (base == 16 && ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') && c < 0x80)
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* A number behind "&#": how many characters it takes from there, its semicolon included; 0: it is none. */
static size_t read_number(const int32_t *text, size_t n, uint64_t *number_out, bool *is_closed_out)
{
    const unsigned base = n > 0 && (text[0] == 'x' || text[0] == 'X') ? 16 : 10;
    const size_t begin = base == 16 ? 1 : 0;
    size_t i = begin;
    *number_out = 0;
    for (; i < n && digit_of(text[i], base) >= 0; i++)
        if (*number_out <= 0x110000)
            *number_out = *number_out * base + (unsigned)digit_of(text[i], base);
    if (i == begin)
        return 0;
    *is_closed_out = i < n && text[i] == ';';
    return i + *is_closed_out;
}

/* A name's ASCII letters and digits and the semicolon behind them into name_out. */
static size_t read_name(const int32_t *text, size_t n, char name_out[MAX_NAME + 1])
{
    size_t i = 0;
    for (; i < n && i < MAX_NAME && text[i] > 0 && text[i] < 0x80; i++) {
        const int32_t c = text[i];
        if (!(digit_of(c, 10) >= 0 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')))
            break;
        name_out[i] = (char)c;
    }
    if (i < n && text[i] == ';')
        name_out[i++] = ';';
    return i;
}

/* What stands behind an "&": how many of its characters are resolved. */
static size_t resolve(const int32_t *text, size_t n, cir__characters *out)
{
    char name[MAX_NAME + 1];
    bool is_closed;
    if (n > 1 && text[0] == '#') {
        uint64_t number;
        size_t size = read_number(text + 1, n - 1, &number, &is_closed);
        if (size == 0)
            return 0;
        int32_t c = number == '\r' ? '\r' : correct_number(number);
        if (c >= 0)
            cir__characters_push(out, c);
        return size + 1;
    }
    /* The longest beginning that is a name. */
    for (size_t size = read_name(text, n, name); size > 1; size--) {
        const char *meaning = find(name, size);
        if (meaning != NULL) {
            push_meaning(out, meaning);
            return size;
        }
    }
    return 0;
}

void cir__html_unescape(const int32_t *text, size_t n, cir__characters *out)
{
    for (size_t i = 0; i < n;) {
        size_t size = text[i] == '&' ? resolve(text + i + 1, n - i - 1, out) : 0;
        if (size == 0)
            cir__characters_push(out, text[i]);
        i += 1 + size;
    }
}

static bool lower_name(char *name, size_t n)
{
    bool is_capital = false;
    for (size_t i = 0; i < n; i++) {
        if (name[i] >= 'a' && name[i] <= 'z')
            return false;
        is_capital = is_capital || (name[i] >= 'A' && name[i] <= 'Z');
        name[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
    }
    return is_capital;
}

static size_t resolve_cautiously(const int32_t *text, size_t n, cir__characters *out)
{
    enum { MAX_CAUTIOUS = 25 };
    char name[MAX_NAME + 1];
    bool is_closed = false;
    if (n > 1 && text[0] == '#') {
        uint64_t number;
        size_t size = read_number(text + 1, n - 1, &number, &is_closed);
        return is_closed && size <= MAX_CAUTIOUS ? resolve(text, n, out) : 0;
    }
    size_t size = read_name(text, n, name);
    if (size < 2 || size > MAX_CAUTIOUS || name[size - 1] != ';')
        return 0;
    const char *meaning = find(name, size);
    bool is_capital = meaning == NULL && lower_name(name, size);
    if (is_capital)
        meaning = find(name, size);
    if (meaning == NULL)
        return 0;
    size_t first = out->n;
    push_meaning(out, meaning);
    for (size_t i = first; i < out->n && is_capital; i++)
        out->items[i] = utf8proc_toupper(out->items[i]);
    return size;
}

void cir__html_unescape_cautiously(const int32_t *text, size_t n, cir__characters *out)
{
    for (size_t i = 0; i < n;) {
        size_t size = text[i] == '&' ? resolve_cautiously(text + i + 1, n - i - 1, out) : 0;
        if (size == 0)
            cir__characters_push(out, text[i]);
        i += 1 + size;
    }
}
