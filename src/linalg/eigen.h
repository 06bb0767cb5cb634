/* Symmetric eigenproblem, and projection onto its vectors. */
#ifndef CIR_LINALG_EIGEN_H
#define CIR_LINALG_EIGEN_H

#include <stddef.h>

#include "cir/status.h"

/* The k ≤ dim largest eigenvalues of a symmetric matrix [dim, dim] and their unit eigenvectors.
 * values_out: [k], largest first. vectors_out: [k, dim], row j belongs to values_out[j]; its sign is
 * arbitrary, and so is the basis of an eigenvalue that occurs more than once. matrix is read only; of it the
 * upper triangle. Runs on the calling thread. Errors: CIR_ARGUMENT (NaN or infinity in the matrix),
 * CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__eigen_top(const double *matrix, size_t dim, size_t k, double *values_out,
                                         float *vectors_out, cir_error *err);

/* The orthogonal projection of n vectors in [n, dim] onto the k orthonormal rows of vectors [k, dim]: out [n,
 * dim] = PPᵀ·in for each (doc/method.md, step 3), not overlapping in. Runs on the calling thread. Errors: CIR_LIMIT
 * (more than BLAS takes), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__project(const double *vectors, size_t k, size_t dim, const double *in,
                                       size_t n, double *out, cir_error *err);

#endif
