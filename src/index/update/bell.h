/* Wakes one waiting thread: what several threads ring when there is something new to see. */
#ifndef CIR_INDEX_BELL_H
#define CIR_INDEX_BELL_H

#include <pthread.h>

typedef struct cir__bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    unsigned long n_rings;
} cir__bell;

void cir__bell_init(cir__bell *bell);
void cir__bell_done(cir__bell *bell);
void cir__bell_ring(cir__bell *bell);

/* How often it rang: taken before looking, so that what happens meanwhile is not missed. */
unsigned long cir__bell_count(cir__bell *bell);

/* Waits until it has rung since n_seen was taken, at most timeout_ms. */
void cir__bell_wait(cir__bell *bell, unsigned long n_seen, unsigned timeout_ms);

#endif
