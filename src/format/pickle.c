#include "format/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/pickle_machine.h"

#define FIRST_PROTOCOL 2
#define LAST_PROTOCOL 5

#define FAIL(self, status, ...) cir__fail((self)->err, status, "%s: pickle, byte %zu: " __VA_ARGS__)
#define PLACE(self) (self)->bytes.name, (self)->op_at

static cir_status take_int(cir__pickle_machine *self, size_t n_bytes, bool is_signed)
{
    uint64_t bits;
    if (!cir__pickle_machine_take_number(self, n_bytes, &bits))
        return cir__pickle_machine_fail(self, "is cut short");
    if (is_signed && n_bytes > 0 && n_bytes < 8 && (bits >> (8 * n_bytes - 1) & 1) != 0)
        bits |= UINT64_MAX << (8 * n_bytes);
    return cir__pickle_machine_push_kind(self, CIR__PICKLE_INT, (int64_t)bits);
}

static cir_status take_long(cir__pickle_machine *self, size_t length_bytes)
{
    uint64_t n;
    if (!cir__pickle_machine_take_number(self, length_bytes, &n))
        return cir__pickle_machine_fail(self, "is cut short");
    if (n > 8)
        return cir__pickle_machine_fail(self, "a number of more than 8 bytes");
    return take_int(self, (size_t)n, true);
}

static cir_status take_text(cir__pickle_machine *self, size_t length_bytes)
{
    uint64_t n;
    if (!cir__pickle_machine_take_number(self, length_bytes, &n))
        return cir__pickle_machine_fail(self, "is cut short");
    return cir__pickle_machine_push_text(self, cir__pickle_machine_take(self, n), (size_t)n);
}

/* A tuple of the n uppermost; SIZE_MAX: of all from the mark on. */
static cir_status make_tuple(cir__pickle_machine *self, size_t n)
{
    size_t from = 0;
    size_t least = self->marks.n > 0 ? self->marks.items[self->marks.n - 1] : 0;
    if (n == SIZE_MAX) {
        cir_status status = cir__pickle_machine_pop_mark(self, &from);
        if (status != CIR_OK)
            return status;
    } else if (self->stack.n - least < n) {
        return cir__pickle_machine_fail(self, "takes a value where there is none");
    } else {
        from = self->stack.n - n;
    }
    /* The tuple's own value goes below its items. */
    cir_status status = cir__pickle_machine_push_kind(self, CIR__PICKLE_TUPLE, 0);
    if (status != CIR_OK)
        return status;
    cir__pickle_ref tuple = self->stack.items[--self->stack.n];
    status = cir__pickle_machine_move(self, tuple, from);
    return status == CIR_OK ? cir__pickle_machine_append(self, &self->stack, tuple) : status;
}

/* Into a list or dictionary: n values, or with SIZE_MAX all from the mark on. */
static cir_status fill(cir__pickle_machine *self, cir__pickle_kind kind, size_t n)
{
    size_t from;
    cir__pickle_ref to;
    if (n == SIZE_MAX) {
        cir_status status = cir__pickle_machine_pop_mark(self, &from);
        if (status != CIR_OK)
            return status;
    } else if (self->stack.n < n) {
        return cir__pickle_machine_fail(self, "takes a value where there is none");
    } else {
        from = self->stack.n - n;
    }
    size_t least = self->marks.n > 0 ? self->marks.items[self->marks.n - 1] : 0;
    if (from <= least || cir__pickle_machine_get(self, to = self->stack.items[from - 1])->kind != kind)
        return cir__pickle_machine_fail(self, kind == CIR__PICKLE_DICT ? "fills what is not a dictionary"
                                                                       : "fills what is not a list");
    if (kind == CIR__PICKLE_DICT && (self->stack.n - from) % 2 != 0)
        return cir__pickle_machine_fail(self, "a key without a value");
    return cir__pickle_machine_move(self, to, from);
}

static cir_status push_global(cir__pickle_machine *self, const char *module, const char *name)
{
    for (size_t i = 0; i < self->n_globals; i++)
        if (strcmp(self->globals[i].module, module) == 0 && strcmp(self->globals[i].name, name) == 0)
            return cir__pickle_machine_push(
                self, &(cir__pickle_value){.kind = CIR__PICKLE_GLOBAL, .i_global = (uint32_t)i});
    return FAIL(self, CIR_UNSUPPORTED,
                "names %.60s.%.60s, which no dictionary of tensors needs and which is never called; take the "
                "model's safetensors",
                PLACE(self), module, name);
}

