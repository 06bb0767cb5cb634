/* One request on its way: what came, and the answer that goes. */
#ifndef CIR_SERVER_REQUEST_H
#define CIR_SERVER_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <microhttpd.h>

#include "server/common/cache.h"
#include "server/http/connections.h"
#include "server/http/params.h"

typedef struct cir__request cir__request;
typedef struct cir__context cir__context; /* what handlers work with: context.h */

/* Limits. */
enum {
    CIR__MAX_TARGET = 8 << 10,        /* bytes of a request's target */
    CIR__MAX_HEAD = 32 << 10,         /* and of its head */
    CIR__MAX_DOCUMENT = 64 << 10,     /* and of its JSON */
    CIR__MAX_DRAINED = 64 << 20,      /* bytes read of a body that is refused */
    CIR__MAX_BODIES_BYTES = 256 << 20 /* of all bodies on their way */
};

/* What all requests have in common. */
typedef struct cir__intake {
    char base_path[256]; /* "" or "/photos": before the paths of requests, where a proxy left it there */
    size_t max_upload_bytes;
    atomic_size_t n_body_bytes; /* of all bodies on their way */
} cir__intake;

/* Answers a request with one of cir__reply_…, or lets it wait for work (coalescing.h). */
typedef void cir__handler(cir__request *request);

typedef struct cir__route {
    const char *method;
    const char *pattern; /* "/v1/images/{id}": digits stand for {id}, a file's name for {name} */
    cir__handler *handle;
    unsigned kind;
} cir__route;

/* Kinds of routes. */
enum {
    CIR__CLOSED = 0,     /* needs the token, where the server has one */
    CIR__OPEN = 1,       /* does not */
    CIR__TAKES_QUERY = 2 /* a body: JSON, or multipart with an image and JSON */
};

/* Bytes that grow. Zeroed is empty. */
typedef struct cir__bytes {
    char *data;
    size_t size, capacity;
} cir__bytes;

struct cir__request {
    cir__context *context;
    cir__intake *intake;
    struct MHD_Connection *connection;
    cir__connection *clock;
    cir__params params;
    char *location;           /* NULL, or: the base path was asked for without its slash, and this is meant */
    size_t n_target;          /* bytes of the target as it came */
    cir_status target_status; /* of taking the target apart */
    cir_error target_error;
    const cir__route *route; /* NULL: none */
    size_t i_route;
    size_t id;
    const char *name;
    double received_at;
    size_t n_json_refused; /* before it came: see cir__json_n_refused */

    bool is_head;
    bool has_begun, is_whole, is_dispatched, is_waiting;
    bool closes;                     /* the connection ends with this answer */
    bool is_held;                    /* the answer is to go late: it is that to a guess */
    double due_at;                   /* when it goes */
    struct MHD_PostProcessor *parts; /* of a multipart body */
    cir__bytes document, image;
    bool has_image;
    size_t n_body; /* bytes that came */

    unsigned status; /* of the answer; 0: not answered as yet */
    struct MHD_Response *response;
    size_t n_answer; /* its bytes, where known */
    bool is_stream;
    cir__request *next; /* that waits for the same work, or is held too */
};

/* NULL when out of memory. */
cir__request *cir__request_new(cir__context *context, cir__intake *intake, const char *target);
void cir__request_free(cir__request *request); /* NULL is allowed */

const char *cir__request_header(const cir__request *request, const char *name);

/* Gets ready for the body, by its type; may answer with a refusal. */
void cir__request_expect_body(cir__request *request);

/* Takes a piece of it; false: enough, the connection is to be closed. */
bool cir__request_take(cir__request *request, const char *bytes, size_t size);

/* ---- answers; each answers at most once ---- */

/* Takes document over. */
void cir__reply_json(cir__request *request, unsigned status, json_t *document);
/* {"error": {"code", "message"}} */
void cir__reply_error(cir__request *request, unsigned status, const char *message);
/* The same with the status that fits the library's; is_upload: it came of a picture that the client sent. */
void cir__reply_failure(cir__request *request, const cir_error *err, bool is_upload);
/* Shares blob. */
void cir__reply_blob(cir__request *request, unsigned status, const char *type, cir__blob *blob);
/* bytes stay the caller's and must not go. */
void cir__reply_static(cir__request *request, unsigned status, const char *type, const void *bytes,
                       size_t size);
/* Any response, which is taken over. NULL: memory. */
void cir__reply_response(cir__request *request, unsigned status, struct MHD_Response *response);
/* Once answered. */
void cir__reply_header(cir__request *request, const char *name, const char *value);
void cir__reply_retry_after(cir__request *request, unsigned seconds);

/* Whether the client holds what etag ("\"…\"") names already; then it is answered with 304. */
bool cir__reply_unchanged(cir__request *request, const char *etag, const char *cache_control);

#endif
