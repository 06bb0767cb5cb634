/* Bytes → a checkpoint's tensors, whose bytes are touched; and a pickle, whose values are walked. */
#include <stdlib.h>

#include "format/pickle.h"
#include "format/torch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_archive(cir__bytes_view bytes)
{
    cir__torch_file *file;
    cir_error err;
    if (cir__torch_file_parse(bytes, &file, &err) != CIR_OK)
        return;
    const cir__tensors *all = cir__torch_file_get_all(file);
    for (size_t i = 0; i < all->n; i++) {
        const cir__tensor_view *tensor = cir__tensors_find(all, all->items[i].name);
        if (tensor != &all->items[i])
            abort();
        uint8_t sum = 0;
        for (size_t j = 0; j < tensor->n_items * cir__tensor_item_bytes(tensor->dtype); j++)
            sum = (uint8_t)(sum + tensor->data[j]);
        volatile uint8_t keep = sum;
        (void)keep;
    }
    (void)!cir__torch_file_check(file, &err);
    cir__torch_file_free(file);
}

static void read_pickle(cir__bytes_view bytes)
{
    static const cir__pickle_global globals[] = {{"collections", "OrderedDict", true},
                                                 {"torch._utils", "_rebuild_tensor_v2", false},
                                                 {"torch", "FloatStorage", false}};
    cir__pickle *pickle;
    cir_error err;
    if (cir__pickle_parse(bytes, globals, 3, &pickle, &err) != CIR_OK)
        return;
    const cir__pickle_value *items[64];
    const cir__pickle_value *top = cir__pickle_top(pickle);
    size_t n =
        top->kind == CIR__PICKLE_TUPLE || top->kind == CIR__PICKLE_LIST || top->kind == CIR__PICKLE_DICT
            ? cir__pickle_items(pickle, top, items, 64)
            : 0;
    if (n > bytes.size)
        abort();
    for (size_t i = 0; i < n && i < 64; i++)
        if (items[i]->kind == CIR__PICKLE_CALL && items[i]->i_global > 2)
            abort();
    cir__pickle_free(pickle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_archive((cir__bytes_view){data, size, "input"});
    read_pickle((cir__bytes_view){data, size, "input"});
    return 0;
}
