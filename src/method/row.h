/* Single rows of a searchable set, and parts of one. */
#ifndef CIR_METHOD_ROW_H
#define CIR_METHOD_ROW_H

#include "cir/search.h"

/* One row as floats, scaled: out [rows->dim]. */
void cir__row_copy(const cir_rows *rows, size_t row, float *out);

/* Rows first to first + n, lent from the same memory. */
cir_rows cir__rows_slice(const cir_rows *rows, size_t first, size_t n);

#endif
