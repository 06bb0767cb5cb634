/* The threads that the library's calls may use. The caller makes a pool and hands it to every call that can
 * use it. */
#ifndef CIR_POOL_H
#define CIR_POOL_H

#include <stddef.h>

#include "cir/status.h"

/* A fixed set of threads. Wherever one is an argument, NULL means: the calling thread alone. Calls from
 * several threads at once are allowed and take turns. Results never depend on the number of threads. */
typedef struct cir_pool cir_pool;

/* Starts n_threads threads (the caller's counts as one of them); 0 means one for each processor that this
 * process may run on. At most 1024. Free with cir_pool_free. Errors: CIR_ARGUMENT, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_pool_new(size_t n_threads, cir_pool **pool_out, cir_error *err);

/* Ends the threads; no call may be using them. NULL is allowed. */
CIR_API void cir_pool_free(cir_pool *pool);

/* The number of threads, the caller's included; 1 for NULL. */
CIR_API size_t cir_pool_n_threads(const cir_pool *pool);

#endif
