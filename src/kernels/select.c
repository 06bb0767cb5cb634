/* Which table to use: what the processor and the system support, lowered by the environment. */
#include "kernels/kernels.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/tables.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* __builtin_cpu_supports also asks whether the system saves the registers; not every compiler's knows
 * f16c. */
static bool has_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C) != 0;
}
#endif

const cir__kernels *cir__kernels_at(cir__level level)
{
    switch (level) {
    case CIR__SCALAR:
        return &cir__kernels_scalar;
#if defined(__x86_64__)
    case CIR__AVX2:
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c())
            return &cir__kernels_avx2;
        return NULL;
    case CIR__AVX512:
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            return &cir__kernels_avx512;
        return NULL;
#elif defined(__aarch64__)
    case CIR__NEON:
        return &cir__kernels_neon;
#endif
    default:
        return NULL;
    }
}

static const cir__kernels *choose(void)
{
    const cir__kernels *best = &cir__kernels_scalar;
    const char *wanted = getenv("CIR_CPU");
    for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++) {
        const cir__kernels *kernels = cir__kernels_at(level);
        if (kernels == NULL)
            continue;
        best = kernels;
        if (wanted != NULL && strcmp(wanted, kernels->name) == 0)
            break;
    }
    return best;
}

const cir__kernels *cir__kernels_get(void)
{
    /* Threads that come first at once all store the same address of constant data, so no order is needed. */
    static _Atomic(const cir__kernels *) chosen;
    const cir__kernels *kernels = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (kernels == NULL) {
        kernels = choose();
        atomic_store_explicit(&chosen, kernels, memory_order_relaxed);
    }
    return kernels;
}
