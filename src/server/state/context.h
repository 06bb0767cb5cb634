/* What all parts of the server share. */
#ifndef CIR_SERVER_CONTEXT_H
#define CIR_SERVER_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cir/cir.h"
#include "server/common/cache.h"
#include "server/common/thumbnail_store.h"
#include "server/http/coalescing.h"
#include "server/http/connections.h"
#include "server/http/guard.h"
#include "server/http/http_metrics.h"
#include "server/http/queue.h"
#include "server/http/request.h"
#include "server/http/streaming.h"
#include "server/http/throttle.h"
#include "server/state/snapshot.h"

/* Limits. A search of a million photos takes tens of milliseconds: what waits longer than a full queue is
 * better told to come back. */
enum {
    CIR__MAX_STREAMS = 32, /* listeners to events */
    CIR__SEARCH_PLACES = 128,
    CIR__PICTURE_PLACES = 256,
    CIR__LOOKUP_PLACES = 512,
    CIR__UPLOAD_CACHE_BYTES = 128 << 20,
    CIR__FEATURE_CACHE_BYTES = 16 << 20,
    CIR__ANSWER_CACHE_BYTES = 32 << 20,
    CIR__PICTURE_CACHE_BYTES = 64 << 20
};

/* Who serves requests, and is behind this: run_update.h, events.h. */
typedef struct cir__update cir__update;
typedef struct cir__events cir__events;

typedef struct cir__context {
    const char *index_path;
    cir__intake intake;
    size_t max_megapixels;
    bool allows_update;
    bool forget_texts;
    bool is_trusted; /* the index, as in cir_index_options */
    cir_pool *pool;
    cir_decoder *decoder;  /* of all pictures: thumbnails, uploads, updates */
    const char *isolation; /* as in cir__serve_options */
    cir__guard guard;
    cir__metrics *metrics;
    cir__connections *connections;
    cir__throttle *throttle;
    cir__queue *searches, *thumbnails;
    cir__queue *lookups;       /* what the catalogue, or the kept thumbnails, are asked for */
    cir__streaming *streaming; /* of files that are handed out */
    cir__coalescing *coalescing;
    cir__cache *uploads;  /* bytes of pictures by SHA-256 */
    cir__cache *features; /* of photos and words */
    cir__cache *answers;
    cir__cache *thumbnail_cache;
    cir__thumbnail_store *thumbnail_store; /* thumbnails on disk; NULL: nowhere to keep them */
    cir__events *events;
    cir__update *update;
    atomic_bool is_ready; /* the first composer is made */
    pthread_mutex_t lock; /* guards what follows */
    cir__snapshot *snapshot;
    uint64_t n_snapshots;
} cir__context;

/* The view that searches use now; drop it. */
cir__snapshot *cir__context_snapshot(cir__context *context);

/* Searches from now on use that collection, which is taken over, also where it fails. Errors: those of
 * cir__snapshot_new. */
CIR_MUST_CHECK cir_status cir__context_set(cir__context *context, cir_collection *collection, cir_error *err);

/* Opens the index anew and lets searches from now on use that. Errors: those of cir_collection_reopen. */
CIR_MUST_CHECK cir_status cir__context_reopen(cir__context *context, cir_error *err);

#endif
