#include "server/http/queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "shared/clock.h"

typedef struct place {
    cir__queue_work *work;
    void *context;
} place;

struct cir__queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    place *places; /* [capacity], a ring */
    size_t capacity;
    size_t first, n_filled; /* what waits */
    size_t n_reserved;      /* places taken, those filled included */
    bool is_ending;
    double seconds; /* of one piece of work, a running mean */
    pthread_t *workers;
    size_t n_workers;
};

static void *run(void *context)
{
    cir__queue *queue = context;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->n_filled == 0 && !queue->is_ending)
            pthread_cond_wait(&queue->filled, &queue->lock);
        if (queue->n_filled == 0)
            break;
        place next = queue->places[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->n_filled--;
        queue->n_reserved--;
        pthread_mutex_unlock(&queue->lock);
        double start = cir__clock_seconds();
        next.work(next.context);
        double took = cir__clock_seconds() - start;
        pthread_mutex_lock(&queue->lock);
        queue->seconds = queue->seconds > 0 ? 0.9 * queue->seconds + 0.1 * took : took;
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

cir__queue *cir__queue_new(size_t n_workers, size_t capacity)
{
    cir__queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return NULL;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->filled, NULL);
    queue->capacity = capacity;
    queue->places = calloc(capacity, sizeof *queue->places);
    queue->workers = calloc(n_workers, sizeof *queue->workers);
    while (queue->places != NULL && queue->workers != NULL && queue->n_workers < n_workers &&
           pthread_create(&queue->workers[queue->n_workers], NULL, run, queue) == 0)
        queue->n_workers++;
    if (queue->n_workers == n_workers)
        return queue;
    cir__queue_free(queue);
    return NULL;
}

void cir__queue_free(cir__queue *queue)
{
    if (queue == NULL)
        return;
    pthread_mutex_lock(&queue->lock);
    queue->is_ending = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
    for (size_t i = 0; i < queue->n_workers; i++)
        pthread_join(queue->workers[i], NULL);
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->lock);
    free(queue->workers);
    free(queue->places);
    free(queue);
}

bool cir__queue_reserve(cir__queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool has_place = queue->n_reserved < queue->capacity;
    queue->n_reserved += has_place;
    pthread_mutex_unlock(&queue->lock);
    return has_place;
}

void cir__queue_push(cir__queue *queue, cir__queue_work *work, void *context)
{
    pthread_mutex_lock(&queue->lock);
    queue->places[(queue->first + queue->n_filled) % queue->capacity] = (place){work, context};
    queue->n_filled++;
    pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

size_t cir__queue_n_waiting(cir__queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t n = queue->n_filled;
    pthread_mutex_unlock(&queue->lock);
    return n;
}

unsigned cir__queue_retry_after(cir__queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    double seconds = queue->seconds * (double)queue->n_filled / (double)queue->n_workers;
    pthread_mutex_unlock(&queue->lock);
    return seconds < 1 ? 1 : seconds > 60 ? 60 : (unsigned)(seconds + 0.5);
}