/* "module\nname\n" */
static cir_status read_global(cir__pickle_machine *self, size_t unused)
{
    (void)unused;
    const char *lines[2];
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *begin = self->bytes.data + self->at;
        const uint8_t *end = memchr(begin, '\n', self->bytes.size - self->at);
        if (end == NULL)
            return cir__pickle_machine_fail(self, "is cut short");
        cir__pickle_ref text;
        cir_status status = cir__pickle_machine_push_text(self, begin, (size_t)(end - begin));
        if (status == CIR_OK)
            status = cir__pickle_machine_pop(self, &text);
        if (status != CIR_OK)
            return status;
        lines[i] = cir__pickle_machine_get(self, text)->text;
        self->at += (size_t)(end - begin) + 1;
    }
    return push_global(self, lines[0], lines[1]);
}

static cir_status read_stack_global(cir__pickle_machine *self, size_t unused)
{
    (void)unused;
    cir__pickle_ref module;
    cir__pickle_ref name;
    cir_status status = cir__pickle_machine_pop(self, &name);
    if (status == CIR_OK)
        status = cir__pickle_machine_pop(self, &module);
    if (status != CIR_OK)
        return status;
    if (cir__pickle_machine_get(self, module)->kind != CIR__PICKLE_TEXT ||
        cir__pickle_machine_get(self, name)->kind != CIR__PICKLE_TEXT)
        return cir__pickle_machine_fail(self, "a global that no texts name");
    return push_global(self, cir__pickle_machine_get(self, module)->text,
                       cir__pickle_machine_get(self, name)->text);
}

static cir_status call(cir__pickle_machine *self, size_t unused)
{
    (void)unused;
    cir__pickle_ref arguments;
    cir__pickle_ref function;
    cir_status status = cir__pickle_machine_pop(self, &arguments);
    if (status == CIR_OK)
        status = cir__pickle_machine_pop(self, &function);
    if (status != CIR_OK)
        return status;
    const cir__pickle_value *global = cir__pickle_machine_get(self, function);
    if (global->kind != CIR__PICKLE_GLOBAL ||
        cir__pickle_machine_get(self, arguments)->kind != CIR__PICKLE_TUPLE)
        return cir__pickle_machine_fail(self, "calls what is not a function");
    if (self->globals[global->i_global].makes_dict && cir__pickle_machine_get(self, arguments)->n == 0)
        return cir__pickle_machine_push_kind(self, CIR__PICKLE_DICT, 0);
    return cir__pickle_machine_push(
        self,
        &(cir__pickle_value){.kind = CIR__PICKLE_CALL, .i_global = global->i_global, .tuple = arguments});
}

/* What a dictionary has besides its items: torch keeps versions of modules there. */
static cir_status drop_state(cir__pickle_machine *self, size_t unused)
{
    (void)unused;
    cir__pickle_ref state;
    cir__pickle_ref object;
    cir_status status = cir__pickle_machine_pop(self, &state);
    if (status == CIR_OK)
        status = cir__pickle_machine_peek(self, &object);
    if (status == CIR_OK && cir__pickle_machine_get(self, object)->kind != CIR__PICKLE_DICT)
        return FAIL(self, CIR_UNSUPPORTED,
                    "opcode BUILD changes what is not a dictionary, which is not read; take the model's "
                    "safetensors",
                    PLACE(self));
    return status;
}

static cir_status push_persistent(cir__pickle_machine *self, size_t unused)
{
    (void)unused;
    cir__pickle_ref name;
    cir_status status = cir__pickle_machine_pop(self, &name);
    if (status != CIR_OK)
        return status;
    if (cir__pickle_machine_get(self, name)->kind != CIR__PICKLE_TUPLE)
        return cir__pickle_machine_fail(self, "something elsewhere that no tuple names");
    return cir__pickle_machine_push(self,
                                    &(cir__pickle_value){.kind = CIR__PICKLE_PERSISTENT, .tuple = name});
}

/* Places in the memo are given in turn. */
static cir_status remember(cir__pickle_machine *self, size_t n_bytes)
{
    uint64_t place = self->memo.n;
    cir__pickle_ref value;
    if (n_bytes > 0 && !cir__pickle_machine_take_number(self, n_bytes, &place))
        return cir__pickle_machine_fail(self, "is cut short");
    cir_status status = cir__pickle_machine_peek(self, &value);
    if (status != CIR_OK)
        return status;
    if (place > self->memo.n)
        return cir__pickle_machine_fail(self, "remembers a value out of turn");
    if (place == self->memo.n)
        return cir__pickle_machine_append(self, &self->memo, value);
    self->memo.items[place] = value;
    return CIR_OK;
}

static cir_status recall(cir__pickle_machine *self, size_t n_bytes)
{
    uint64_t place;
    if (!cir__pickle_machine_take_number(self, n_bytes, &place))
        return cir__pickle_machine_fail(self, "is cut short");
    if (place >= self->memo.n)
        return cir__pickle_machine_fail(self, "recalls a value that was never remembered");
    return cir__pickle_machine_append(self, &self->stack, self->memo.items[place]);
}

