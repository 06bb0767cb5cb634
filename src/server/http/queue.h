/* Work that waits its turn, never more of it than there is room for: who finds no place is told to come back
 * later, and the server's memory stays what it is. */
#ifndef CIR_SERVER_QUEUE_H
#define CIR_SERVER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cir__queue cir__queue;
typedef void cir__queue_work(void *context);

/* n_workers threads; capacity: places for what waits. NULL when out of threads or memory. */
cir__queue *cir__queue_new(size_t n_workers, size_t capacity);

/* Lets everything that waits be done, then ends the threads. NULL is allowed. */
void cir__queue_free(cir__queue *queue);

/* Takes a place; false: all are taken. What takes one must fill it, with cir__queue_push, which then cannot
 * fail: so a caller can get ready for the work between the two. */
bool cir__queue_reserve(cir__queue *queue);
void cir__queue_push(cir__queue *queue, cir__queue_work *work, void *context);

/* How much waits, and a guess, in whole seconds, of when there will be room. */
size_t cir__queue_n_waiting(cir__queue *queue);
unsigned cir__queue_retry_after(cir__queue *queue);

#endif
