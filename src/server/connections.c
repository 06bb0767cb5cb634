#include "server/connections.h"

#include <pthread.h>
#include <stdlib.h>

#include <sys/socket.h>

#include "server/clock.h"

struct cir__connection {
    int fd;
    double deadline; /* 0: none */
    cir__connection *before, *after;
};

struct cir__connections {
    pthread_mutex_t lock;
    cir__connection *first;
    size_t n;
    uint64_t n_cut;
};

cir__connections *cir__connections_new(void)
{
    cir__connections *all = calloc(1, sizeof *all);
    if (all != NULL)
        pthread_mutex_init(&all->lock, NULL);
    return all;
}

void cir__connections_free(cir__connections *all)
{
    if (all != NULL)
        pthread_mutex_destroy(&all->lock);
    free(all);
}

cir__connection *cir__connections_add(cir__connections *all, int fd)
{
    cir__connection *one = calloc(1, sizeof *one);
    if (one == NULL)
        return NULL;
    one->fd = fd;
    one->deadline = cir__clock_seconds() + CIR__HEADER_SECONDS;
    pthread_mutex_lock(&all->lock);
    one->after = all->first;
    if (all->first != NULL)
        all->first->before = one;
    all->first = one;
    all->n++;
    pthread_mutex_unlock(&all->lock);
    return one;
}

void cir__connections_remove(cir__connections *all, cir__connection *one)
{
    if (one == NULL)
        return;
    pthread_mutex_lock(&all->lock);
    if (one->before != NULL)
        one->before->after = one->after;
    else
        all->first = one->after;
    if (one->after != NULL)
        one->after->before = one->before;
    all->n--;
    pthread_mutex_unlock(&all->lock);
    free(one);
}

void cir__connections_allow(cir__connections *all, cir__connection *one, double seconds)
{
    if (one == NULL)
        return;
    pthread_mutex_lock(&all->lock);
    one->deadline = seconds > 0 ? cir__clock_seconds() + seconds : 0;
    pthread_mutex_unlock(&all->lock);
}

void cir__connections_cut(cir__connections *all)
{
    double now = cir__clock_seconds();
    pthread_mutex_lock(&all->lock);
    for (cir__connection *one = all->first; one != NULL; one = one->after)
        if (one->deadline > 0 && one->deadline < now) {
            /* The thread that serves it sees its end and closes it. */
            (void)shutdown(one->fd, SHUT_RDWR);
            one->deadline = 0;
            all->n_cut++;
        }
    pthread_mutex_unlock(&all->lock);
}

size_t cir__connections_count(cir__connections *all)
{
    pthread_mutex_lock(&all->lock);
    size_t n = all->n;
    pthread_mutex_unlock(&all->lock);
    return n;
}

uint64_t cir__connections_n_cut(cir__connections *all)
{
    pthread_mutex_lock(&all->lock);
    uint64_t n = all->n_cut;
    pthread_mutex_unlock(&all->lock);
    return n;
}
