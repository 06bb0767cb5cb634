#include "server/api/events.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/state/context.h"
#include "shared/clock.h"

enum { EVENT_SIZE = 2048, PING_SECONDS = 15 };

typedef struct stream stream;
struct stream {
    cir__events *events;
    struct MHD_Connection *connection;
    unsigned long n_seen;
    bool wants_ping, is_suspended;
    char pending[EVENT_SIZE]; /* what is being sent */
    size_t size, at;
    stream *before, *after;
};

struct cir__events {
    pthread_mutex_t lock;
    bool is_ending;
    char event[EVENT_SIZE]; /* the newest, ready to be sent */
    unsigned long n_events;
    bool is_over; /* what it tells of */
    stream *streams;
    size_t n_streams;
    double pinged_at;
};

cir__events *cir__events_new(void)
{
    cir__events *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    self->is_over = true;
    self->pinged_at = cir__clock_seconds();
    return self;
}

void cir__events_free(cir__events *self)
{
    if (self == NULL)
        return;
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* Under the lock. */
static void wake_streams(cir__events *self)
{
    for (stream *one = self->streams; one != NULL; one = one->after)
        if (one->is_suspended) {
            one->is_suspended = false;
            MHD_resume_connection(one->connection);
        }
}

void cir__events_stop(cir__events *self)
{
    pthread_mutex_lock(&self->lock);
    self->is_ending = true;
    wake_streams(self);
    pthread_mutex_unlock(&self->lock);
}

void cir__events_publish(cir__events *self, const char *name, json_t *data, bool is_last)
{
    char *text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(data);
    if (text == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    int size = snprintf(self->event, sizeof self->event, "event: %s\ndata: %s\n\n", name, text);
    if (size > 0 && (size_t)size < sizeof self->event)
        self->n_events++;
    self->is_over = is_last;
    wake_streams(self);
    pthread_mutex_unlock(&self->lock);
    free(text);
}

void cir__events_ping(cir__events *self)
{
    double now = cir__clock_seconds();
    pthread_mutex_lock(&self->lock);
    if (now - self->pinged_at > PING_SECONDS) {
        for (stream *one = self->streams; one != NULL; one = one->after)
            one->wants_ping = true;
        wake_streams(self);
        self->pinged_at = now;
    }
    pthread_mutex_unlock(&self->lock);
}

/* Called on a thread of the daemon: the next bytes of a stream. */
static ssize_t read_stream(void *context, uint64_t position, char *out, size_t max)
{
    (void)position;
    stream *self = context;
    cir__events *events = self->events;
    ssize_t result = 0;
    pthread_mutex_lock(&events->lock);
    if (self->at == self->size) {
        self->at = self->size = 0;
        if (self->n_seen != events->n_events) {
            self->size = strlen(events->event);
            memcpy(self->pending, events->event, self->size);
            self->n_seen = events->n_events;
        } else if (self->wants_ping) {
            self->size = (size_t)snprintf(self->pending, sizeof self->pending, ": still there\n\n");
        }
        self->wants_ping = false;
    }
    if (self->at < self->size) {
        size_t n = self->size - self->at < max ? self->size - self->at : max;
        memcpy(out, self->pending + self->at, n);
        self->at += n;
        result = (ssize_t)n;
    } else if (events->is_ending) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        self->is_suspended = true;
        MHD_suspend_connection(self->connection);
    }
    pthread_mutex_unlock(&events->lock);
    return result;
}

static void free_stream(void *context)
{
    stream *self = context;
    cir__events *events = self->events;
    pthread_mutex_lock(&events->lock);
    if (self->before != NULL)
        self->before->after = self->after;
    else
        events->streams = self->after;
    if (self->after != NULL)
        self->after->before = self->before;
    events->n_streams--;
    pthread_mutex_unlock(&events->lock);
    free(self);
}

/* Under the lock; NULL: too many, or out of memory. */
static stream *new_stream(cir__events *self, struct MHD_Connection *connection)
{
    stream *one = self->n_streams < CIR__MAX_STREAMS ? calloc(1, sizeof *one) : NULL;
    if (one == NULL)
        return NULL;
    one->events = self;
    one->connection = connection;
    /* A listener hears of the running update at once, and of one that is over from /v1/index. */
    one->n_seen = self->is_over ? self->n_events : self->n_events - 1;
    one->size = (size_t)snprintf(one->pending, sizeof one->pending, "retry: 3000\n\n");
    one->after = self->streams;
    if (self->streams != NULL)
        self->streams->before = one;
    self->streams = one;
    self->n_streams++;
    return one;
}

void cir__events_get(cir__request *request)
{
    enum { BLOCK_SIZE = 1024 };
    cir__events *self = request->context->events;
    pthread_mutex_lock(&self->lock);
    stream *one = new_stream(self, request->connection);
    pthread_mutex_unlock(&self->lock);
    if (one == NULL) {
        cir__reply_error(request, 503, "events: too many listen already; close some pages");
        cir__reply_retry_after(request, 10);
        return;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_stream, one, free_stream);
    if (response == NULL)
        free_stream(one);
    cir__reply_response(request, MHD_HTTP_OK, response);
    request->is_stream = true;
    cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    cir__reply_header(request, "X-Accel-Buffering", "no");
}
