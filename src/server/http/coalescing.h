/* Request coalescing: requests that ask for the same, by key, while it is being made wait for it together. */
#ifndef CIR_SERVER_COALESCING_H
#define CIR_SERVER_COALESCING_H

#include "cir/status.h"
#include "server/common/cache.h"
#include "server/http/queue.h"
#include "server/http/request.h"

enum { CIR__MAX_WAIT_SECONDS = 30 }; /* in a queue */

typedef struct cir__coalescing cir__coalescing;

/* What came of it: bytes, or an error. */
typedef struct cir__outcome {
    cir_status status;
    cir_error err;
    cir__blob *blob;    /* dropped after delivery */
    cir__queue *onward; /* NULL, or: there is more to do, on that queue's workers */
} cir__outcome;

/* One kind of work. */
typedef struct cir__work_kind {
    /* On a worker; fills *outcome. waited: seconds since it was joined. Called again where it says onward. */
    void (*work)(void *subject, double waited, cir__outcome *outcome);
    /* Answers one of the requests that waited; never called at once for one request. */
    void (*deliver)(cir__request *request, const void *subject, const cir__outcome *outcome);
    void (*free)(void *subject);
} cir__work_kind;

cir__coalescing *cir__coalescing_new(void); /* NULL when out of memory */
void cir__coalescing_free(cir__coalescing *coalescing);

/* From now on nobody joins: who asks is answered with 503. */
void cir__coalescing_close(cir__coalescing *coalescing);

/* Lets request wait for the work on subject, which is taken over; with work of that key under way, for
 * that one. Where the queue has no place, or out of memory, it is answered with 503 and Retry-After. */
void cir__coalescing_join(cir__coalescing *coalescing, cir__queue *queue, cir__request *request,
                          const char *key, const cir__work_kind *kind, void *subject);

/* Whether it has waited too long to be worth doing; then the outcome says so. */
bool cir__work_is_late(double waited, cir__outcome *outcome);

#endif
