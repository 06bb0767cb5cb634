/* Bytes → array view → rows as floats. */
#include <stdlib.h>

#include "format/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__npy_view view;
    cir_error err;
    if (cir__npy_parse((cir__bytes_view){data, size, "input"}, &view, &err) != CIR_OK)
        return 0;
    float *row = malloc(view.row_items * sizeof *row + 1);
    for (size_t i = 0; row != NULL && i < view.n_rows && view.row_items > 0; i++)
        cir__npy_copy_rows(&view, i, 1, row);
    free(row);
    return 0;
}
