/* One IEEE half (binary16) to float and back, in plain C: the definition of right for the array conversions
 * of the kernels, and for anybody who needs a single number. Needs the default rounding mode and subnormals
 * on. */
#ifndef CIR_KERNELS_HALF_H
#define CIR_KERNELS_HALF_H

#include <stdint.h>
#include <string.h>

static inline float cir__float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t cir__bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Exact; subnormals, -0 and infinities included. A NaN keeps its sign and payload and becomes quiet. */
static inline float cir__half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t size = (uint32_t)(half & 0x7fffu) << 13; /* exponent and mantissa in a float's places */
    /* Both answers, then a choice by mask: without branches, compilers can do several at once. */
    uint32_t finite = cir__bits_of_float(cir__float_of_bits(size) * 0x1p112f);
    uint32_t other = size | 0x7f800000u | (uint32_t)(size > 0x0f800000u) << 22;
    uint32_t is_other = 0u - (uint32_t)(size >= 0x0f800000u);
    uint32_t bits = (other & is_other) | (finite & ~is_other);
    return cir__float_of_bits(bits | sign);
}

/* Rounds to nearest, ties to even; from 65520 on infinity. A NaN keeps its sign and the top of its payload
 * and becomes quiet. */
static inline uint16_t cir__half_from_float(float value)
{
    uint32_t bits = cir__bits_of_float(value);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t size = bits & 0x7fffffffu;
    uint32_t half;
    if (size > 0x7f800000u)
        half = 0x7e00u | (size >> 13 & 0x3ffu);
    else if (size >= 0x477ff000u)
        half = 0x7c00u;
    else if (size < 0x38800000u) /* subnormal: 0.5's last bit is worth theirs, so the addition rounds */
        half = cir__bits_of_float(cir__float_of_bits(size) + 0.5f) - 0x3f000000u;
    else
        half = (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13;
    return (uint16_t)(sign | half);
}

#endif
