/* Where a request ends: a head that another server on the way could read differently is refused, and its
 * connection closed, so that no bytes of one request are taken for the next (request smuggling).
 *
 * The HTTP library reads heads leniently: it takes a bare LF for the end of a line, joins folded lines, heeds
 * the first of two lengths, and stops a value at a zero. What it made of a head is told by its fields, by
 * where in its buffer they lie (cir__layout) and by the size of the whole. */
#ifndef CIR_SERVER_FRAMING_H
#define CIR_SERVER_FRAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/status.h"

/* A head as it is gone through. Zeroed is ready. */
typedef struct cir__framing {
    bool is_http_1_0;
    size_t n_lengths, n_codings, n_hosts;
    bool has_bad_name, has_bad_value, has_bad_length;
    bool is_chunked;   /* by the one coding that there is */
    bool ends_chunked; /* the last coding is, others come before */
} cir__framing;

/* The next field, in order. */
void cir__framing_add(cir__framing *framing, const char *name, const char *value);

/* 0: it is framed in one way. Else the HTTP status (400, 501) and, in err, why. */
unsigned cir__framing_check(const cir__framing *framing, cir_error *err);

/* The places of a head's parts in one buffer, followed from the front: whether they lie as they do in a head
 * whose lines end with CR LF, none of which is folded, and which holds no zero. Looks at no byte between. */
typedef struct cir__layout {
    const char *at; /* where the next part must begin */
    bool is_broken;
} cir__layout;

/* target: as it came, n_target bytes. */
void cir__layout_begin(cir__layout *layout, const char *method, const char *target, size_t n_target,
                       const char *version);
void cir__layout_add(cir__layout *layout, const char *name, const char *value);
/* n_head: bytes from the method to the end of the empty line. */
bool cir__layout_is_plain(const cir__layout *layout, const char *method, size_t n_head);

#endif
