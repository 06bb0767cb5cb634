/* A bound on the memory of pictures that are decoded at once: threads wait before they decode while the
 * others' pictures leave no room. A picture larger than all the room is let in alone. */
#ifndef CIR_IMAGE_MEMORY_LIMIT_H
#define CIR_IMAGE_MEMORY_LIMIT_H

#include <pthread.h>
#include <stddef.h>

typedef struct cir__memory_limit {
    pthread_mutex_t lock;
    pthread_cond_t left;
    size_t limit_bytes;
    size_t used_bytes;
} cir__memory_limit;

#define CIR__MEMORY_LIMIT_INITIALIZER(room)                                                                  \
    {                                                                                                        \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, room, 0                                         \
    }

void cir__memory_limit_init(cir__memory_limit *limit, size_t limit_bytes);
void cir__memory_limit_done(cir__memory_limit *limit);

/* Waits for room; give it back with cir__memory_limit_leave and the same number. Whoever is inside takes no
 * other lock that somebody holds who waits here. */
void cir__memory_limit_enter(cir__memory_limit *limit, size_t n_bytes);
void cir__memory_limit_leave(cir__memory_limit *limit, size_t n_bytes);

#endif
