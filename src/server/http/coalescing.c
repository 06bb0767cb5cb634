#include "server/http/coalescing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "server/http/request.h"
#include "shared/clock.h"
#include "shared/failure.h"

struct cir__coalescing {
    pthread_mutex_t lock;
    GHashTable *by_key;
    bool is_closed;
};

typedef struct shared_work {
    cir__coalescing *all;
    char *key;
    const cir__work_kind *kind;
    void *subject;
    cir__request *waiting; /* a list */
    double queued_at;
} shared_work;

cir__coalescing *cir__coalescing_new(void)
{
    cir__coalescing *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    pthread_mutex_init(&all->lock, NULL);
    all->by_key = g_hash_table_new(g_str_hash, g_str_equal);
    return all;
}

void cir__coalescing_free(cir__coalescing *all)
{
    if (all == NULL)
        return;
    g_hash_table_destroy(all->by_key);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

void cir__coalescing_close(cir__coalescing *all)
{
    pthread_mutex_lock(&all->lock);
    all->is_closed = true;
    pthread_mutex_unlock(&all->lock);
}

static void free_work(shared_work *self)
{
    self->kind->free(self->subject);
    free(self->key);
    free(self);
}

static void do_work(void *context)
{
    shared_work *self = context;
    cir__outcome outcome = {0};
    double waited = cir__clock_seconds() - self->queued_at;
    self->kind->work(self->subject, waited, &outcome);
    if (outcome.onward != NULL) {
        if (cir__queue_reserve(outcome.onward)) {
            cir__queue_push(outcome.onward, do_work, self);
            return;
        }
        outcome.status = cir__fail(&outcome.err, CIR_NO_MEMORY, "server: is overloaded; try again later");
    }
    pthread_mutex_lock(&self->all->lock);
    g_hash_table_remove(self->all->by_key, self->key);
    cir__request *next = self->waiting;
    pthread_mutex_unlock(&self->all->lock);
    while (next != NULL) {
        cir__request *request = next;
        next = request->next;
        self->kind->deliver(request, self->subject, &outcome);
        /* From here the request is its connection's thread's again. */
        MHD_resume_connection(request->connection);
    }
    cir__blob_drop(outcome.blob);
    free_work(self);
}

bool cir__work_is_late(double waited, cir__outcome *outcome)
{
    if (waited <= CIR__MAX_WAIT_SECONDS)
        return false;
    outcome->status = cir__fail(&outcome->err, CIR_NO_MEMORY,
                                "server: this waited more than %d s; try again later", CIR__MAX_WAIT_SECONDS);
    return true;
}

/* The connection stops here until it is resumed, which may be before this returns. */
static void suspend(cir__request *request, shared_work *self)
{
    request->is_waiting = true;
    request->next = self->waiting;
    self->waiting = request;
    MHD_suspend_connection(request->connection);
}

static void refuse(cir__request *request, unsigned seconds)
{
    cir__reply_error(request, 503, "server: is overloaded; try again a little later");
    cir__reply_retry_after(request, seconds);
}

void cir__coalescing_join(cir__coalescing *all, cir__queue *queue, cir__request *request, const char *key,
                          const cir__work_kind *kind, void *subject)
{
    shared_work *made = calloc(1, sizeof *made);
    if (made != NULL)
        *made = (shared_work){all, strdup(key), kind, subject, NULL, cir__clock_seconds()};
    if (made == NULL || made->key == NULL) {
        free(made);
        kind->free(subject);
        refuse(request, 5);
        return;
    }
    bool is_full = false;
    pthread_mutex_lock(&all->lock);
    shared_work *found = all->is_closed ? NULL : g_hash_table_lookup(all->by_key, key);
    if (found != NULL) {
        suspend(request, found);
    } else if (!all->is_closed && cir__queue_reserve(queue)) {
        g_hash_table_insert(all->by_key, made->key, made);
        suspend(request, made);
        cir__queue_push(queue, do_work, made);
        made = NULL;
    } else {
        is_full = true;
    }
    pthread_mutex_unlock(&all->lock);
    if (made != NULL)
        free_work(made);
    if (is_full)
        refuse(request, cir__queue_retry_after(queue));
}
