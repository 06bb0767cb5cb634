/* Many arrays of floats in one piece of memory: the same walk first counts, with no memory, and then hands
 * out. */
#ifndef CIR_MODEL_CARVER_H
#define CIR_MODEL_CARVER_H

#include <stdbool.h>
#include <stddef.h>

/* memory: NULL to count. */
typedef struct cir__carver {
    float *memory;
    size_t n_used; /* floats; what the memory must hold */
    bool has_overflown;
} cir__carver;

/* The next [n_rows, n_columns], aligned to CIR__ALIGNMENT where memory is; NULL while counting. */
float *cir__carver_take(cir__carver *carver, size_t n_rows, size_t n_columns);

/* Zeroed memory for what was counted; NULL where that is too much. Free with free(). */
float *cir__carver_new_memory(const cir__carver *carver);

#endif
