/* The threads that the library's calls may use. The caller makes a pool and hands it to every call that can
 * use it.
 *
 * Some calls start threads beside those of a pool. cir_index_update and cir_index_update decode on as
 * many more as the pool has (one without a pool) and look for files on one; cir_search_find reads features
 * from the disk on up to three more, where an index has compact codes. These have ended when the call
 * returns. Whatever decodes or writes pictures may start threads of libvips' and of codecs', of which libvips
 * may keep some. None of all these changes what signals are blocked: it is as in the calling thread.
 *
 * OpenBLAS, where it has threads of its own, is set to one while a call computes with it (what fits a
 * composer, and evaluation), and then back to the host's number: that number is one for the process, so that
 * the host's products are computed by one thread meanwhile, and a number that it sets meanwhile may be
 * lost. */
#ifndef CIR_POOL_H
#define CIR_POOL_H

#include <stddef.h>

#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A fixed set of threads. Wherever one is an argument, NULL means: the calling thread alone, but for the
 * above. Calls from several threads at once are allowed and take turns. Results never depend on the number of
 * threads. */
typedef struct cir_pool cir_pool;

/* Starts n_threads threads (the caller's counts as one of them); 0 means one for each processor that this
 * process may run on. At most 1024. Free with cir_pool_free. Errors: CIR_ARGUMENT, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_pool_new(size_t n_threads, cir_pool **pool_out, cir_error *err);

/* Ends the threads; no call may be using them. NULL is allowed. */
CIR_API void cir_pool_free(cir_pool *pool);

/* The number of threads, the caller's included; 1 for NULL. */
CIR_API size_t cir_pool_get_n_threads(const cir_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
