/* What benchmarks share: chance, medians, and the limits of the machine that figures are given as
 * fractions of. */
#ifndef CIR_BENCH_MEASURE_H
#define CIR_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "cir/pool.h"

/* The median of times [n], which are sorted. */
double cir__median(double *times, size_t n);

/* The next of an xorshift sequence; *state is not 0. */
uint64_t cir__random_bits(uint64_t *state);

/* The state of a sequence of its own for every seed. */
uint64_t cir__random_state(uint64_t seed);

/* Numbers spread evenly over −scale … scale: out [n]. */
void cir__random_fill(uint64_t *state, size_t n, float scale, float *out);

/* Milliseconds that the pool's threads take to read every byte, n_bytes of memory or of a mapped file. */
double cir__read_ms(const void *bytes, size_t n_bytes, cir_pool *pool);

/* Floating-point operations a second that the pool's threads reach with oneDNN's product of 512 × 768 and 768
 * × 512 floats: the limit of matrix products in f32. */
double cir__product_flops(cir_pool *pool);

#endif
