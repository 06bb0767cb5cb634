/* Drawing at random, the same on every machine: which terms and which images serve as a sample. */
#ifndef CIR_METHOD_DRAW_H
#define CIR_METHOD_DRAW_H

#include <stddef.h>
#include <stdint.h>

/* What a draw is for: draws with one seed but different purposes do not depend on each other. */
typedef enum cir__draw_purpose {
    CIR__DRAW_CONTEXT,     /* object terms that words are joined with */
    CIR__DRAW_MEAN,        /* images whose mean is the image mean */
    CIR__DRAW_PAIR_IMAGES, /* images of the pairs that the minima are taken over */
    CIR__DRAW_PAIR_TEXTS,  /* texts of them */
    CIR__DRAW_RESAMPLES,   /* instances of a bootstrap resample */
    CIR__DRAW_SIGNS,       /* signs of a permutation */
    CIR__DRAW_ORDER        /* the order in which distractors come */
} cir__draw_purpose;

/* Where splitmix64 (Steele, Lea, Flood 2014) starts for a seed and a purpose, and its next number. */
uint64_t cir__draw_start(uint64_t seed, cir__draw_purpose purpose);
uint64_t cir__draw_next(uint64_t *state);

/* A number below n, all equally likely to 2^-53: floor(n times the next number's upper 53 bits as a fraction
 * in [0, 1)). n < 2^53. */
size_t cir__draw_below(uint64_t *state, size_t n);

/* Draws min(n_wanted, n) of the numbers below n, each set equally likely, in ascending order, by selection
 * sampling (Knuth, The Art of Computer Programming 3.4.2, algorithm S) over splitmix64. usable: one byte for
 * each number, 0 where it must not be drawn, or NULL; n_usable counts the others (n where usable is NULL).
 * drawn_out: [min(n_wanted, n_usable)]. Returns how many were drawn. */
size_t cir__draw(uint64_t seed, cir__draw_purpose purpose, size_t n, const uint8_t *usable, size_t n_usable,
                 size_t n_wanted, size_t *drawn_out);

#endif
