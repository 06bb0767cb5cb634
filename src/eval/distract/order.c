/* A Feistel network over the next even number of bits permutes 0 … 2^bits − 1 whatever its rounds compute
 * (Luby, Rackoff 1988); walking on from numbers beyond n until one is below gives a permutation of 0 … n − 1
 * (Black, Rogaway 2002). */
#include "eval/distract/order.h"

#include "method/draw.h"

void cir__order_init(cir__order *order, uint64_t n, uint64_t seed)
{
    uint64_t state = cir__draw_start(seed, CIR__DRAW_ORDER);

    *order = (cir__order){.n = n, .half_bits = 1};
    while ((uint64_t)1 << (2 * order->half_bits) < n)
        order->half_bits++;
    for (size_t i = 0; i < CIR__ORDER_ROUNDS; i++)
        order->keys[i] = cir__draw_next(&state);
}

static uint64_t permute(const cir__order *order, uint64_t x)
{
    const uint64_t mask = ((uint64_t)1 << order->half_bits) - 1;
    uint64_t left = x >> order->half_bits, right = x & mask;

    for (size_t i = 0; i < CIR__ORDER_ROUNDS; i++) {
        uint64_t state = right + order->keys[i];
        const uint64_t next = left ^ (cir__draw_next(&state) & mask);
        left = right;
        right = next;
    }
    return left << order->half_bits | right;
}

uint64_t cir__order_place(const cir__order *order, uint64_t row)
{
    do
        row = permute(order, row);
    while (row >= order->n);
    return row;
}
