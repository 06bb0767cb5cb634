#include "linalg/blas.h"

#include <cblas.h>
#include <limits.h>
#include <pthread.h>

#include "base/error.h"
#include "base/memory.h"

/* What OpenBLAS takes for one buffer, and a little more for what the system adds. */
#define BUFFER_BYTES (((size_t)128 << 20) + ((size_t)1 << 20))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static size_t n_buffers; /* that OpenBLAS has, or that there was room for */
static size_t n_inside;

/* The smallest product that takes a buffer whatever OpenBLAS' shortcuts for small ones. */
static void take_first_buffer(void)
{
    const double one = 1;
    double square = 0;
    openblas_set_num_threads(1);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, 1, 1, 1.0, &one, 1, 0.0, &square, 1);
}

cir_status cir__blas_init(const char *what, cir_error *err)
{
    pthread_mutex_lock(&lock);
    if (n_buffers == 0 && cir__memory_has_room(BUFFER_BYTES)) {
        take_first_buffer();
        n_buffers = 1;
    }
    const bool has_buffer = n_buffers > 0;
    pthread_mutex_unlock(&lock);
    return has_buffer ? CIR_OK : cir__fail_memory(err, what);
}

void cir__blas_enter(void)
{
    pthread_mutex_lock(&lock);
    while (n_inside >= n_buffers) {
        if (cir__memory_has_room(BUFFER_BYTES))
            n_buffers++;
        else
            pthread_cond_wait(&left, &lock);
    }
    n_inside++;
    pthread_mutex_unlock(&lock);
}

void cir__blas_leave(void)
{
    pthread_mutex_lock(&lock);
    n_inside--;
    pthread_cond_signal(&left);
    pthread_mutex_unlock(&lock);
}

bool cir__blas_fits(size_t n)
{
    return n <= INT_MAX;
}
