/* Running tasks on a cir_pool. */
#ifndef CIR_BASE_THREAD_POOL_H
#define CIR_BASE_THREAD_POOL_H

#include <stddef.h>

#include "cir/pool.h"

/* Calls task(context, i) for every i < n_tasks, each exactly once, on the pool's threads and the caller's,
 * and returns when all are done. i_thread < cir_pool_get_n_threads(pool) names the thread's scratch. Which
 * thread runs which task is not fixed, so a task's result must depend on i_task alone. pool may be NULL.
 * Called from within a task, it runs everything on that thread. Tasks report failures through their
 * context. */
typedef void cir__task(void *context, size_t i_task, size_t i_thread);
void cir__pool_run(cir_pool *pool, size_t n_tasks, cir__task *task, void *context);

#endif
