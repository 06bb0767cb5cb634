/* A file of texts, one a line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utf8proc.h>

#include "base/error.h"
#include "base/memory.h"
#include "cir/model.h"
#include "format/text_file.h"
#include "text/steps.h"

#define MAX_BYTES ((size_t)1 << 30)
#define PIECE_BYTES ((size_t)64 << 10)

/* Control and format characters, such as a byte order mark or a space of no width. */
static bool is_invisible(utf8proc_int32_t character)
{
    const utf8proc_category_t category = utf8proc_category(character);

    return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF;
}

bool cir_text_is_blank(const char *text)
{
    const uint8_t *next = (const uint8_t *)text;
    utf8proc_int32_t character;

    while (next != NULL && *next != '\0') {
        const utf8proc_ssize_t n = utf8proc_iterate(next, -1, &character);
        if (n <= 0 || !(cir__spaces_have(CIR__SPACES_PYTHON, character) || is_invisible(character)))
            return false;
        next += n;
    }
    return true;
}

/* All that a file, a pipe or a terminal gives. Free with free(). */
static cir_status read_all(int fd, const char *name, char **bytes_out, size_t *size_out, cir_error *err)
{
    void *bytes = NULL;
    size_t capacity = 0, size = 0;

    for (;;) {
        if (size == MAX_BYTES) {
            free(bytes);
            return cir__fail(err, CIR_LIMIT, "%s: is larger than %zu bytes; split it", name, MAX_BYTES);
        }
        if (!cir__grow(&bytes, &capacity, size + PIECE_BYTES, 1)) {
            free(bytes);
            return cir__fail_memory(err, name);
        }
        const ssize_t n = read(fd, (char *)bytes + size, PIECE_BYTES);
        if (n < 0 && errno != EINTR) {
            free(bytes);
            return cir__fail_errno(err, errno, "%s: cannot be read; name a file with one text a line", name);
        }
        if (n == 0)
            break;
        size += n > 0 ? (size_t)n : 0;
    }
    *bytes_out = bytes;
    *size_out = size;
    return CIR_OK;
}

/* One block: the pointers, then the texts that they point to. */
static cir_status list_lines(cir__bytes_view text, cir_texts *texts_out, cir_error *err)
{
    cir__bytes_view rest = text, line;
    size_t n = 0, n_pointers, n_bytes;

    while (cir__text_file_take_line(&rest, &line)) {
        n++;
        if (line.size > 0 && memchr(line.data, '\0', line.size) != NULL)
            return cir__fail(err, CIR_FORMAT, "%s:%zu: holds a zero byte; it is not a text file", text.name,
                             n);
    }
    void *memory =
        cir__size_mul(n, sizeof(char *), &n_pointers) && cir__size_add(n_pointers, text.size + 2, &n_bytes)
            ? cir__new_unset(n_bytes, 1)
            : NULL;
    if (memory == NULL)
        return cir__fail_memory(err, text.name);
    const char **items = memory;
    char *next = (char *)memory + n_pointers;
    rest = text;
    *texts_out = (cir_texts){.items = items, .n = n};
    for (size_t i = 0; i < n && cir__text_file_take_line(&rest, &line); i++) {
        items[i] = next;
        memcpy(next, line.data, line.size);
        next[line.size] = '\0';
        next += line.size + 1;
        if (cir_text_is_blank(items[i]) && texts_out->n_empty++ == 0)
            texts_out->first_empty = i + 1;
    }
    return CIR_OK;
}

cir_status cir_texts_read(int fd, const char *name, cir_texts *texts_out, cir_error *err)
{
    char *bytes = NULL;
    size_t size = 0;

    cir__error_clear(err);
    *texts_out = (cir_texts){0};
    cir_status status = read_all(fd, name, &bytes, &size, err);
    cir__bytes_view text = {(const uint8_t *)bytes, size, name};
    if (status == CIR_OK)
        status = cir__text_file_begin(&text, err);
    if (status == CIR_OK)
        status = list_lines(text, texts_out, err);
    free(bytes);
    return status;
}

void cir_texts_done(cir_texts *texts)
{
    free((void *)texts->items);
    *texts = (cir_texts){0};
}
