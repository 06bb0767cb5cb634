/* The part of a file that a client asks for (RFC 9110, 14): one range of bytes; several are answered with the
 * whole, as is allowed. */
#ifndef CIR_SERVER_RANGE_H
#define CIR_SERVER_RANGE_H

#include <stdint.h>

typedef enum cir__range_kind {
    CIR__RANGE_WHOLE, /* nothing was asked for that is understood */
    CIR__RANGE_PART,
    CIR__RANGE_OUTSIDE, /* none of the bytes is there */
} cir__range_kind;

/* range: the header, or NULL. size: of the file. first, n: of a part, else of the whole. */
cir__range_kind cir__range_parse(const char *range, uint64_t size, uint64_t *first_out, uint64_t *n_out);

#endif
