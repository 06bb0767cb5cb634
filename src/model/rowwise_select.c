#include "model/rowwise.h"

#include <float.h>
#include <math.h>

#include "model/rowwise_tables.h"

const cir__rowwise *cir__rowwise_at(cir__level level)
{
    if (cir__kernels_at(level) == NULL)
        return NULL;
#if defined(__x86_64__)
    if (level == CIR__AVX2)
        return &cir__rowwise_avx2;
    if (level == CIR__AVX512)
        return &cir__rowwise_avx512;
#endif
    return &cir__rowwise_scalar;
}

const cir__rowwise *cir__rowwise_get(void)
{
    return cir__rowwise_at(cir__kernels_get()->level);
}

bool cir__unit_row(float *row, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += row[i] * row[i];
    float length = sqrtf(sum);
    if (!(length > 0.0F && length <= FLT_MAX))
        return false;
    for (size_t i = 0; i < n; i++)
        row[i] /= length;
    return true;
}
