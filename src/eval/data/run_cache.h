/* Features that runs over one data set have made and later runs use again: a growing list behind a lock, so
 * that a data set stays immutable to those who look. */
#ifndef CIR_EVAL_RUN_CACHE_H
#define CIR_EVAL_RUN_CACHE_H

#include <stddef.h>

#include "base/hash.h"
#include "cir/status.h"

typedef struct cir__run_cache cir__run_cache;

cir__run_cache *cir__run_cache_new(void);
void cir__run_cache_free(cir__run_cache *cache); /* NULL is allowed */

/* Features cached under a key, lent until cir__run_cache_free; NULL: none. *n_out gets their rows. */
const float *cir__run_cache_find(cir__run_cache *cache, const char *key, size_t *n_out);

/* Keeps features [n, …], from cir__new, which live as long as the list from now on; where it fails, they are
 * freed. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__run_cache_put(cir__run_cache *cache, const char *key, float *features,
                                             size_t n, cir_error *err);

#endif
