/* A bound on the memory of pictures that are decoded at once: threads wait before they decode while the
 * others' pictures leave no room. A picture larger than all the room is let in alone. */
#ifndef CIR_IMAGE_GATE_H
#define CIR_IMAGE_GATE_H

#include <pthread.h>
#include <stddef.h>

typedef struct cir__gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    size_t room_bytes;
    size_t used_bytes;
} cir__gate;

#define CIR__GATE_INITIALIZER(room)                                                                          \
    {                                                                                                        \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, room, 0                                         \
    }

void cir__gate_init(cir__gate *gate, size_t room_bytes);
void cir__gate_done(cir__gate *gate);

/* Waits for room; give it back with cir__gate_leave and the same number. Whoever is inside takes no other
 * lock that somebody holds who waits here. */
void cir__gate_enter(cir__gate *gate, size_t n_bytes);
void cir__gate_leave(cir__gate *gate, size_t n_bytes);

#endif
