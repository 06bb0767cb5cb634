#include "linalg/eigen.h"

#include <assert.h>
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "linalg/blas.h"

cir_status cir__eigen_top(const double *matrix, size_t dim, size_t k, double *values_out, float *vectors_out,
                          cir_error *err)
{
    assert(k <= dim && dim > 0);
    if (!cir__blas_fits(dim))
        return cir__fail(err, CIR_LIMIT, "eigenvectors: dimension %zu is too large", dim);
    for (size_t i = 0; i < dim; i++)
        for (size_t j = i; j < dim; j++)
            if (!isfinite(matrix[i * dim + j]))
                return cir__fail(err, CIR_ARGUMENT, "eigenvectors: entry [%zu, %zu] of the matrix is %g", i,
                                 j, matrix[i * dim + j]);
    cir_status status = CIR_OK;
    double *values = cir__new_unset(dim, sizeof *values);
    double *vectors = cir__new_unset(dim, dim * sizeof *vectors);
    if (values == NULL || vectors == NULL) {
        status = cir__fail_memory(err, "eigenvectors");
        goto done;
    }
    memcpy(vectors, matrix, dim * dim * sizeof *vectors);
    cir__blas_init();
    /* Column-major on purpose: the matrix is its own transpose (its upper triangle is then the "lower" one),
     * LAPACKE need not copy it, and each eigenvector comes out in one piece. */
    lapack_int info =
        LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', (lapack_int)dim, vectors, (lapack_int)dim, values);
    if (info == LAPACK_WORK_MEMORY_ERROR) {
        status = cir__fail_memory(err, "eigenvectors");
        goto done;
    }
    if (info != 0) {
        status = cir__fail(err, CIR_ARGUMENT, "eigenvectors: LAPACK's dsyevd gave up with %d", (int)info);
        goto done;
    }
    for (size_t j = 0; j < k; j++) { /* LAPACK's are smallest first */
        values_out[j] = values[dim - 1 - j];
        for (size_t i = 0; i < dim; i++)
            vectors_out[j * dim + i] = (float)vectors[(dim - 1 - j) * dim + i];
    }
done:
    free(values);
    free(vectors);
    return status;
}

cir_status cir__project(const double *vectors, size_t k, size_t dim, const double *in, size_t n, double *out,
                        cir_error *err)
{
    if (!cir__blas_fits(dim) || !cir__blas_fits(n))
        return cir__fail(err, CIR_LIMIT, "projection: %zu vectors of dimension %zu are too many", n, dim);
    double *along = cir__new(n, k * sizeof *along);
    if (along == NULL)
        return cir__fail_memory(err, "projection");
    memset(out, 0, n * dim * sizeof *out);
    cir__blas_init();
    if (n > 0 && k > 0) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)n, (blasint)k, (blasint)dim, 1.0, in,
                    (blasint)dim, vectors, (blasint)dim, 0.0, along, (blasint)k);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)n, (blasint)dim, (blasint)k, 1.0,
                    along, (blasint)k, vectors, (blasint)dim, 0.0, out, (blasint)dim);
    }
    free(along);
    return CIR_OK;
}
