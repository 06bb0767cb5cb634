/* The seam to OpenBLAS. */
#ifndef CIR_LINALG_BLAS_H
#define CIR_LINALG_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* To be called before any routine of BLAS or LAPACK. The first call sets OpenBLAS to one thread, for the
 * whole process, as it has no smaller scope: the library cuts work over its own pool, and OpenBLAS' results
 * would otherwise depend on the number of its threads. Thread-safe. */
void cir__blas_init(void);

/* Whether a dimension can be told to BLAS, whose integers have 32 bits. */
bool cir__blas_fits(size_t n);

#endif
