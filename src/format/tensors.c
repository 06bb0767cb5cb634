#include "format/tensors.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/half.h"

static const struct {
    const char *name;
    size_t item_bytes;
} dtypes[CIR__N_TENSOR_DTYPES] = {
#define CIR__TENSOR_ENTRY(symbol, name, bytes) [symbol] = {name, bytes},
    CIR__TENSOR_DTYPE_LIST(CIR__TENSOR_ENTRY)
#undef CIR__TENSOR_ENTRY
};

const char *cir__tensor_dtype_name(cir__tensor_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t cir__tensor_item_bytes(cir__tensor_dtype dtype)
{
    return dtypes[dtype].item_bytes;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const cir__tensor_view *)a)->name, ((const cir__tensor_view *)b)->name);
}

void cir__tensors_sort(cir__tensors *tensors)
{
    if (tensors->n > 0)
        qsort(tensors->items, tensors->n, sizeof *tensors->items, compare_names);
}

const cir__tensor_view *cir__tensors_find(const cir__tensors *tensors, const char *name)
{
    cir__tensor_view key = {.name = name};
    return tensors->n == 0 ? NULL : bsearch(&key, tensors->items, tensors->n, sizeof key, compare_names);
}

void cir__tensor_copy(const cir__tensor_view *tensor, size_t first, size_t n, float *out)
{
    const uint8_t *from = tensor->data + first * dtypes[tensor->dtype].item_bytes;
    if (tensor->dtype == CIR__TENSOR_F32) {
        memcpy(out, from, n * sizeof *out);
        return;
    }
    /* bf16 is a float's upper half. */
    for (size_t i = 0; i < n; i++) {
        uint16_t bits;
        memcpy(&bits, from + 2 * i, sizeof bits);
        out[i] = tensor->dtype == CIR__TENSOR_F16 ? cir__half_to_float(bits)
                                                  : cir__float_of_bits((uint32_t)bits << 16);
    }
}
