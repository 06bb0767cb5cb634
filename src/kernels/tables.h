/* The tables, and what every file of kernels shares: how its dot_rows becomes the four entries. */
#ifndef CIR_KERNELS_TABLES_H
#define CIR_KERNELS_TABLES_H

#include <stdbool.h>

#include "kernels/kernels.h"

/* Which of them exist depends on the processor family built for. */
extern const cir__kernels cir__kernels_scalar;
extern const cir__kernels cir__kernels_avx2;
extern const cir__kernels cir__kernels_avx512;
extern const cir__kernels cir__kernels_neon;

#define CIR__ALWAYS_INLINE static inline __attribute__((always_inline))

/* How far ahead of a row's items memory is asked for: rows follow one another, so that it is the next rows'.
 * Measured with two threads, as fractions of the read bandwidth: 2 KiB 97 % with AVX-512 and 83 % with AVX2,
 * 8 KiB 97 % and 93 %. Rows side by side, which load the queries less often, make several streams of memory:
 * 66 %. */
#define CIR__PREFETCH_BYTES 8192

/* Defines cir__kernels_<isa> from the file's always-inlined
 *   dot_rows(rows, is_half, n_rows, dim, stride, a, b, out_a, out_b), where b and out_b may be NULL,
 * of which the compiler makes one function for each kind of row and number of queries, and from its
 * half_to_float and half_from_float. */
#define CIR__DEFINE_KERNELS(isa, isa_level)                                                                  \
    static void dot1_f16(const uint16_t *rows, size_t n_rows, size_t dim, size_t stride, const float *a,     \
                         float *out_a)                                                                       \
    {                                                                                                        \
        dot_rows(rows, true, n_rows, dim, stride, a, NULL, out_a, NULL);                                     \
    }                                                                                                        \
    static void dot2_f16(const uint16_t *rows, size_t n_rows, size_t dim, size_t stride, const float *a,     \
                         const float *b, float *out_a, float *out_b)                                         \
    {                                                                                                        \
        dot_rows(rows, true, n_rows, dim, stride, a, b, out_a, out_b);                                       \
    }                                                                                                        \
    static void dot1_f32(const float *rows, size_t n_rows, size_t dim, size_t stride, const float *a,        \
                         float *out_a)                                                                       \
    {                                                                                                        \
        dot_rows(rows, false, n_rows, dim, stride, a, NULL, out_a, NULL);                                    \
    }                                                                                                        \
    static void dot2_f32(const float *rows, size_t n_rows, size_t dim, size_t stride, const float *a,        \
                         const float *b, float *out_a, float *out_b)                                         \
    {                                                                                                        \
        dot_rows(rows, false, n_rows, dim, stride, a, b, out_a, out_b);                                      \
    }                                                                                                        \
    const cir__kernels cir__kernels_##isa = {                                                                \
        .level = isa_level,                                                                                  \
        .name = #isa,                                                                                        \
        .dot1_f16 = dot1_f16,                                                                                \
        .dot2_f16 = dot2_f16,                                                                                \
        .dot1_f32 = dot1_f32,                                                                                \
        .dot2_f32 = dot2_f32,                                                                                \
        .half_to_float = half_to_float,                                                                      \
        .half_from_float = half_from_float,                                                                  \
    };

#endif
