#include "server/http/throttle.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "server/http/request.h"

enum { N_PLACES = 4096, N_PROBES = 16 }; /* an address that finds no place takes the one unused longest */
#define FORGETTING_SECONDS 60.0          /* in which a free guess comes back */

typedef struct guesser {
    uint64_t address;
    double n_lately;   /* wrong ones, one less for every FORGETTING_SECONDS */
    double n_together; /* counted off at the rate at which held answers go */
    double counted_at; /* 0: nobody */
} guesser;

struct cir__throttle {
    pthread_mutex_t lock;
    guesser places[N_PLACES];
    guesser all;
    cir__request *held; /* a list by next, the latest first */
    bool is_closed;
};

cir__throttle *cir__throttle_new(void)
{
    cir__throttle *self = calloc(1, sizeof *self);
    if (self != NULL)
        pthread_mutex_init(&self->lock, NULL);
    return self;
}

void cir__throttle_free(cir__throttle *self)
{
    if (self != NULL)
        pthread_mutex_destroy(&self->lock);
    free(self);
}

/* The place of an address, or the one that it may take. */
static guesser *find(cir__throttle *self, uint64_t address)
{
    uint64_t hash = address * UINT64_C(0x9e3779b97f4a7c15);
    guesser *oldest = NULL;
    for (size_t i = 0; i < N_PROBES; i++) {
        guesser *one = &self->places[((hash >> 40) + i) % N_PLACES];
        if (one->counted_at > 0 && one->address == address)
            return one;
        if (oldest == NULL || one->counted_at < oldest->counted_at)
            oldest = one;
    }
    return oldest;
}

static void age(guesser *one, double now, double per_second)
{
    double seconds = now - one->counted_at;
    one->n_lately = fmax(0, one->n_lately - seconds / FORGETTING_SECONDS);
    one->n_together = fmax(0, one->n_together - seconds * per_second);
    one->counted_at = now;
}

bool cir__throttle_allows(cir__throttle *self, uint64_t address, double now)
{
    bool is_allowed = true;
    pthread_mutex_lock(&self->lock);
    guesser *one = find(self, address);
    if (one->counted_at > 0 && one->address == address) {
        age(one, now, CIR__MAX_GUESSES_OF_ADDRESS / (double)CIR__HOLD_SECONDS);
        age(&self->all, now, CIR__MAX_GUESSES / (double)CIR__HOLD_SECONDS);
        is_allowed = one->n_lately < CIR__FREE_GUESSES || (one->n_together < CIR__MAX_GUESSES_OF_ADDRESS &&
                                                           self->all.n_together < CIR__MAX_GUESSES);
    }
    pthread_mutex_unlock(&self->lock);
    return is_allowed;
}

bool cir__throttle_count(cir__throttle *self, uint64_t address, double now)
{
    pthread_mutex_lock(&self->lock);
    guesser *one = find(self, address);
    if (one->counted_at == 0 || one->address != address)
        *one = (guesser){.address = address, .counted_at = now};
    age(one, now, CIR__MAX_GUESSES_OF_ADDRESS / (double)CIR__HOLD_SECONDS);
    age(&self->all, now, CIR__MAX_GUESSES / (double)CIR__HOLD_SECONDS);
    one->n_lately++;
    one->n_together++;
    self->all.n_together++;
    bool is_held = one->n_lately > CIR__FREE_GUESSES;
    pthread_mutex_unlock(&self->lock);
    return is_held;
}

bool cir__throttle_hold(cir__throttle *self, cir__request *request, double now)
{
    pthread_mutex_lock(&self->lock);
    bool is_held = !self->is_closed;
    if (is_held) {
        request->is_waiting = true;
        request->due_at = now + CIR__HOLD_SECONDS;
        request->next = self->held;
        self->held = request;
        MHD_suspend_connection(request->connection);
    }
    pthread_mutex_unlock(&self->lock);
    return is_held;
}

/* Under the lock. */
static void let_go(cir__throttle *self, double until)
{
    for (cir__request **at = &self->held; *at != NULL;) {
        cir__request *one = *at;
        if (one->due_at > until) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        /* From here the request is its connection's thread's again. */
        MHD_resume_connection(one->connection);
    }
}

void cir__throttle_release(cir__throttle *self, double now)
{
    pthread_mutex_lock(&self->lock);
    let_go(self, now);
    pthread_mutex_unlock(&self->lock);
}

void cir__throttle_close(cir__throttle *self)
{
    pthread_mutex_lock(&self->lock);
    self->is_closed = true;
    let_go(self, INFINITY);
    pthread_mutex_unlock(&self->lock);
}
