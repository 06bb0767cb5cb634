/* The tables of rowwise_loops.c, which is compiled once for each. */
#ifndef CIR_MODEL_ROWWISE_TABLES_H
#define CIR_MODEL_ROWWISE_TABLES_H

#include "model/rowwise.h"

extern const cir__rowwise cir__rowwise_scalar; /* neon too: what every processor of the family has */
extern const cir__rowwise cir__rowwise_avx2;
extern const cir__rowwise cir__rowwise_avx512;

#endif
