#include "text/characters.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/memory.h"

void cir__characters_push_all(cir__characters *self, const int32_t *characters, size_t n)
{
    void *items = self->items;
    if (self->is_short || n == 0)
        return;
    self->is_short = !cir__grow(&items, &self->capacity, self->n + n, sizeof *self->items);
    self->items = items;
    if (self->is_short)
        return;
    memcpy(self->items + self->n, characters, n * sizeof *characters);
    self->n += n;
}

void cir__characters_push(cir__characters *self, int32_t character)
{
    cir__characters_push_all(self, &character, 1);
}

void cir__characters_parse(cir__characters *self, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes;) {
        utf8proc_int32_t character;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(n_bytes - i), &character);
        i += n > 0 ? (size_t)n : 1;
        cir__characters_push(self, n > 0 ? character : 0xfffd);
    }
}

void cir__characters_take(cir__characters *self, cir__characters *other)
{
    bool was_short = self->is_short;
    free(self->items);
    *self = *other;
    self->is_short = self->is_short || was_short;
    *other = (cir__characters){0};
}

bool cir__characters_are_equal(const cir__characters *a, const cir__characters *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->items, b->items, a->n * sizeof *a->items) == 0);
}

cir_status cir__characters_format(const cir__characters *self, cir__text *text_out, cir_error *err)
{
    size_t size;
    *text_out = (cir__text){0};
    char *text = !self->is_short && cir__size_mul(self->n, 4, &size) ? cir__new_unset(size + 1, 1) : NULL;
    if (text == NULL)
        return cir__fail_memory(err, "cleaning a text");
    size_t n = 0;
    for (size_t i = 0; i < self->n; i++)
        n += (size_t)utf8proc_encode_char(self->items[i], (utf8proc_uint8_t *)text + n);
    text[n] = '\0';
    *text_out = (cir__text){text, n};
    return CIR_OK;
}

void cir__characters_done(cir__characters *self)
{
    free(self->items);
    *self = (cir__characters){0};
}
