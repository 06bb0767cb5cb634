/* A random order of many rows that takes no memory: each row's place in it, in any sequence. */
#ifndef CIR_EVAL_ORDER_H
#define CIR_EVAL_ORDER_H

#include <stddef.h>
#include <stdint.h>

#define CIR__ORDER_ROUNDS 6

/* Places of rows 0 … n − 1. */
typedef struct cir__order {
    uint64_t n;
    unsigned half_bits; /* 2^(2·half_bits) ≥ n */
    uint64_t keys[CIR__ORDER_ROUNDS];
} cir__order;

/* The same order for the same n and seed, on every machine. n < 2^62. */
void cir__order_init(cir__order *order, uint64_t n, uint64_t seed);

/* A row's place, below n; no other row has it. row < n. */
uint64_t cir__order_place(const cir__order *order, uint64_t row);

#endif
