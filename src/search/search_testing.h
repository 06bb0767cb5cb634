/* For the tests of this folder: rows of many shapes, and codes of rows in memory. */
#ifndef CIR_SEARCH_SEARCH_TESTING_H
#define CIR_SEARCH_SEARCH_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "cir/search.h"
#include "index/codes/codes.h"

typedef enum testing_shape {
    TESTING_UNIFORM,    /* directions without preference */
    TESTING_CLUSTERED,  /* unit(mean of norm 0.6 + clusters + own part), anisotropic */
    TESTING_DUPLICATES, /* a few rows, thousands of times, each copy with one bit changed */
    TESTING_EQUAL,      /* all rows are one */
    TESTING_AT_CENTRE,  /* every other row is the centre of the codes, the others are beside it */
    TESTING_ZEROS,
    TESTING_HALF, /* clustered, but the second half of the components is 0 */
    TESTING_N_SHAPES
} testing_shape;

/* Rows, their codes, two vectors to ask for, and who is searched. */
typedef struct testing_rows {
    cir_rows rows; /* lends from below; ready is NULL */
    uint16_t *f16;
    uint8_t *ready; /* [n_rows], three of four are */
    float *a, *b;   /* [dim] each, of norm 0.7: near a cluster, and between it and another */
    cir_codes codes;
    cir__coder *coder;
    uint8_t *blocks;
} testing_rows;

uint32_t testing_bits(uint64_t *random);
float testing_gauss(uint64_t *random); /* close to normal */

void testing_rows_init(testing_rows *t, testing_shape shape, size_t n_rows, size_t dim, uint64_t seed);
void testing_rows_done(testing_rows *t);

/* Codes the first n rows anew; codes.n_rows is n from then on. */
void testing_rows_code(testing_rows *t, size_t n);

#endif
