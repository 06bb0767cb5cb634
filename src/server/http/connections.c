#include "server/http/connections.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/socket.h>

#include "shared/clock.h"

struct cir__connection {
    int fd;
    cir__phase phase;
    double waited_for_since; /* the client */
    double deadline;         /* 0: none */
    bool is_cut;
    cir__connection *before, *after;
};

struct cir__connections {
    pthread_mutex_t lock;
    bool tells_why;
    cir__connection *first;
    size_t n, n_leaving; /* leaving: of the n */
    uint64_t n_cut;
};

cir__connections *cir__connections_new(bool tells_why)
{
    cir__connections *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    pthread_mutex_init(&all->lock, NULL);
    all->tells_why = tells_why;
    return all;
}

void cir__connections_free(cir__connections *all)
{
    if (all != NULL)
        pthread_mutex_destroy(&all->lock);
    free(all);
}

/* Under the lock. The thread that serves it sees its end and closes it. */
static void cut(cir__connections *all, cir__connection *one)
{
    static const char body[] = "{\"error\":{\"code\":\"TIMED_OUT\",\"message\":\"request: came too slowly, "
                               "or others wait; send it again, at once and whole\"}}";
    char late[400];
    bool is_late = one->phase == CIR__PHASE_HEAD || one->phase == CIR__PHASE_BODY;
    int n = snprintf(late, sizeof late,
                     "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\nConnection: close\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     sizeof body - 1, body);
    if (is_late && all->tells_why)
        (void)send(one->fd, late, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(one->fd, SHUT_RDWR);
    one->deadline = 0;
    one->is_cut = true;
    all->n_leaving++;
    all->n_cut++;
}

/* Under the lock: makes room where places are scarce. Who reads an answer is cut last. */
static void make_room(cir__connections *all)
{
    cir__connection *worst = NULL;
    if (all->n - all->n_leaving <= CIR__MAX_CONNECTIONS - CIR__N_SPARE)
        return;
    for (cir__connection *one = all->first; one != NULL; one = one->after) {
        if (one->is_cut || one->phase == CIR__PHASE_WORK)
            continue;
        bool is_reading = one->phase == CIR__PHASE_ANSWER;
        bool was_reading = worst != NULL && worst->phase == CIR__PHASE_ANSWER;
        if (worst == NULL || (was_reading && !is_reading) ||
            (was_reading == is_reading && one->waited_for_since < worst->waited_for_since))
            worst = one;
    }
    if (worst != NULL)
        cut(all, worst);
}

cir__connection *cir__connections_add(cir__connections *all, int fd)
{
    cir__connection *one = calloc(1, sizeof *one);
    if (one == NULL)
        return NULL;
    one->fd = fd;
    one->waited_for_since = cir__clock_seconds();
    one->deadline = one->waited_for_since + CIR__HEADER_SECONDS;
    pthread_mutex_lock(&all->lock);
    one->after = all->first;
    if (all->first != NULL)
        all->first->before = one;
    all->first = one;
    all->n++;
    make_room(all);
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
    all->n_leaving -= one->is_cut;
    pthread_mutex_unlock(&all->lock);
    free(one);
}

void cir__connections_enter(cir__connections *all, cir__connection *one, cir__phase phase, size_t n_answer)
{
    static const double seconds[] = {[CIR__PHASE_IDLE] = CIR__HEADER_SECONDS,
                                     [CIR__PHASE_BODY] = CIR__BODY_SECONDS,
                                     [CIR__PHASE_ANSWER] = CIR__ANSWER_SECONDS};
    if (one == NULL)
        return;
    double now = cir__clock_seconds();
    pthread_mutex_lock(&all->lock);
    one->phase = phase;
    if (one->is_cut || phase == CIR__PHASE_WORK) {
        one->deadline = 0;
    } else if (phase != CIR__PHASE_HEAD) { /* whose time runs since the line before */
        one->waited_for_since = now;
        one->deadline = now + seconds[phase];
        if (phase == CIR__PHASE_ANSWER)
            one->deadline += (double)n_answer / CIR__MIN_BYTES_PER_SECOND;
    }
    pthread_mutex_unlock(&all->lock);
}

void cir__connections_cut(cir__connections *all, double now)
{
    pthread_mutex_lock(&all->lock);
    for (cir__connection *one = all->first; one != NULL; one = one->after)
        if (one->deadline > 0 && one->deadline < now)
            cut(all, one);
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
