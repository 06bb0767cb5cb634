/* Features that runs over one data set have made and later runs use again: a growing list behind a lock, so
 * that a data set stays immutable to those who look. */
#ifndef CIR_EVAL_KEPT_H
#define CIR_EVAL_KEPT_H

#include <stddef.h>

#include "base/hash.h"
#include "cir/status.h"

typedef struct cir__kept cir__kept;

cir__kept *cir__kept_new(void);
void cir__kept_free(cir__kept *kept); /* NULL is allowed */

/* Features kept under a key, lent until cir__kept_free; NULL: none. *n_out gets their rows. */
const float *cir__kept_find(cir__kept *kept, const char *key, size_t *n_out);

/* Keeps features [n, …], from cir__new, which live as long as the list from now on; where it fails, they are
 * freed. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__kept_put(cir__kept *kept, const char *key, float *features, size_t n,
                                        cir_error *err);

#endif
