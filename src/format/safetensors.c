#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/json.h"

#define LENGTH_BYTES 8
#define MAX_HEADER_BYTES ((size_t)16 << 20)

struct cir__safetensors {
    json_t *header; /* owns the names */
    cir__tensors tensors;
    size_t header_bytes;
};

static cir_status parse_dtype(const json_t *item, cir__tensor_view *tensor, const char *file, cir_error *err)
{
    const char *name = json_string_value(json_object_get(item, "dtype"));
    if (name == NULL)
        return cir__fail(err, CIR_FORMAT, "%s: tensor \"%s\" has no dtype", file, tensor->name);
    for (size_t i = 0; i < CIR__N_TENSOR_DTYPES; i++) {
        if (strcmp(name, cir__tensor_dtype_name((cir__tensor_dtype)i)) == 0) {
            tensor->dtype = (cir__tensor_dtype)i;
            return CIR_OK;
        }
    }
    return cir__fail(err, CIR_UNSUPPORTED, "%s: tensor \"%s\" has the unknown dtype \"%s\"", file,
                     tensor->name, name);
}

/* A number of the header: not negative, and small enough to be a size. */
static bool read_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

static cir_status parse_shape(const json_t *item, cir__tensor_view *tensor, const char *file, cir_error *err)
{
    const json_t *shape = json_object_get(item, "shape");
    if (!json_is_array(shape))
        return cir__fail(err, CIR_FORMAT, "%s: tensor \"%s\" has no shape", file, tensor->name);
    tensor->n_dims = json_array_size(shape);
    if (tensor->n_dims > CIR__TENSOR_MAX_DIMS)
        return cir__fail(err, CIR_UNSUPPORTED, "%s: tensor \"%s\" has %zu dimensions, at most %d are read",
                         file, tensor->name, tensor->n_dims, CIR__TENSOR_MAX_DIMS);
    tensor->n_items = 1;
    for (size_t i = 0; i < tensor->n_dims; i++)
        if (!read_size(json_array_get(shape, i), &tensor->shape[i]) ||
            !cir__size_mul(tensor->n_items, tensor->shape[i], &tensor->n_items))
            return cir__fail(err, CIR_FORMAT, "%s: tensor \"%s\": side %zu of its shape is not a size", file,
                             tensor->name, i);
    return CIR_OK;
}

static cir_status parse_place(const json_t *item, cir__tensor_view *tensor, cir__bytes_view data,
                              cir_error *err)
{
    const json_t *offsets = json_object_get(item, "data_offsets");
    size_t begin;
    size_t end;
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
        !read_size(json_array_get(offsets, 1), &end) || begin > end)
        return cir__fail(err, CIR_FORMAT, "%s: tensor \"%s\" has no data_offsets [begin, end]", data.name,
                         tensor->name);
    if (end > data.size)
        return cir__fail(err, CIR_FORMAT,
                         "%s: tensor \"%s\" ends at byte %zu of %zu; the file is cut: fetch it again",
                         data.name, tensor->name, end, data.size);
    size_t size;
    if (!cir__size_mul(tensor->n_items, cir__tensor_item_bytes(tensor->dtype), &size) || size != end - begin)
        return cir__fail(err, CIR_FORMAT, "%s: tensor \"%s\" needs %zu bytes by its shape and has %zu",
                         data.name, tensor->name, size, end - begin);
    tensor->data = data.data + begin;
    return CIR_OK;
}

static int compare_places(const void *a, const void *b)
{
    const cir__tensor_view *x = a;
    const cir__tensor_view *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->n_items > y->n_items) - (x->n_items < y->n_items); /* empty ones first */
}

/* tensors: in the order of their places. */
static cir_status check_places(const cir__tensor_view *tensors, size_t n_tensors, cir__bytes_view data,
                               cir_error *err)
{
    const uint8_t *next = data.data;
    for (size_t i = 0; i < n_tensors; i++) {
        const cir__tensor_view *tensor = &tensors[i];
        if (tensor->data < next)
            return cir__fail(err, CIR_FORMAT, "%s: tensors \"%s\" and \"%s\" overlap at byte %zu", data.name,
                             tensors[i - 1].name, tensor->name, (size_t)(tensor->data - data.data));
        if (tensor->data > next)
            return cir__fail(err, CIR_FORMAT,
                             "%s: the %zu bytes in front of tensor \"%s\" belong to no tensor", data.name,
                             (size_t)(tensor->data - next), tensor->name);
        next += tensor->n_items * cir__tensor_item_bytes(tensor->dtype);
    }
    size_t left = data.size - (size_t)(next - data.data);
    if (left > 0)
        return cir__fail(err, CIR_FORMAT, "%s: its last %zu bytes belong to no tensor; fetch it again",
                         data.name, left);
    return CIR_OK;
}

static cir_status parse_tensors(cir__safetensors *table, cir__bytes_view data, cir_error *err)
{
    cir__tensors *all = &table->tensors;
    all->items = cir__new(json_object_size(table->header), sizeof *all->items);
    if (all->items == NULL)
        return cir__fail_memory(err, data.name);
    const char *name;
    json_t *item;
    json_object_foreach(table->header, name, item)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        cir__tensor_view *tensor = &all->items[all->n++];
        tensor->name = name;
        cir_status status = parse_dtype(item, tensor, data.name, err);
        if (status == CIR_OK)
            status = parse_shape(item, tensor, data.name, err);
        if (status == CIR_OK)
            status = parse_place(item, tensor, data, err);
        if (status != CIR_OK)
            return status;
    }
    qsort(all->items, all->n, sizeof *all->items, compare_places);
    cir_status status = check_places(all->items, all->n, data, err);
    cir__tensors_sort(all);
    return status;
}

cir_status cir__safetensors_parse(cir__bytes_view bytes, cir__safetensors **table_out, cir_error *err)
{
    *table_out = NULL;
    if (bytes.size < LENGTH_BYTES)
        return cir__fail(err, CIR_FORMAT, "%s: has %zu bytes, it is not a safetensors file", bytes.name,
                         bytes.size);
    uint64_t size = 0;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        size |= (uint64_t)bytes.data[i] << (8 * i);
    if (size > bytes.size - LENGTH_BYTES)
        return cir__fail(err, CIR_FORMAT, "%s: %s; download it again", bytes.name,
                         size <= MAX_HEADER_BYTES ? "is cut within its header" : "is not a safetensors file");
    cir__safetensors *table = cir__new(1, sizeof *table);
    if (table == NULL)
        return cir__fail_memory(err, bytes.name);
    cir__bytes_view text = {bytes.data + LENGTH_BYTES, (size_t)size, bytes.name};
    table->header_bytes = LENGTH_BYTES + (size_t)size;
    cir__bytes_view data = {bytes.data + table->header_bytes, bytes.size - table->header_bytes, bytes.name};
    cir_status status = cir__json_parse(text, MAX_HEADER_BYTES, &table->header, err);
    if (status == CIR_OK)
        status = parse_tensors(table, data, err);
    if (status != CIR_OK) {
        cir__safetensors_free(table);
        return status;
    }
    *table_out = table;
    return CIR_OK;
}

void cir__safetensors_free(cir__safetensors *table)
{
    if (table == NULL)
        return;
    json_decref(table->header);
    free(table->tensors.items);
    free(table);
}

const cir__tensors *cir__safetensors_get_all(const cir__safetensors *table)
{
    return &table->tensors;
}

size_t cir__safetensors_header_bytes(const cir__safetensors *table)
{
    return table->header_bytes;
}
