#include "method/row.h"

#include <string.h>

#include "kernels/kernels.h"

void cir__row_copy(const cir_rows *rows, size_t row, float *out)
{
    if (rows->f32 != NULL)
        memcpy(out, rows->f32 + row * rows->dim, rows->dim * sizeof *out);
    else
        cir__kernels_get()->half_to_float(rows->f16 + row * rows->dim, rows->dim, out);
}
