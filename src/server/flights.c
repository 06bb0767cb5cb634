#include "server/flights.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "server/clock.h"
#include "server/fail.h"
#include "server/request.h"

struct cir__flights {
    pthread_mutex_t lock;
    GHashTable *by_key;
    bool is_closed;
};

typedef struct flight {
    cir__flights *all;
    char *key;
    const cir__flight_kind *kind;
    void *subject;
    cir__request *waiting; /* a list */
    double queued_at;
} flight;

cir__flights *cir__flights_new(void)
{
    cir__flights *flights = calloc(1, sizeof *flights);
    if (flights == NULL)
        return NULL;
    pthread_mutex_init(&flights->lock, NULL);
    flights->by_key = g_hash_table_new(g_str_hash, g_str_equal);
    return flights;
}

void cir__flights_free(cir__flights *flights)
{
    if (flights == NULL)
        return;
    g_hash_table_destroy(flights->by_key);
    pthread_mutex_destroy(&flights->lock);
    free(flights);
}

void cir__flights_close(cir__flights *flights)
{
    pthread_mutex_lock(&flights->lock);
    flights->is_closed = true;
    pthread_mutex_unlock(&flights->lock);
}

static void free_flight(flight *self)
{
    self->kind->free(self->subject);
    free(self->key);
    free(self);
}

static void fly(void *context)
{
    flight *self = context;
    cir__outcome outcome = {0};
    double waited = cir__clock_seconds() - self->queued_at;
    self->kind->work(self->subject, waited, &outcome);
    if (outcome.onward != NULL) {
        if (cir__queue_reserve(outcome.onward)) {
            cir__queue_push(outcome.onward, fly, self);
            return;
        }
        outcome.status =
            cir__refuse(&outcome.err, CIR_NO_MEMORY, "server: has too much to do; try again later");
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
    free_flight(self);
}

bool cir__flight_is_late(double waited, cir__outcome *outcome)
{
    if (waited <= CIR__MAX_WAIT_SECONDS)
        return false;
    outcome->status =
        cir__refuse(&outcome->err, CIR_NO_MEMORY, "server: this waited more than %d s; try again later",
                    CIR__MAX_WAIT_SECONDS);
    return true;
}

/* The connection stops here until it is resumed, which may be before this returns. */
static void suspend(cir__request *request, flight *self)
{
    request->is_waiting = true;
    request->next = self->waiting;
    self->waiting = request;
    MHD_suspend_connection(request->connection);
}

static void refuse(cir__request *request, unsigned seconds)
{
    cir__reply_error(request, 503, "server: has too much to do; try again a little later");
    cir__reply_retry_after(request, seconds);
}

void cir__flights_join(cir__flights *flights, cir__queue *queue, cir__request *request, const char *key,
                       const cir__flight_kind *kind, void *subject)
{
    flight *made = calloc(1, sizeof *made);
    if (made != NULL)
        *made = (flight){flights, strdup(key), kind, subject, NULL, cir__clock_seconds()};
    if (made == NULL || made->key == NULL) {
        free(made);
        kind->free(subject);
        refuse(request, 5);
        return;
    }
    bool is_full = false;
    pthread_mutex_lock(&flights->lock);
    flight *found = flights->is_closed ? NULL : g_hash_table_lookup(flights->by_key, key);
    if (found != NULL) {
        suspend(request, found);
    } else if (!flights->is_closed && cir__queue_reserve(queue)) {
        g_hash_table_insert(flights->by_key, made->key, made);
        suspend(request, made);
        cir__queue_push(queue, fly, made);
        made = NULL;
    } else {
        is_full = true;
    }
    pthread_mutex_unlock(&flights->lock);
    if (made != NULL)
        free_flight(made);
    if (is_full)
        refuse(request, cir__queue_retry_after(queue));
}
