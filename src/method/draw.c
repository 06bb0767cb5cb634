#include "method/draw.h"

uint64_t cir__draw_next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t cir__draw_start(uint64_t seed, cir__draw_purpose purpose)
{
    /* Purposes start far apart in the generator's cycle. */
    uint64_t state = seed;
    state = cir__draw_next(&state) + (uint64_t)purpose;
    return cir__draw_next(&state);
}

/* 53 random bits in [0, 1). */
static double draw_fraction(uint64_t *state)
{
    return (double)(cir__draw_next(state) >> 11) * 0x1p-53;
}

size_t cir__draw_below(uint64_t *state, size_t n)
{
    return (size_t)(draw_fraction(state) * (double)n);
}

size_t cir__draw(uint64_t seed, cir__draw_purpose purpose, size_t n, const uint8_t *usable, size_t n_usable,
                 size_t n_wanted, size_t *drawn_out)
{
    uint64_t state = cir__draw_start(seed, purpose);
    size_t n_left = usable == NULL ? n : n_usable;
    size_t n_missing = n_wanted < n_left ? n_wanted : n_left;
    size_t n_drawn = 0;
    for (size_t i = 0; i < n && n_missing > 0; i++) {
        if (usable != NULL && usable[i] == 0)
            continue;
        /* Drawn with probability missing / left. */
        if (draw_fraction(&state) * (double)n_left < (double)n_missing) {
            drawn_out[n_drawn++] = i;
            n_missing--;
        }
        n_left--;
    }
    return n_drawn;
}
