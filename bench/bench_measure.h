/* What benchmarks share: chance, medians, and the limits of the machine that figures are given as
 * fractions of. */
#ifndef CIR_BENCH_MEASURE_H
#define CIR_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "cir/pool.h"
#include "cir/status.h"

/* Prints the program's name and what is wrong, and leaves with 1. */
void cir__stop(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Leaves so where something failed. */
void cir__must(cir_status status, const cir_error *err);

/* Zeroed memory; free(). Leaves so where there is none. */
void *cir__take(size_t n, size_t item_bytes);

/* The share-th of values [n], which stay as they are; the nearest rank. */
double cir__quantile(const double *values, size_t n, double share);

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
