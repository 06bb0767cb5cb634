#include "linalg/eigen.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "linalg/blas.h"

/* LAPACK's own routine, as Fortran calls it: the lengths of the two texts come last. Debian's LAPACKE would
 * load another OpenBLAS, with threads. */
extern void dsyevd_(const char *job, const char *triangle, const int *n, double *matrix, const int *stride,
                    double *values_out, double *work, const int *n_work, int *i_work, const int *n_i_work,
                    int *info_out, size_t job_length, size_t triangle_length);

/* matrix [dim, dim] becomes the eigenvectors. *info_out: what LAPACK says, 0 for success. */
static cir_status decompose(double *matrix, int dim, double *values, int *info_out, cir_error *err)
{
    double n_work_wanted = 0;
    int n_i_work = -1;
    int n_work = -1; /* the first call only says what the second needs */
    cir_status status = cir__blas_init("eigenvectors", err);
    if (status != CIR_OK)
        return status;
    cir__blas_enter();
    dsyevd_("V", "L", &dim, matrix, &dim, values, &n_work_wanted, &n_work, &n_i_work, &n_i_work, info_out, 1,
            1);
    cir__blas_leave();
    if (*info_out != 0)
        return CIR_OK;
    if (!(n_work_wanted <= INT_MAX))
        return cir__fail(err, CIR_LIMIT, "eigenvectors: dimension %d is too large", dim);
    n_work = (int)n_work_wanted;
    double *work = cir__new_unset((size_t)n_work, sizeof *work);
    int *i_work = cir__new_unset((size_t)n_i_work, sizeof *i_work);
    if (work != NULL && i_work != NULL) {
        cir__blas_enter();
        dsyevd_("V", "L", &dim, matrix, &dim, values, work, &n_work, i_work, &n_i_work, info_out, 1, 1);
        cir__blas_leave();
    } else {
        status = cir__fail_memory(err, "eigenvectors");
    }
    free(i_work);
    free(work);
    return status;
}

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
    int info = 0;
    /* Column-major as Fortran has it: the matrix is its own transpose (its upper triangle is then the "lower"
     * one), and each eigenvector comes out in one piece. */
    status = decompose(vectors, (int)dim, values, &info, err);
    if (status != CIR_OK)
        goto done;
    if (info != 0) {
        status = cir__fail(err, CIR_ARGUMENT, "eigenvectors: LAPACK's dsyevd gave up with %d", info);
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
    cir_status status = cir__blas_init("projection", err);
    if (status == CIR_OK && n > 0 && k > 0) {
        cir__blas_enter();
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)n, (blasint)k, (blasint)dim, 1.0, in,
                    (blasint)dim, vectors, (blasint)dim, 0.0, along, (blasint)k);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)n, (blasint)dim, (blasint)k, 1.0,
                    along, (blasint)k, vectors, (blasint)dim, 0.0, out, (blasint)dim);
        cir__blas_leave();
    }
    free(along);
    return status;
}