static cir_status begin_frame(cir__pickle_machine *self, size_t n_bytes)
{
    uint64_t n;
    if (!cir__pickle_machine_take_number(self, n_bytes, &n) || n > self->bytes.size - self->at)
        return cir__pickle_machine_fail(self, "is cut short");
    return CIR_OK;
}

static cir_status push_empty(cir__pickle_machine *self, size_t kind)
{
    return cir__pickle_machine_push_kind(self, (cir__pickle_kind)kind, 0);
}

static cir_status push_bool(cir__pickle_machine *self, size_t number)
{
    return cir__pickle_machine_push_kind(self, CIR__PICKLE_BOOL, (int64_t)number);
}

static cir_status take_signed(cir__pickle_machine *self, size_t n_bytes)
{
    return take_int(self, n_bytes, true);
}

static cir_status take_unsigned(cir__pickle_machine *self, size_t n_bytes)
{
    return take_int(self, n_bytes, false);
}

static cir_status push_mark(cir__pickle_machine *self, size_t unused)
{
    (void)unused;
    return cir__pickle_machine_append(self, &self->marks, (uint32_t)self->stack.n);
}

static cir_status fill_list(cir__pickle_machine *self, size_t n)
{
    return fill(self, CIR__PICKLE_LIST, n);
}

static cir_status fill_dict(cir__pickle_machine *self, size_t n)
{
    return fill(self, CIR__PICKLE_DICT, n);
}

/* Names after pickletools.py; without a function: refused. */
static const struct {
    const char *name;
    cir_status (*run)(cir__pickle_machine *self, size_t n);
    size_t n;
} opcodes[256] = {
    ['N'] = {"NONE", push_empty, CIR__PICKLE_NONE},
    [0x88] = {"NEWTRUE", push_bool, 1},
    [0x89] = {"NEWFALSE", push_bool, 0},
    ['J'] = {"BININT", take_signed, 4},
    ['K'] = {"BININT1", take_unsigned, 1},
    ['M'] = {"BININT2", take_unsigned, 2},
    [0x8a] = {"LONG1", take_long, 1},
    [0x8c] = {"SHORT_BINUNICODE", take_text, 1},
    ['X'] = {"BINUNICODE", take_text, 4},
    [0x8d] = {"BINUNICODE8", take_text, 8},
    ['('] = {"MARK", push_mark, 0},
    [')'] = {"EMPTY_TUPLE", make_tuple, 0},
    [0x85] = {"TUPLE1", make_tuple, 1},
    [0x86] = {"TUPLE2", make_tuple, 2},
    [0x87] = {"TUPLE3", make_tuple, 3},
    ['t'] = {"TUPLE", make_tuple, SIZE_MAX},
    [']'] = {"EMPTY_LIST", push_empty, CIR__PICKLE_LIST},
    ['a'] = {"APPEND", fill_list, 1},
    ['e'] = {"APPENDS", fill_list, SIZE_MAX},
    ['}'] = {"EMPTY_DICT", push_empty, CIR__PICKLE_DICT},
    ['s'] = {"SETITEM", fill_dict, 2},
    ['u'] = {"SETITEMS", fill_dict, SIZE_MAX},
    ['c'] = {"GLOBAL", read_global, 0},
    [0x93] = {"STACK_GLOBAL", read_stack_global, 0},
    ['R'] = {"REDUCE", call, 0},
    ['b'] = {"BUILD", drop_state, 0},
    ['Q'] = {"BINPERSID", push_persistent, 0},
    ['q'] = {"BINPUT", remember, 1},
    ['r'] = {"LONG_BINPUT", remember, 4},
    [0x94] = {"MEMOIZE", remember, 0},
    ['h'] = {"BINGET", recall, 1},
    ['j'] = {"LONG_BINGET", recall, 4},
    [0x95] = {"FRAME", begin_frame, 8},
    ['0'] = {.name = "POP"},
    ['1'] = {.name = "POP_MARK"},
    ['2'] = {.name = "DUP"},
    ['F'] = {.name = "FLOAT"},
    ['G'] = {.name = "BINFLOAT"},
    ['I'] = {.name = "INT"},
    ['L'] = {.name = "LONG"},
    ['P'] = {.name = "PERSID"},
    ['S'] = {.name = "STRING"},
    ['T'] = {.name = "BINSTRING"},
    ['U'] = {.name = "SHORT_BINSTRING"},
    ['V'] = {.name = "UNICODE"},
    ['i'] = {.name = "INST"},
    ['o'] = {.name = "OBJ"},
    ['d'] = {.name = "DICT"},
    ['l'] = {.name = "LIST"},
    ['g'] = {.name = "GET"},
    ['p'] = {.name = "PUT"},
    ['B'] = {.name = "BINBYTES"},
    ['C'] = {.name = "SHORT_BINBYTES"},
    [0x80] = {.name = "PROTO"},
    [0x81] = {.name = "NEWOBJ"},
    [0x82] = {.name = "EXT1"},
    [0x83] = {.name = "EXT2"},
    [0x84] = {.name = "EXT4"},
    [0x8b] = {.name = "LONG4"},
    [0x8e] = {.name = "BINBYTES8"},
    [0x8f] = {.name = "EMPTY_SET"},
    [0x90] = {.name = "ADDITEMS"},
    [0x91] = {.name = "FROZENSET"},
    [0x92] = {.name = "NEWOBJ_EX"},
    [0x96] = {.name = "BYTEARRAY8"},
    [0x97] = {.name = "NEXT_BUFFER"},
    [0x98] = {.name = "READONLY_BUFFER"},
};

