#include "method/row.h"

#include <string.h>

#include "kernels/kernels.h"

void cir__row_copy(const cir_rows *rows, size_t row, float *out)
{
    if (rows->f32 != NULL)
        memcpy(out, rows->f32 + row * rows->dim, rows->dim * sizeof *out);
    else
        cir__kernels_get()->half_to_float(rows->f16 + row * rows->dim, rows->dim, out);
    for (size_t i = 0; rows->scales != NULL && i < rows->dim; i++)
        out[i] *= rows->scales[row];
}

cir_rows cir__rows_slice(const cir_rows *rows, size_t first, size_t n)
{
    const size_t at = first * rows->dim;
    return (cir_rows){.n_rows = n,
                      .dim = rows->dim,
                      .f16 = rows->f16 != NULL ? rows->f16 + at : NULL,
                      .f32 = rows->f32 != NULL ? rows->f32 + at : NULL,
                      .scales = rows->scales != NULL ? rows->scales + first : NULL,
                      .ready = rows->ready != NULL ? rows->ready + first : NULL};
}
