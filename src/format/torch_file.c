/* After PyTorch's torch/serialization.py (the archive, persistent ids) and torch/_utils.py (the functions
 * that make tensors). */
#include "format/torch_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/pickle.h"
#include "format/zip.h"

#define MAX_KEY_BYTES 64 /* of a storage: a number */

struct cir__torch_file {
    cir__zip zip;
    cir__pickle *pickle;
    const cir__zip_entry *pickle_entry;
    const char *name; /* of the file; lent */
    char *folder;     /* "NAME/" */
    cir__tensors tensors;
};

enum { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, FIRST_STORAGE };

static const cir__pickle_global globals[] = {
    [ORDERED_DICT] = {"collections", "OrderedDict", true},
    [REBUILD_TENSOR] = {"torch._utils", "_rebuild_tensor_v2", false},
    [REBUILD_PARAMETER] = {"torch._utils", "_rebuild_parameter", false},
    [FIRST_STORAGE] = {"torch", "FloatStorage", false},
    {"torch", "HalfStorage", false},
    {"torch", "BFloat16Storage", false},
    {"torch", "DoubleStorage", false},
    {"torch", "LongStorage", false},
    {"torch", "IntStorage", false},
    {"torch", "ShortStorage", false},
    {"torch", "CharStorage", false},
    {"torch", "ByteStorage", false},
    {"torch", "BoolStorage", false},
};

#define N_GLOBALS (sizeof globals / sizeof *globals)

static const cir__tensor_dtype storage_dtypes[N_GLOBALS - FIRST_STORAGE] = {
    CIR__TENSOR_F32, CIR__TENSOR_F16, CIR__TENSOR_BF16, CIR__TENSOR_F64, CIR__TENSOR_I64,
    CIR__TENSOR_I32, CIR__TENSOR_I16, CIR__TENSOR_I8,   CIR__TENSOR_U8,  CIR__TENSOR_BOOL};

static const char how_to_save[] =
    "save its dictionary of tensors alone: python3 -c \"import torch; d = torch.load('FILE', "
    "map_location='cpu', weights_only=True); torch.save({k: v.contiguous() for k, v in d['state_dict'].items()}, "
    "'FILE')\"";

typedef const cir__pickle_value *value;

static cir_status fail_tensor(const cir__torch_file *self, const char *tensor, const char *what,
                              cir_error *err)
{
    return cir__fail(err, CIR_FORMAT, "%s: tensor \"%.120s\" %s", self->name, tensor, what);
}

/* -- the archive -- */

/* The one "NAME/data.pkl". */
static cir_status find_pickle(cir__torch_file *self, cir_error *err)
{
    static const char last[] = "/data.pkl";
    for (size_t i = 0; i < self->zip.n; i++) {
        const char *name = self->zip.entries[i].file.name;
        const char *slash = strchr(name, '/');
        if (slash == NULL || strcmp(slash, last) != 0)
            continue;
        if (self->pickle_entry != NULL)
            return cir__fail(err, CIR_FORMAT, "%s: has two pickles, \"%.60s\" and \"%.60s\"", self->name,
                             self->pickle_entry->file.name, name);
        self->pickle_entry = &self->zip.entries[i];
        self->folder = cir__copy_text(name);
        if (self->folder == NULL)
            return cir__fail_memory(err, self->name);
        self->folder[slash - name + 1] = '\0';
    }
    if (self->pickle_entry == NULL)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: is a ZIP archive without data.pkl, none of PyTorch's checkpoints; download it again",
            self->name);
    return CIR_OK;
}

/* The entry beside the pickle; *found_out NULL: there is none. */
static cir_status find_entry(const cir__torch_file *self, const char *name, const cir__zip_entry **found_out,
                             cir_error *err)
{
    char *path = cir__new(strlen(self->folder) + strlen(name) + 1, 1);
    if (path == NULL)
        return cir__fail_memory(err, self->name);
    memcpy(path, self->folder, strlen(self->folder));
    memcpy(path + strlen(self->folder), name, strlen(name));
    *found_out = cir__zip_find(&self->zip, path);
    free(path);
    return CIR_OK;
}

static cir_status check_byte_order(const cir__torch_file *self, cir_error *err)
{
    const cir__zip_entry *entry;
    cir_status status = find_entry(self, "byteorder", &entry, err);
    if (status != CIR_OK || entry == NULL ||
        (entry->file.size == 6 && memcmp(entry->file.data, "little", 6) == 0))
        return status;
    return cir__fail(err, CIR_UNSUPPORTED, "%s: its numbers are big-endian; save it on another machine",
                     self->name);
}

/* -- one tensor -- */

static bool is_call(value called, uint32_t i_global)
{
    return called->kind == CIR__PICKLE_CALL && called->i_global == i_global;
}

