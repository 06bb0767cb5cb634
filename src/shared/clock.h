/* A clock that never jumps. */
#ifndef CIR_SHARED_CLOCK_H
#define CIR_SHARED_CLOCK_H

#include <time.h>

static inline double cir__clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline double cir__clock_ms(void)
{
    return 1e3 * cir__clock_seconds();
}

/* The moment so many milliseconds from now, for pthread_cond_timedwait of a condition with this clock. */
static inline struct timespec cir__clock_after(unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000 + (until.tv_nsec + (long)(ms % 1000) * 1000000) / 1000000000;
    until.tv_nsec = (until.tv_nsec + (long)(ms % 1000) * 1000000) % 1000000000;
    return until;
}

#endif
