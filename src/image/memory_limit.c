#include "image/memory_limit.h"

void cir__memory_limit_init(cir__memory_limit *limit, size_t limit_bytes)
{
    *limit = (cir__memory_limit){.limit_bytes = limit_bytes};
    pthread_mutex_init(&limit->lock, NULL);
    pthread_cond_init(&limit->left, NULL);
}

void cir__memory_limit_done(cir__memory_limit *limit)
{
    pthread_cond_destroy(&limit->left);
    pthread_mutex_destroy(&limit->lock);
}

void cir__memory_limit_enter(cir__memory_limit *limit, size_t n_bytes)
{
    pthread_mutex_lock(&limit->lock);
    while (limit->used_bytes > 0 &&
           (limit->used_bytes >= limit->limit_bytes || n_bytes > limit->limit_bytes - limit->used_bytes))
        pthread_cond_wait(&limit->left, &limit->lock);
    limit->used_bytes += n_bytes;
    pthread_mutex_unlock(&limit->lock);
}

void cir__memory_limit_leave(cir__memory_limit *limit, size_t n_bytes)
{
    pthread_mutex_lock(&limit->lock);
    limit->used_bytes -= n_bytes;
    pthread_cond_broadcast(&limit->left);
    pthread_mutex_unlock(&limit->lock);
}