static cir_status run_opcode(cir__pickle_machine *self, uint8_t code)
{
    if (opcodes[code].run != NULL)
        return opcodes[code].run(self, opcodes[code].n);
    return FAIL(
        self, CIR_UNSUPPORTED,
        "opcode %s (0x%02x), which dictionaries of tensors do not have and which is not read; take the "
        "model's safetensors",
        PLACE(self), opcodes[code].name != NULL ? opcodes[code].name : "unknown", code);
}

static cir_status begin(cir__pickle_machine *self)
{
    const uint8_t *head = cir__pickle_machine_take(self, 2);
    if (head == NULL || head[0] != 0x80)
        return cir__pickle_machine_fail(self, "is not a pickle of protocols 2 to 5");
    if (head[1] < FIRST_PROTOCOL || head[1] > LAST_PROTOCOL)
        return FAIL(self, CIR_UNSUPPORTED, "protocol %d, 2 to 5 are read; take the model's safetensors",
                    PLACE(self), head[1]);
    return CIR_OK;
}

static cir_status run(cir__pickle_machine *self)
{
    cir_status status = begin(self);
    while (status == CIR_OK) {
        self->op_at = self->at;
        const uint8_t *code = cir__pickle_machine_take(self, 1);
        if (code == NULL)
            return cir__pickle_machine_fail(self, "is cut short");
        if (*code != '.') {
            status = run_opcode(self, *code);
            continue;
        }
        if (self->stack.n != 1 || self->marks.n != 0 || self->at != self->bytes.size)
            return cir__pickle_machine_fail(self, "ends where it should not");
        self->made->top = self->stack.items[0];
        return CIR_OK;
    }
    return status;
}

cir_status cir__pickle_parse(cir__bytes_view bytes, const cir__pickle_global *globals, size_t n_globals,
                             cir__pickle **pickle_out, cir_error *err)
{
    *pickle_out = NULL;
    if (bytes.size > CIR__PICKLE_MAX_BYTES)
        return cir__fail(err, CIR_LIMIT, "%s: a pickle of %zu bytes, at most %zu are read", bytes.name,
                         bytes.size, CIR__PICKLE_MAX_BYTES);
    cir__pickle_machine self = {.bytes = bytes,
                                .globals = globals,
                                .n_globals = n_globals,
                                .err = err,
                                .made = cir__new(1, sizeof *self.made)};
    if (self.made == NULL)
        return cir__fail_memory(err, bytes.name);
    self.made->texts = cir__new_unset(bytes.size + 1, 1);
    cir_status status = self.made->texts != NULL ? run(&self) : cir__fail_memory(err, bytes.name);
    free(self.stack.items);
    free(self.marks.items);
    free(self.memo.items);
    if (status != CIR_OK) {
        cir__pickle_free(self.made);
        return status;
    }
    *pickle_out = self.made;
    return CIR_OK;
}

void cir__pickle_free(cir__pickle *pickle)
{
    if (pickle == NULL)
        return;
    free(pickle->values);
    free(pickle->cells);
    free(pickle->texts);
    free(pickle);
}

const cir__pickle_value *cir__pickle_get(const cir__pickle *pickle, cir__pickle_ref ref)
{
    return &pickle->values[ref];
}

const cir__pickle_value *cir__pickle_top(const cir__pickle *pickle)
{
    return &pickle->values[pickle->top];
}

size_t cir__pickle_items(const cir__pickle *pickle, const cir__pickle_value *value,
                         const cir__pickle_value **items_out, size_t max_n)
{
    uint32_t i_cell = value->first;
    for (size_t i = 0; i < value->n && i < max_n; i++) {
        items_out[i] = &pickle->values[pickle->cells[i_cell].value];
        i_cell = pickle->cells[i_cell].next;
    }
    return value->n;
}
