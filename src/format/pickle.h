/* Python's pickles read as data: what a program would be asked to do is noted, never done.
 *
 * A pickle is a program for a stack machine (Python's pickletools.py describes it). This one knows the opcodes that
 * dictionaries of tensors are written with, protocols 2 to 5, and refuses every other by name and place, as it does
 * every global (a function or class) that its caller does not list. A call of a global becomes a value that says so.
 * Memory is in proportion to the pickle, whatever it says. What it must not know: what the globals mean. */
#ifndef CIR_FORMAT_PICKLE_H
#define CIR_FORMAT_PICKLE_H

#include <stddef.h>

#include "base/file.h"
#include "cir/status.h"
#include "format/pickle_value.h"

#define CIR__PICKLE_MAX_BYTES ((size_t)2 << 20)

typedef struct cir__pickle cir__pickle;

/* globals: [n_globals] that it may name. Free with cir__pickle_free. Errors, which name the byte: CIR_FORMAT,
 * CIR_UNSUPPORTED (an opcode, a global or a protocol that is not read), CIR_LIMIT (CIR__PICKLE_MAX_BYTES),
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__pickle_parse(cir__bytes_view bytes, const cir__pickle_global *globals,
                                            size_t n_globals, cir__pickle **pickle_out, cir_error *err);
void cir__pickle_free(cir__pickle *pickle); /* NULL is allowed */

/* The value that it ends with. Values may lie in each other, and in themselves. */
const cir__pickle_value *cir__pickle_top(const cir__pickle *pickle);
const cir__pickle_value *cir__pickle_get(const cir__pickle *pickle, cir__pickle_ref ref);

/* The items of a tuple, list or dictionary, in order; at most max_n of them. Returns how many it has. */
size_t cir__pickle_items(const cir__pickle *pickle, const cir__pickle_value *value,
                         const cir__pickle_value **items_out, size_t max_n);

#endif
