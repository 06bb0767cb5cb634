/* One job at a time: the caller publishes it, takes part, and waits until every thread has left it. Tasks are
 * claimed from an atomic counter, so a slow task does not hold up the others. */
#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

#define MAX_THREADS 1024

struct cir_pool {
    size_t n_threads; /* the caller's included */
    pthread_t *threads;
    pthread_mutex_t turn; /* held by the caller whose job runs */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t job_given;
    pthread_cond_t job_left;
    unsigned long i_job;
    size_t n_inside;
    bool is_ending;
    cir__task *task;
    void *context;
    size_t n_tasks;
    atomic_size_t next_task;
};

typedef struct worker {
    cir_pool *pool;
    size_t i_thread;
} worker;

/* The pool whose task this thread is running: makes a nested run serial instead of a dead-lock. */
static _Thread_local const cir_pool *running;

static void run_tasks(cir_pool *pool, size_t i_thread)
{
    const cir_pool *outer = running;
    running = pool;
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&pool->next_task, 1, memory_order_relaxed);
        if (i >= pool->n_tasks)
            break;
        pool->task(pool->context, i, i_thread);
    }
    running = outer;
}

static void *worker_main(void *argument)
{
    worker self = *(worker *)argument;
    free(argument);
    cir_pool *pool = self.pool;
    unsigned long i_seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->is_ending && pool->i_job == i_seen)
            pthread_cond_wait(&pool->job_given, &pool->lock);
        if (pool->is_ending)
            break;
        i_seen = pool->i_job;
        pthread_mutex_unlock(&pool->lock);
        run_tasks(pool, self.i_thread);
        pthread_mutex_lock(&pool->lock);
        if (--pool->n_inside == 0)
            pthread_cond_signal(&pool->job_left);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static size_t count_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (size_t)CPU_COUNT(&set);
    return 1;
}

cir_status cir_pool_new(size_t n_threads, cir_pool **pool_out, cir_error *err)
{
    cir__error_clear(err);
    *pool_out = NULL;
    if (n_threads > MAX_THREADS)
        return cir__fail(err, CIR_ARGUMENT, "threads: %zu asked for, at most %d are allowed", n_threads,
                         MAX_THREADS);
    if (n_threads == 0)
        n_threads = count_processors();
    cir_pool *pool = cir__new(1, sizeof *pool);
    if (pool == NULL)
        return cir__fail_memory(err, "thread pool");
    pool->threads = cir__new(n_threads, sizeof *pool->threads);
    if (pool->threads == NULL) {
        free(pool);
        return cir__fail_memory(err, "thread pool");
    }
    pthread_mutex_init(&pool->turn, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->job_given, NULL);
    pthread_cond_init(&pool->job_left, NULL);
    pool->n_threads = 1;
    while (pool->n_threads < n_threads) {
        worker *self = malloc(sizeof *self);
        if (self == NULL) {
            cir_pool_free(pool);
            return cir__fail_memory(err, "thread pool");
        }
        *self = (worker){pool, pool->n_threads};
        int failure = pthread_create(&pool->threads[pool->n_threads - 1], NULL, worker_main, self);
        if (failure != 0) {
            free(self);
            cir_status status =
                cir__fail_errno(err, failure, "thread pool: thread %zu of %zu cannot be started",
                                pool->n_threads + 1, n_threads);
            cir_pool_free(pool);
            return status;
        }
        pool->n_threads++;
    }
    *pool_out = pool;
    return CIR_OK;
}

void cir_pool_free(cir_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_ending = true;
    pthread_cond_broadcast(&pool->job_given);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i + 1 < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->job_left);
    pthread_cond_destroy(&pool->job_given);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->turn);
    free(pool->threads);
    free(pool);
}

size_t cir_pool_get_n_threads(const cir_pool *pool)
{
    return pool != NULL ? pool->n_threads : 1;
}

void cir__pool_run(cir_pool *pool, size_t n_tasks, cir__task *task, void *context)
{
    if (pool == NULL || pool->n_threads == 1 || n_tasks <= 1 || running == pool) {

        for (size_t i = 0; i < n_tasks; i++)
            task(context, i, 0);
        return;
    }
    pthread_mutex_lock(&pool->turn);
    pthread_mutex_lock(&pool->lock);
    pool->task = task;
    pool->context = context;
    pool->n_tasks = n_tasks;
    atomic_store_explicit(&pool->next_task, 0, memory_order_relaxed);
    pool->n_inside = pool->n_threads - 1;
    pool->i_job++;
    pthread_cond_broadcast(&pool->job_given);
    pthread_mutex_unlock(&pool->lock);
    run_tasks(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->n_inside > 0)
        pthread_cond_wait(&pool->job_left, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->turn);
}
