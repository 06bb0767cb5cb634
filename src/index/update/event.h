/* Wakes one waiting thread: what several threads signal when there is something new to see. */
#ifndef CIR_INDEX_EVENT_H
#define CIR_INDEX_EVENT_H

#include <pthread.h>

typedef struct cir__event {
    pthread_mutex_t lock;
    pthread_cond_t signalled;
    unsigned long n_signals;
} cir__event;

void cir__event_init(cir__event *event);
void cir__event_done(cir__event *event);
void cir__event_signal(cir__event *event);

/* How many signals there were: taken before looking, so that what happens meanwhile is not missed. */
unsigned long cir__event_count(cir__event *event);

/* Waits for a signal since n_seen was taken, at most timeout_ms. */
void cir__event_wait(cir__event *event, unsigned long n_seen, unsigned timeout_ms);

#endif
