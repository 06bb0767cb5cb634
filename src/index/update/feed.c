/* Entries lie in chunks, written by the walking thread and freed once the taking thread is through. */
#include "index/update/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define CHUNK_BYTES 65536

typedef struct chunk {
    struct chunk *next;
    size_t size_bytes;
    size_t n_written; /* bytes */
    size_t n_taken;
    char bytes[];
} chunk;

typedef struct packed {
    cir__walk_entry entry; /* its path follows */
    size_t path_bytes;
} packed;

struct cir__feed {
    const char *const *roots;
    size_t n_roots;
    const cir__walk_options *options;
    cir__event *event;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    chunk *first;
    chunk *last;
    size_t n_files;
    size_t n_waiting; /* entries not yet taken */
    bool is_stopped;
    bool is_walking;
    bool is_short; /* of memory */
    cir_status status;
    cir__walk_entry taken; /* the taker's alone */
};

static chunk *chunk_with_room(cir__feed *feed, size_t n_bytes)
{
    if (feed->last != NULL && feed->last->size_bytes - feed->last->n_written >= n_bytes)
        return feed->last;
    size_t size = n_bytes > CHUNK_BYTES ? n_bytes : CHUNK_BYTES;
    chunk *added = malloc(sizeof *added + size);
    if (added == NULL)
        return NULL;
    *added = (chunk){.size_bytes = size};
    if (feed->last != NULL)
        feed->last->next = added;
    else
        feed->first = added;
    feed->last = added;
    return added;
}

static bool visit(void *context, const cir__walk_entry *entry)
{
    cir__feed *feed = context;
    size_t path_bytes = strlen(entry->path) + 1;
    size_t n_bytes = sizeof(packed) + path_bytes;
    pthread_mutex_lock(&feed->lock);
    chunk *here = feed->is_stopped ? NULL : chunk_with_room(feed, n_bytes);
    bool goes_on = here != NULL;
    bool was_empty = feed->n_waiting == 0;
    if (goes_on) {
        packed head = {*entry, path_bytes};
        memcpy(here->bytes + here->n_written, &head, sizeof head);
        memcpy(here->bytes + here->n_written + sizeof head, entry->path, path_bytes);
        here->n_written += n_bytes;
        feed->n_waiting++;
        feed->n_files += entry->is_folder ? 0 : 1;
    } else if (!feed->is_stopped) {
        feed->is_short = true;
    }
    pthread_mutex_unlock(&feed->lock);
    if (goes_on && was_empty)
        cir__event_signal(feed->event);
    return goes_on;
}

static void *run(void *argument)
{
    cir__feed *feed = argument;
    cir_status status = cir__walk_run(feed->roots, feed->n_roots, feed->options, visit, feed, NULL);
    pthread_mutex_lock(&feed->lock);
    feed->status = feed->is_short ? CIR_NO_MEMORY : status;
    feed->is_walking = false;
    pthread_mutex_unlock(&feed->lock);
    cir__event_signal(feed->event);
    return NULL;
}

cir_status cir__feed_start(const char *const *roots, size_t n_roots, const cir__walk_options *options,
                           cir__event *event, cir__feed **feed_out, cir_error *err)
{
    *feed_out = NULL;
    cir__feed *feed = cir__new(1, sizeof *feed);
    if (feed == NULL)
        return cir__fail_memory(err, "list of files");
    feed->roots = roots;
    feed->n_roots = n_roots;
    feed->options = options;
    feed->event = event;
    feed->is_walking = true;
    pthread_mutex_init(&feed->lock, NULL);
    int failure = pthread_create(&feed->thread, NULL, run, feed);
    if (failure != 0) {
        pthread_mutex_destroy(&feed->lock);
        free(feed);
        return cir__fail_errno(err, failure, "list of files: a thread cannot be started");
    }
    *feed_out = feed;
    return CIR_OK;
}

void cir__feed_stop(cir__feed *feed)
{
    if (feed == NULL)
        return;
    pthread_mutex_lock(&feed->lock);
    feed->is_stopped = true;
    pthread_mutex_unlock(&feed->lock);
    pthread_join(feed->thread, NULL);
    while (feed->first != NULL) {
        chunk *next = feed->first->next;
        free(feed->first);
        feed->first = next;
    }
    pthread_mutex_destroy(&feed->lock);
    free(feed);
}

const cir__walk_entry *cir__feed_take(cir__feed *feed)
{
    const cir__walk_entry *entry = NULL;
    pthread_mutex_lock(&feed->lock);
    chunk *here = feed->first;
    if (here != NULL && here->n_taken == here->n_written && here->next != NULL) {
        feed->first = here->next;
        free(here);
        here = feed->first;
    }
    if (here != NULL && here->n_taken < here->n_written) {
        packed head;
        memcpy(&head, here->bytes + here->n_taken, sizeof head);
        feed->taken = head.entry;
        feed->taken.path = here->bytes + here->n_taken + sizeof head;
        here->n_taken += sizeof head + head.path_bytes;
        feed->n_waiting--;
        entry = &feed->taken;
    }
    pthread_mutex_unlock(&feed->lock);
    return entry;
}

cir__feed_state cir__feed_get_state(cir__feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    cir__feed_state state = {feed->n_files, feed->is_walking, feed->n_waiting == 0, feed->status};
    pthread_mutex_unlock(&feed->lock);
    return state;
}
