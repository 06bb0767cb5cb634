#include "server/http/streaming.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "server/http/queue.h"

enum { PIECE_BYTES = 64 << 10, BLOCK_BYTES = 32 << 10 };

struct cir__streaming {
    pthread_mutex_t lock; /* guards is_closed and what the streams say of themselves */
    bool is_closed;
    cir__queue *reads;
};

typedef struct stream {
    cir__streaming *all;
    struct MHD_Connection *connection;
    int fd;
    uint64_t at, end;  /* bytes of the file that are still to be read */
    size_t n, n_taken; /* of the piece */
    bool has_failed;
    char piece[PIECE_BYTES];
} stream;

cir__streaming *cir__streaming_new(size_t n_workers, size_t n_places)
{
    cir__streaming *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    self->reads = cir__queue_new(n_workers, n_places);
    if (self->reads != NULL)
        return self;
    cir__streaming_free(self);
    return NULL;
}

void cir__streaming_close(cir__streaming *self)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_closed = true;
    pthread_mutex_unlock(&self->lock);
    cir__queue_free(self->reads);
    self->reads = NULL;
}

void cir__streaming_free(cir__streaming *self)
{
    if (self == NULL)
        return;
    cir__queue_free(self->reads);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* On a worker. */
static void read_piece(void *context)
{
    stream *self = context;
    size_t wanted = self->end - self->at < PIECE_BYTES ? (size_t)(self->end - self->at) : PIECE_BYTES;
    size_t n = 0;
    ssize_t more = 1;
    while (n < wanted && more > 0) {
        more = pread(self->fd, self->piece + n, wanted - n, (off_t)(self->at + n));
        n += more > 0 ? (size_t)more : 0;
    }
    pthread_mutex_lock(&self->all->lock);
    self->n = n;
    self->n_taken = 0;
    self->at += n;
    self->has_failed = n < wanted; /* it became shorter, or cannot be read */
    MHD_resume_connection(self->connection);
    pthread_mutex_unlock(&self->all->lock);
}

/* On the connection's thread: some more bytes, or none as yet. */
static ssize_t give(void *context, uint64_t position, char *out, size_t max)
{
    (void)position;
    stream *self = context;
    cir__streaming *all = self->all;
    ssize_t result = 0;
    pthread_mutex_lock(&all->lock);
    if (self->n_taken < self->n) {
        size_t n = self->n - self->n_taken < max ? self->n - self->n_taken : max;
        memcpy(out, self->piece + self->n_taken, n);
        self->n_taken += n;
        result = (ssize_t)n;
    } else if (self->has_failed || all->is_closed || self->at == self->end ||
               !cir__queue_reserve(all->reads)) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else {
        MHD_suspend_connection(self->connection);
        cir__queue_push(all->reads, read_piece, self);
    }
    pthread_mutex_unlock(&all->lock);
    return result;
}

static void free_stream(void *context)
{
    stream *self = context;
    close(self->fd);
    free(self);
}

struct MHD_Response *cir__streaming_answer(cir__streaming *streaming, struct MHD_Connection *connection,
                                           int fd, uint64_t first, uint64_t n)
{
    stream *self = malloc(sizeof *self);
    if (self == NULL) {
        close(fd);
        return NULL;
    }
    self->all = streaming;
    self->connection = connection;
    self->fd = fd;
    self->at = first;
    self->end = first + n;
    self->n = self->n_taken = 0;
    self->has_failed = false;
    struct MHD_Response *response =
        MHD_create_response_from_callback(n, BLOCK_BYTES, give, self, free_stream);
    if (response == NULL)
        free_stream(self);
    return response;
}
