/* Shared by the tests of updates. */
#ifndef CIR_INDEX_UPDATE_TESTING_H
#define CIR_INDEX_UPDATE_TESTING_H

#include "index/synthetic/index_testing.h"

/* Compares found, unchanged, encoded, failed, vanished. */
#define ASSERT_PROGRESS(progress, ...)                                                                       \
    do {                                                                                                     \
        cir_update_progress is = (progress);                                                                 \
        const size_t wanted[] = {__VA_ARGS__};                                                               \
        const size_t got[] = {is.n_found, is.n_unchanged, is.n_encoded, is.n_failed, is.n_vanished};         \
        for (size_t i = 0; i < 5; i++)                                                                       \
            if (got[i] != wanted[i])                                                                         \
                fail_msg("line %d: figure %zu of the progress is %zu, expected %zu", __LINE__, i, got[i],    \
                         wanted[i]);                                                                         \
    } while (0)

void write_many(testing *t, int n);

#endif
