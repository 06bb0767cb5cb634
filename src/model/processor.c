#include "model/processor.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels/kernels.h"
#include "model/onednn.h"

static void describe_model(char text_out[64])
{
    memset(text_out, 0, 64);
#if defined(__x86_64__)
    unsigned words[12] = {0};
    unsigned facts[4] = {0};
    for (unsigned i = 0; i < 3; i++)
        (void)__get_cpuid(0x80000002U + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                          &words[4 * i + 3]);
    (void)__get_cpuid(1, &facts[0], &facts[1], &facts[2], &facts[3]);
    (void)snprintf(text_out, 64, "%.48s %08x", (const char *)words, facts[0]);
#else
    (void)snprintf(text_out, 64, "another processor");
#endif
}

void cir__processor_describe(char text_out[CIR__PROCESSOR_TEXT_SIZE])
{
    char model[64];
    describe_model(model);
    const dnnl_version_t *version = dnnl_version();
    (void)snprintf(text_out, CIR__PROCESSOR_TEXT_SIZE, "%s, level %d, oneDNN %d.%d.%d %.40s, instructions %d",
                   model, (int)cir__kernels_get()->level, version->major, version->minor, version->patch,
                   version->hash, (int)dnnl_get_effective_cpu_isa());
}