/* The values of a tuple, which has to have min to max of them. */
static bool take_tuple(const cir__torch_file *self, value tuple, size_t min, size_t max, value *out)
{
    if (tuple->kind != CIR__PICKLE_TUPLE)
        return false;
    size_t n = cir__pickle_items(self->pickle, tuple, out, max);
    return n >= min && n <= max;
}

static bool is_empty(value dict)
{
    return dict->kind == CIR__PICKLE_NONE || (dict->kind == CIR__PICKLE_DICT && dict->n == 0);
}

/* ("storage", torch.FloatStorage, "0", "cpu", n_items): its bytes. */
static cir_status find_storage(const cir__torch_file *self, const char *tensor, value storage,
                               cir__tensor_dtype *dtype_out, cir__bytes_view *bytes_out, cir_error *err)
{
    value parts[5];
    char name[sizeof "data/" + MAX_KEY_BYTES];
    const cir__zip_entry *entry;
    size_t size;
    if (storage->kind != CIR__PICKLE_PERSISTENT ||
        !take_tuple(self, cir__pickle_get(self->pickle, storage->tuple), 5, 5, parts) ||
        parts[0]->kind != CIR__PICKLE_TEXT || strcmp(parts[0]->text, "storage") != 0 ||
        parts[1]->kind != CIR__PICKLE_GLOBAL || parts[1]->i_global < FIRST_STORAGE ||
        parts[2]->kind != CIR__PICKLE_TEXT || strlen(parts[2]->text) > MAX_KEY_BYTES ||
        parts[4]->kind != CIR__PICKLE_INT || parts[4]->number < 0)
        return fail_tensor(self, tensor, "lies in no storage that is understood", err);
    *dtype_out = storage_dtypes[parts[1]->i_global - FIRST_STORAGE];
    (void)snprintf(name, sizeof name, "data/%s", parts[2]->text);
    cir_status status = find_entry(self, name, &entry, err);
    if (status != CIR_OK)
        return status;
    if (entry == NULL)
        return cir__fail(err, CIR_FORMAT,
                         "%s: tensor \"%.120s\": its storage %s is missing; download it again", self->name,
                         tensor, name);
    if (!cir__size_mul((size_t)parts[4]->number, cir__tensor_item_bytes(*dtype_out), &size) ||
        size != entry->file.size)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: tensor \"%.120s\": its storage %s has %zu bytes, the pickle says %lld items of %zu",
            self->name, tensor, name, entry->file.size, (long long)parts[4]->number,
            cir__tensor_item_bytes(*dtype_out));
    *bytes_out = entry->file;
    return CIR_OK;
}

/* Shape and strides: the last side runs fastest, without gaps. */
static cir_status read_shape(const cir__torch_file *self, value shape, value strides,
                             cir__tensor_view *tensor, cir_error *err)
{
    value sides[CIR__TENSOR_MAX_DIMS];
    value steps[CIR__TENSOR_MAX_DIMS];
    if (!take_tuple(self, shape, 0, CIR__TENSOR_MAX_DIMS, sides) ||
        !take_tuple(self, strides, shape->n, shape->n, steps))
        return fail_tensor(self, tensor->name, "has no shape of at most 8 sides, with as many strides", err);
    tensor->n_dims = shape->n;
    tensor->n_items = 1;
    for (size_t i = tensor->n_dims; i-- > 0;) {
        if (sides[i]->kind != CIR__PICKLE_INT || sides[i]->number < 0 || steps[i]->kind != CIR__PICKLE_INT)
            return fail_tensor(self, tensor->name, "has an invalid shape", err);
        tensor->shape[i] = (size_t)sides[i]->number;
    }
    size_t next = 1;
    bool is_plain = true;
    for (size_t i = tensor->n_dims; i-- > 0;) {
        is_plain = is_plain && (tensor->shape[i] == 1 || steps[i]->number == (int64_t)next);
        if (!cir__size_mul(tensor->n_items, tensor->shape[i], &tensor->n_items) ||
            !cir__size_mul(next, tensor->shape[i] > 0 ? tensor->shape[i] : 1, &next))
            return fail_tensor(self, tensor->name, "has an invalid shape", err);
    }
    if (!is_plain && tensor->n_items > 0)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: tensor \"%.120s\" is a view with gaps or in another order (its strides), which is not "
            "read; save it with .contiguous()",
            self->name, tensor->name);
    return CIR_OK;
}

