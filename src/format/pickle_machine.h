/* The stack machine of a pickle: what it has made so far, and the moves that opcodes consist of. */
#ifndef CIR_FORMAT_PICKLE_MACHINE_H
#define CIR_FORMAT_PICKLE_MACHINE_H

#include <stddef.h>

#include "base/file.h"
#include "cir/status.h"
#include "format/pickle_value.h"

#define CIR__PICKLE_NO_CELL UINT32_MAX

/* One item of a tuple, list or dictionary. */
typedef struct cir__pickle_cell {
    cir__pickle_ref value;
    uint32_t next;
} cir__pickle_cell;

typedef struct cir__pickle {
    cir__pickle_value *values;
    cir__pickle_cell *cells;
    char *texts; /* each has a zero byte behind */
    cir__pickle_ref top;
} cir__pickle;

/* A growing list of numbers. */
typedef struct cir__pickle_numbers {
    uint32_t *items;
    size_t n, capacity;
} cir__pickle_numbers;

typedef struct cir__pickle_machine {
    cir__bytes_view bytes;
    const cir__pickle_global *globals;
    size_t n_globals;
    cir_error *err;
    cir__pickle *made;
    size_t n_values, values_capacity, n_cells, cells_capacity, n_text;
    size_t at;                 /* of the next byte */
    size_t op_at;              /* of the opcode under way */
    cir__pickle_numbers stack; /* of references */
    cir__pickle_numbers marks; /* heights of the stack */
    cir__pickle_numbers memo;  /* of references */
} cir__pickle_machine;

/* Says where the opcode under way is damaged. */
cir_status cir__pickle_machine_fail(const cir__pickle_machine *self, const char *what);

/* n bytes behind the opcode, NULL where they are not there; or a number of n bytes, the least first. */
const uint8_t *cir__pickle_machine_take(cir__pickle_machine *self, uint64_t n);
bool cir__pickle_machine_take_number(cir__pickle_machine *self, size_t n, uint64_t *out);

CIR_MUST_CHECK cir_status cir__pickle_machine_append(cir__pickle_machine *self, cir__pickle_numbers *list,
                                                     uint32_t number);

/* A value, until the next one is pushed. */
cir__pickle_value *cir__pickle_machine_get(const cir__pickle_machine *self, cir__pickle_ref ref);

/* New values onto the stack; text: a copy of bytes, which may be NULL (cut short). */
CIR_MUST_CHECK cir_status cir__pickle_machine_push(cir__pickle_machine *self, const cir__pickle_value *value);
CIR_MUST_CHECK cir_status cir__pickle_machine_push_kind(cir__pickle_machine *self, cir__pickle_kind kind,
                                                        int64_t number);
CIR_MUST_CHECK cir_status cir__pickle_machine_push_text(cir__pickle_machine *self, const uint8_t *bytes,
                                                        size_t n);

/* The uppermost value above the last mark, taken off or left; and the stack's height at the last mark. */
CIR_MUST_CHECK cir_status cir__pickle_machine_pop(cir__pickle_machine *self, cir__pickle_ref *out);
CIR_MUST_CHECK cir_status cir__pickle_machine_peek(cir__pickle_machine *self, cir__pickle_ref *out);
CIR_MUST_CHECK cir_status cir__pickle_machine_pop_mark(cir__pickle_machine *self, size_t *height_out);

/* Appends what is on the stack from a height on to a container, and takes it off. */
CIR_MUST_CHECK cir_status cir__pickle_machine_move(cir__pickle_machine *self, cir__pickle_ref to,
                                                   size_t from);

#endif
