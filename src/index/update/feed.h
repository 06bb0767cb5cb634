/* A walk on a thread of its own, running ahead of the update: how many files there are is known early, and
 * listing folders never holds up encoding. Keeps a few dozen bytes and the path of each file until it is
 * taken. */
#ifndef CIR_INDEX_FEED_H
#define CIR_INDEX_FEED_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/status.h"
#include "index/update/event.h"
#include "index/walk/walk.h"

typedef struct cir__feed cir__feed;

/* Starts walking. roots [n_roots], options (as for cir__walk_run) and event must outlive the feed; the event
 * is signalled when there is something to take. What is counted may be read once is_walking is false. Errors:
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__feed_start(const char *const *roots, size_t n_roots,
                                          const cir__walk_options *options, cir__event *event,
                                          cir__feed **feed_out, cir_error *err);

/* Stops the walk if it still goes on. NULL is allowed. */
void cir__feed_stop(cir__feed *feed);

/* The next entry, NULL where there is none yet; lives until the next call. */
const cir__walk_entry *cir__feed_take(cir__feed *feed);

typedef struct cir__feed_state {
    size_t n_files;    /* found so far */
    bool is_walking;   /* more may come */
    bool is_empty;     /* everything that was found is taken */
    cir_status status; /* of the walk, once over */
} cir__feed_state;
cir__feed_state cir__feed_get_state(cir__feed *feed);

#endif