/* (storage, first item, shape, strides, requires_grad, hooks[, metadata]) */
static cir_status read_tensor(const cir__torch_file *self, value arguments, cir__tensor_view *tensor,
                              cir_error *err)
{
    value parts[7];
    cir__bytes_view storage = {0};
    if (!take_tuple(self, arguments, 6, 7, parts) || parts[1]->kind != CIR__PICKLE_INT ||
        parts[1]->number < 0 || !is_empty(parts[5]) || (arguments->n == 7 && !is_empty(parts[6])))
        return fail_tensor(self, tensor->name, "is made in a way that is not understood", err);
    cir_status status = find_storage(self, tensor->name, parts[0], &tensor->dtype, &storage, err);
    if (status == CIR_OK)
        status = read_shape(self, parts[2], parts[3], tensor, err);
    if (status != CIR_OK)
        return status;
    size_t item_bytes = cir__tensor_item_bytes(tensor->dtype);
    size_t n_there = storage.size / item_bytes;
    size_t first = (size_t)parts[1]->number;
    if (first > n_there || tensor->n_items > n_there - first)
        return cir__fail(err, CIR_FORMAT,
                         "%s: tensor \"%.120s\" takes %zu items from item %zu on, its storage has %zu",
                         self->name, tensor->name, tensor->n_items, first, n_there);
    tensor->data = storage.data + first * item_bytes;
    return CIR_OK;
}

/* A tensor, or the parameter around one. */
static cir_status read_entry(const cir__torch_file *self, value made, cir__tensor_view *tensor,
                             cir_error *err)
{
    value parts[3];
    if (is_call(made, REBUILD_PARAMETER)) {
        if (!take_tuple(self, cir__pickle_get(self->pickle, made->tuple), 3, 3, parts) || !is_empty(parts[2]))
            return fail_tensor(self, tensor->name, "is made in a way that is not understood", err);
        made = parts[0];
    }
    if (!is_call(made, REBUILD_TENSOR))
        return cir__fail(err, CIR_UNSUPPORTED,
                         "%s: \"%.120s\" is not a tensor: it is more than a model's weights; %s", self->name,
                         tensor->name, how_to_save);
    return read_tensor(self, cir__pickle_get(self->pickle, made->tuple), tensor, err);
}

static cir_status read_tensors(cir__torch_file *self, value top, cir_error *err)
{
    if (top->kind != CIR__PICKLE_DICT)
        return cir__fail(err, CIR_UNSUPPORTED, "%s: is not a dictionary of tensors; %s", self->name,
                         how_to_save);
    value *items = cir__new(top->n, sizeof(value));
    self->tensors.items = cir__new(top->n / 2, sizeof *self->tensors.items);
    cir_status status = CIR_OK;
    if (items == NULL || self->tensors.items == NULL)
        status = cir__fail_memory(err, self->name);
    else
        (void)cir__pickle_items(self->pickle, top, items, top->n);
    for (size_t i = 0; i < top->n / 2 && status == CIR_OK; i++) {
        cir__tensor_view *tensor = &self->tensors.items[self->tensors.n++];
        if (items[2 * i]->kind != CIR__PICKLE_TEXT) {
            status = cir__fail(err, CIR_FORMAT, "%s: entry %zu of its dictionary is named by no text",
                               self->name, i + 1);
            break;
        }
        tensor->name = items[2 * i]->text;
        status = read_entry(self, items[2 * i + 1], tensor, err);
    }
    free(items);
    if (status != CIR_OK)
        return status;
    cir__tensors_sort(&self->tensors);
    for (size_t i = 1; i < self->tensors.n; i++)
        if (strcmp(self->tensors.items[i - 1].name, self->tensors.items[i].name) == 0)
            return fail_tensor(self, self->tensors.items[i].name, "is there twice", err);
    return CIR_OK;
}

cir_status cir__torch_file_parse(cir__bytes_view bytes, cir__torch_file **file_out, cir_error *err)
{
    *file_out = NULL;
    cir__torch_file *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, bytes.name);
    self->name = bytes.name;
    cir_status status = cir__zip_parse(bytes, &self->zip, err);
    if (status == CIR_OK)
        status = find_pickle(self, err);
    if (status == CIR_OK)
        status = check_byte_order(self, err);
    if (status == CIR_OK) {
        cir__bytes_view pickle = self->pickle_entry->file;
        pickle.name = bytes.name;
        status = cir__pickle_parse(pickle, globals, N_GLOBALS, &self->pickle, err);
    }
    if (status == CIR_OK)
        status = read_tensors(self, cir__pickle_top(self->pickle), err);
    if (status != CIR_OK) {
        cir__torch_file_free(self);
        return status;
    }
    *file_out = self;
    return CIR_OK;
}

void cir__torch_file_free(cir__torch_file *self)
{
    if (self == NULL)
        return;
    cir__pickle_free(self->pickle);
    cir__zip_done(&self->zip);
    free(self->folder);
    free(self->tensors.items);
    free(self);
}

const cir__tensors *cir__torch_file_get_all(const cir__torch_file *self)
{
    return &self->tensors;
}

cir__bytes_view cir__torch_file_pickle(const cir__torch_file *self)
{
    return self->pickle_entry->file;
}

cir_status cir__torch_file_check(const cir__torch_file *self, cir_error *err)
{
    return cir__zip_check(self->pickle_entry, self->name, err);
}
