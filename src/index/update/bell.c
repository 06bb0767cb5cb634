#include "index/update/bell.h"

#include <time.h>

void cir__bell_init(cir__bell *bell)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&bell->lock, NULL);
    pthread_cond_init(&bell->rung, &attributes);
    pthread_condattr_destroy(&attributes);
    bell->n_rings = 0;
}

void cir__bell_done(cir__bell *bell)
{
    pthread_cond_destroy(&bell->rung);
    pthread_mutex_destroy(&bell->lock);
}

void cir__bell_ring(cir__bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    bell->n_rings++;
    pthread_cond_signal(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

unsigned long cir__bell_count(cir__bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    unsigned long n_rings = bell->n_rings;
    pthread_mutex_unlock(&bell->lock);
    return n_rings;
}

void cir__bell_wait(cir__bell *bell, unsigned long n_seen, unsigned timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&bell->lock);
    while (bell->n_rings == n_seen)
        if (pthread_cond_timedwait(&bell->rung, &bell->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&bell->lock);
}
