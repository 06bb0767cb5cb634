#include "linalg/blas.h"

#include <cblas.h>
#include <limits.h>
#include <pthread.h>

static void limit_threads(void)
{
    openblas_set_num_threads(1);
}

void cir__blas_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, limit_threads);
}

bool cir__blas_fits(size_t n)
{
    return n <= INT_MAX;
}
