#include "format/pickle_machine.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

cir_status cir__pickle_machine_fail(const cir__pickle_machine *self, const char *what)
{
    return cir__fail(self->err, CIR_FORMAT, "%s: pickle, byte %zu: %s; download it again", self->bytes.name,
                     self->op_at, what);
}

static cir_status fail_memory(const cir__pickle_machine *self)
{
    return cir__fail_memory(self->err, self->bytes.name);
}

cir_status cir__pickle_machine_append(cir__pickle_machine *self, cir__pickle_numbers *list, uint32_t number)
{
    if (!cir__grow((void **)&list->items, &list->capacity, list->n + 1, sizeof *list->items))
        return fail_memory(self);
    list->items[list->n++] = number;
    return CIR_OK;
}

const uint8_t *cir__pickle_machine_take(cir__pickle_machine *self, uint64_t n)
{
    if (n > self->bytes.size - self->at)
        return NULL;
    const uint8_t *bytes = self->bytes.data + self->at;
    self->at += (size_t)n;
    return bytes;
}

bool cir__pickle_machine_take_number(cir__pickle_machine *self, size_t n, uint64_t *out)
{
    const uint8_t *bytes = cir__pickle_machine_take(self, n);
    *out = 0;
    for (size_t i = 0; i < n && bytes != NULL; i++)
        *out |= (uint64_t)bytes[i] << (8 * i);
    return bytes != NULL;
}

cir__pickle_value *cir__pickle_machine_get(const cir__pickle_machine *self, cir__pickle_ref ref)
{
    return &self->made->values[ref];
}

cir_status cir__pickle_machine_push(cir__pickle_machine *self, const cir__pickle_value *value)
{
    if (!cir__grow((void **)&self->made->values, &self->values_capacity, self->n_values + 1,
                   sizeof *self->made->values))
        return fail_memory(self);
    self->made->values[self->n_values++] = *value;
    return cir__pickle_machine_append(self, &self->stack, (uint32_t)(self->n_values - 1));
}

cir_status cir__pickle_machine_push_kind(cir__pickle_machine *self, cir__pickle_kind kind, int64_t number)
{
    return cir__pickle_machine_push(
        self, &(cir__pickle_value){
                  .kind = kind, .number = number, .first = CIR__PICKLE_NO_CELL, .last = CIR__PICKLE_NO_CELL});
}

cir_status cir__pickle_machine_push_text(cir__pickle_machine *self, const uint8_t *bytes, size_t n)
{
    if (bytes == NULL)
        return cir__pickle_machine_fail(self, "is cut short");
    if (memchr(bytes, 0, n) != NULL)
        return cir__pickle_machine_fail(self, "a text with a zero byte");
    /* Each opcode of a text is longer than its zero byte: all fit. */
    char *text = self->made->texts + self->n_text;
    memcpy(text, bytes, n);
    text[n] = '\0';
    self->n_text += n + 1;
    return cir__pickle_machine_push(self, &(cir__pickle_value){.kind = CIR__PICKLE_TEXT, .text = text});
}

cir_status cir__pickle_machine_pop(cir__pickle_machine *self, cir__pickle_ref *out)
{
    size_t least = self->marks.n > 0 ? self->marks.items[self->marks.n - 1] : 0;
    *out = 0;
    if (self->stack.n <= least)
        return cir__pickle_machine_fail(self, "takes a value where there is none");
    *out = self->stack.items[--self->stack.n];
    return CIR_OK;
}

cir_status cir__pickle_machine_peek(cir__pickle_machine *self, cir__pickle_ref *out)
{
    cir_status status = cir__pickle_machine_pop(self, out);
    if (status == CIR_OK)
        self->stack.n++;
    return status;
}

cir_status cir__pickle_machine_move(cir__pickle_machine *self, cir__pickle_ref to, size_t from)
{
    size_t n = self->stack.n - from;
    if (!cir__grow((void **)&self->made->cells, &self->cells_capacity, self->n_cells + n,
                   sizeof *self->made->cells))
        return fail_memory(self);
    cir__pickle_value *value = cir__pickle_machine_get(self, to);
    for (size_t i = from; i < self->stack.n; i++) {
        uint32_t i_cell = (uint32_t)self->n_cells++;
        self->made->cells[i_cell] = (cir__pickle_cell){self->stack.items[i], CIR__PICKLE_NO_CELL};
        if (value->first == CIR__PICKLE_NO_CELL)
            value->first = i_cell;
        else
            self->made->cells[value->last].next = i_cell;
        value->last = i_cell;
    }
    value->n += (uint32_t)n;
    self->stack.n = from;
    return CIR_OK;
}

cir_status cir__pickle_machine_pop_mark(cir__pickle_machine *self, size_t *height_out)
{
    *height_out = 0;
    if (self->marks.n == 0)
        return cir__pickle_machine_fail(self, "goes back to a mark where there is none");
    *height_out = self->marks.items[--self->marks.n];
    return CIR_OK;
}
