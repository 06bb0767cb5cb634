/* Bytes → table of tensors, whose bytes are touched; and, from 2 bytes of length on, an index and one file
 * that stands for all that it names. */
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "format/shard_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const cir__tensors *tensors)
{
    for (size_t i = 0; i < tensors->n; i++) {
        const cir__tensor_view *tensor = cir__tensors_find(tensors, tensors->items[i].name);
        if (tensor != &tensors->items[i])
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
}

static void join(cir__bytes_view json, const cir__tensors *shard)
{
    cir__shard_index index;
    cir_error err;
    if (cir__shard_index_parse(json, ".safetensors", &index, &err) != CIR_OK)
        return;
    const cir__tensors *shards[CIR__SHARD_INDEX_MAX_FILES];
    for (size_t i = 0; i < index.n_files; i++) {
        if (strpbrk(index.files[i], "/\\") != NULL || index.files[i][0] == '.')
            abort();
        shards[i] = shard;
    }
    cir__tensors joined;
    if (cir__shard_index_join(&index, shards, &joined, &err) == CIR_OK) {
        if (joined.n != json_object_size(json_object_get(index.json, "weight_map")))
            abort();
        touch(&joined);
    }
    free(joined.items);
    cir__shard_index_done(&index);
}

static cir__safetensors *parse(const uint8_t *data, size_t size)
{
    cir__safetensors *table;
    cir_error err;
    cir_status status = cir__safetensors_parse((cir__bytes_view){data, size, "input"}, &table, &err);
    if (status == CIR_OK)
        touch(cir__safetensors_get_all(table));
    return table;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__safetensors_free(parse(data, size));
    if (size < 2)
        return 0;
    size_t n = (size_t)data[0] | (size_t)data[1] << 8;
    n = n < size - 2 ? n : size - 2;
    cir__safetensors *table = parse(data + 2 + n, size - 2 - n);
    if (table != NULL)
        join((cir__bytes_view){data + 2, n, "index"}, cir__safetensors_get_all(table));
    cir__safetensors_free(table);
    return 0;
}
