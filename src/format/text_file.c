#include "format/text_file.h"

#include <string.h>

#include "base/error.h"

/* How many characters tell UTF-16 without a mark: their zero bytes stand on one side alone. */
#define N_TELLING 16

static bool starts_with(const cir__bytes_view *text, const char *bytes, size_t n)
{
    return text->size >= n && memcmp(text->data, bytes, n) == 0;
}

/* The name of an encoding that is not UTF-8; NULL: it may be. */
static const char *find_encoding(const cir__bytes_view *text)
{
    size_t n_zeros[2] = {0, 0};
    const size_t n = text->size / 2 < N_TELLING ? text->size / 2 : N_TELLING;

    if (starts_with(text, "\xff\xfe\0\0", 4) || starts_with(text, "\0\0\xfe\xff", 4))
        return "UTF-32";
    if (starts_with(text, "\xff\xfe", 2) || starts_with(text, "\xfe\xff", 2))
        return "UTF-16";
    for (size_t i = 0; i < 2 * n; i++)
        n_zeros[i % 2] += text->data[i] == 0;
    return n > 0 && ((n_zeros[0] == 0 && n_zeros[1] == n) || (n_zeros[1] == 0 && n_zeros[0] == n)) ? "UTF-16"
                                                                                                   : NULL;
}

static bool take_mark(cir__bytes_view *text)
{
    if (!starts_with(text, "\xef\xbb\xbf", 3))
        return false;
    text->data += 3;
    text->size -= 3;
    return true;
}

cir_status cir__text_file_begin(cir__bytes_view *text, cir_error *err)
{
    const char *const encoding = find_encoding(text);

    if (encoding != NULL)
        return cir__fail(err, CIR_FORMAT, "%s: is %s; save it as UTF-8", text->name, encoding);
    (void)take_mark(text);
    return CIR_OK;
}

bool cir__text_file_take_line(cir__bytes_view *rest, cir__bytes_view *line_out)
{
    size_t n = 0;

    /* At the head of any line, as files that were joined have them. */
    while (take_mark(rest))
        ;
    if (rest->size == 0)
        return false;
    while (n < rest->size && rest->data[n] != '\n' && rest->data[n] != '\r')
        n++;
    *line_out = (cir__bytes_view){rest->data, n, rest->name};
    if (n + 1 < rest->size && rest->data[n] == '\r' && rest->data[n + 1] == '\n')
        n++;
    n += n < rest->size;
    rest->data += n;
    rest->size -= n;
    return true;
}
