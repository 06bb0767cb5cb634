/* The seam to OpenBLAS.
 *
 * A call of BLAS or LAPACK needs a buffer of 128 MiB, which OpenBLAS takes when it has none to spare and
 * never gives back; where there is no room for it, it asks again without end. So room is made sure of before:
 * every call stands between cir__blas_enter and cir__blas_leave. */
#ifndef CIR_LINALG_BLAS_H
#define CIR_LINALG_BLAS_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/status.h"

/* To be called, and to succeed, before any other function here. The first call has OpenBLAS take its first
 * buffer. Thread-safe.
 * Errors: CIR_NO_MEMORY; a later call tries again. what: whom the message is about. */
CIR_MUST_CHECK cir_status cir__blas_init(const char *what, cir_error *err);

/* Around one call of a routine, on any thread: waits for a buffer that is free where there is no room for one
 * more. In between OpenBLAS is at one thread, and where it has no smaller scope so is the process: the
 * library cuts work over its own pool, and results would otherwise depend on the number of OpenBLAS' threads.
 * The host's number is given back. */
void cir__blas_enter(void);
void cir__blas_leave(void);

/* Whether a dimension can be told to BLAS, whose integers have 32 bits. */
bool cir__blas_fits(size_t n);

#endif
