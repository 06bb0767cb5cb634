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
static int n_host_threads; /* to be given back when nobody is inside any more */
static _Thread_local int n_own_threads;

/* OpenMP's own functions; headers of its runtime are not needed, nor always there. */
extern void omp_set_num_threads(int n_threads);
extern int omp_get_max_threads(void);

/* The number of threads is the calling thread's where OpenBLAS has OpenMP's, and the process' where it has
 * its own. */
static void set_one_thread(void)
{
    const int build = openblas_get_parallel();
    if (build == OPENBLAS_OPENMP) {
        n_own_threads = omp_get_max_threads();
        omp_set_num_threads(1);
    } else if (build == OPENBLAS_THREAD && n_inside == 0) {
        n_host_threads = openblas_get_num_threads();
        if (n_host_threads != 1)
            openblas_set_num_threads(1);
    }
}

static void give_threads_back(void)
{
    const int build = openblas_get_parallel();
    if (build == OPENBLAS_OPENMP)
        omp_set_num_threads(n_own_threads);
    /* What somebody else has set since is left as it is. */
    else if (build == OPENBLAS_THREAD && n_inside == 0 && n_host_threads != 1 &&
             openblas_get_num_threads() == 1)
        openblas_set_num_threads(n_host_threads);
}

/* The smallest product that takes a buffer whatever OpenBLAS' shortcuts for small ones. */
static void take_first_buffer(void)
{
    const double one = 1;
    double square = 0;
    set_one_thread();
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, 1, 1, 1.0, &one, 1, 0.0, &square, 1);
    give_threads_back();
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
    set_one_thread();
    n_inside++;
    pthread_mutex_unlock(&lock);
}

void cir__blas_leave(void)
{
    pthread_mutex_lock(&lock);
    n_inside--;
    give_threads_back();
    pthread_cond_signal(&left);
    pthread_mutex_unlock(&lock);
}

bool cir__blas_fits(size_t n)
{
    return n <= INT_MAX;
}
