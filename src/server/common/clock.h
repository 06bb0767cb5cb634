/* A clock that never jumps. */
#ifndef CIR_SERVER_CLOCK_H
#define CIR_SERVER_CLOCK_H

#include <time.h>

static inline double cir__clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
