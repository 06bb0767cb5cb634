/* Work on its way, by key: requests that ask for the same while it is being made wait for it together. */
#ifndef CIR_SERVER_FLIGHTS_H
#define CIR_SERVER_FLIGHTS_H

#include "cir/status.h"
#include "server/cache.h"
#include "server/queue.h"
#include "server/request.h"

enum { CIR__MAX_WAIT_SECONDS = 30 }; /* in a queue */

typedef struct cir__flights cir__flights;

/* What came of it: bytes, or an error. */
typedef struct cir__outcome {
    cir_status status;
    cir_error err;
    cir__blob *blob;    /* dropped after delivery */
    cir__queue *onward; /* NULL, or: there is more to do, on that queue's workers */
} cir__outcome;

/* One kind of work. */
typedef struct cir__flight_kind {
    /* On a worker; fills *outcome. waited: seconds since it was joined. Called again where it says onward. */
    void (*work)(void *subject, double waited, cir__outcome *outcome);
    /* Answers one of the requests that waited; never called at once for one request. */
    void (*deliver)(cir__request *request, const void *subject, const cir__outcome *outcome);
    void (*free)(void *subject);
} cir__flight_kind;

cir__flights *cir__flights_new(void); /* NULL where memory is short */
void cir__flights_free(cir__flights *flights);

/* From now on nobody joins: who asks is answered with 503. */
void cir__flights_close(cir__flights *flights);

/* Lets request wait for the work on subject, which is taken over; with a flight of that key under way, for
 * that one. Where the queue has no place, or memory is short, it is answered with 503 and Retry-After. */
void cir__flights_join(cir__flights *flights, cir__queue *queue, cir__request *request, const char *key,
                       const cir__flight_kind *kind, void *subject);

/* Whether it has waited too long to be worth doing; then the outcome says so. */
bool cir__flight_is_late(double waited, cir__outcome *outcome);

#endif
