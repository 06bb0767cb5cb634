/* Bytes → table of tensors; every tensor's bytes are touched. */
#include <stdlib.h>

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__safetensors *table;
    cir_error err;
    if (cir__safetensors_parse((cir__bytes_view){data, size, "input"}, &table, &err) != CIR_OK)
        return 0;
    size_t n;
    const cir__tensor_view *tensors = cir__safetensors_get_all(table, &n);
    for (size_t i = 0; i < n; i++) {
        const cir__tensor_view *tensor = cir__safetensors_find(table, tensors[i].name);
        if (tensor != &tensors[i])
            abort();
        uint8_t sum = 0;
        for (size_t j = 0; j < tensor->n_items * cir__tensor_item_bytes(tensor->dtype); j++)
            sum = (uint8_t)(sum + tensor->data[j]);
        float last = (float)sum;
        if (tensor->dtype <= CIR__TENSOR_BF16 && tensor->n_items > 0)
            cir__tensor_copy(tensor, tensor->n_items - 1, 1, &last);
        volatile float keep = last;
        (void)keep;
    }
    cir__safetensors_free(table);
    return 0;
}
