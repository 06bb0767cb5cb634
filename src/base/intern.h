/* Numbers for names: equal texts get equal numbers, counted from 0 in the order of their first appearance. */
#ifndef CIR_BASE_INTERN_H
#define CIR_BASE_INTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/status.h"

/* Zeroed means empty. End with cir__intern_done. */
typedef struct cir__intern {
    char **names; /* [n], by number; read only */
    size_t n;

    size_t capacity;
    size_t *slots; /* open addressing: number + 1, or 0; a power of two of them */
    size_t n_slots;
    size_t last;  /* the number last given */
    void *blocks; /* memory of the names: each block begins with the address of the one before */
    size_t block_bytes, n_free; /* of the newest one; the latter at its end */
} cir__intern;

/* The number of a name, which is copied at its first appearance. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__intern_put(cir__intern *intern, const char *name, size_t *number_out,
                                          cir_error *err);

/* Gives a name a new number without looking for an equal one, which is quick. Not to be mixed with the above.
 * Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__intern_add(cir__intern *intern, const char *name, size_t *number_out,
                                          cir_error *err);
/* The number of a name that is there; false: it is not. */
bool cir__intern_find(const cir__intern *intern, const char *name, size_t *number_out);
void cir__intern_done(cir__intern *intern);

#endif
