/* An image mean that somebody else computed. */
#ifndef CIR_METHOD_MEAN_H
#define CIR_METHOD_MEAN_H

#include <stddef.h>

#include "cir/status.h"

/* Reads a mean from a .npy file of dim numbers, [dim] or [1, dim]; free() it. It is taken as it is, not made
 * a unit vector. Errors: those of reading, CIR_SHAPE, CIR_FORMAT (not a number in it), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__mean_read(const char *path, size_t dim, float **mean_out, cir_error *err);

#endif
