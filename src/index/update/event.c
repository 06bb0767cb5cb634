#include "index/update/event.h"

#include "shared/clock.h"

void cir__event_init(cir__event *event)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&event->lock, NULL);
    pthread_cond_init(&event->signalled, &attributes);
    pthread_condattr_destroy(&attributes);
    event->n_signals = 0;
}

void cir__event_done(cir__event *event)
{
    pthread_cond_destroy(&event->signalled);
    pthread_mutex_destroy(&event->lock);
}

void cir__event_signal(cir__event *event)
{
    pthread_mutex_lock(&event->lock);
    event->n_signals++;
    pthread_cond_signal(&event->signalled);
    pthread_mutex_unlock(&event->lock);
}

unsigned long cir__event_count(cir__event *event)
{
    pthread_mutex_lock(&event->lock);
    unsigned long n_signals = event->n_signals;
    pthread_mutex_unlock(&event->lock);
    return n_signals;
}

void cir__event_wait(cir__event *event, unsigned long n_seen, unsigned timeout_ms)
{
    const struct timespec until = cir__clock_after(timeout_ms);
    pthread_mutex_lock(&event->lock);
    while (event->n_signals == n_seen)
        if (pthread_cond_timedwait(&event->signalled, &event->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&event->lock);
}
