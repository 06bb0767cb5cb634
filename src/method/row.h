/* Single rows of a searchable set. */
#ifndef CIR_METHOD_ROW_H
#define CIR_METHOD_ROW_H

#include "cir/search.h"

/* One row as floats: out [rows->dim]. */
void cir__row_copy(const cir_rows *rows, size_t row, float *out);

#endif
