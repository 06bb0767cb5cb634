/* The header is a Python dictionary literal with exactly three keys. It is read by a reader of just that, in
 * any order and spacing, which is all that numpy has ever written. */
#include "format/npy.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "format/sniff.h"
#include "kernels/half.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
#define MAX_HEADER_BYTES 65536

/* What remains of the header's text. */
typedef struct cursor {
    const char *at;
    const char *end;
} cursor;

typedef struct header {
    bool has_descr, has_order, has_shape;
    char descr[8]; /* cut: no known type is that long */
    bool is_fortran;
    size_t n_dims;
    size_t shape[CIR__NPY_MAX_DIMS];
} header;

size_t cir__npy_item_bytes(cir__npy_dtype dtype)
{
    return dtype == CIR__NPY_F16 ? 2 : dtype == CIR__NPY_F32 ? 4 : 8;
}

static bool take(cursor *text, char wanted)
{
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\n' || *text->at == '\t'))
        text->at++;
    if (text->at == text->end || *text->at != wanted)
        return false;
    text->at++;
    return true;
}

static bool take_word(cursor *text, const char *word)
{
    size_t size = strlen(word);
    cursor next = *text;
    if (!take(&next, word[0]) || (size_t)(next.end - next.at) < size - 1 ||
        memcmp(next.at, word + 1, size - 1) != 0)
        return false;
    text->at = next.at + size - 1;
    return true;
}

/* A quoted string without escapes; what does not fit is cut. */
static bool take_string(cursor *text, char *out, size_t out_size)
{
    char quote = '\'';
    if (!take(text, quote)) {
        quote = '"';
        if (!take(text, quote))
            return false;
    }
    size_t n = 0;
    for (; text->at < text->end && *text->at != quote; text->at++) {
        if (*text->at == '\\')
            return false;
        if (n + 1 < out_size)
            out[n++] = *text->at;
    }
    out[n] = '\0';
    return take(text, quote);
}

static bool take_size(cursor *text, size_t *out)
{
    (void)take(text, ' '); /* skips blanks */
    bool has_digit = false;
    size_t value = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
        if (!cir__size_mul(value, 10, &value) || !cir__size_add(value, (size_t)(*text->at - '0'), &value))
            return false;
        has_digit = true;
    }
    *out = value;
    return has_digit;
}

/* (), (3,), (3, 4), (3, 4,). More sides than are kept are counted, so that the message can name their
 * number. */
static bool take_shape(cursor *text, header *out)
{
    if (!take(text, '('))
        return false;
    while (!take(text, ')')) {
        size_t side;
        if (!take_size(text, &side))
            return false;
        if (out->n_dims < CIR__NPY_MAX_DIMS)
            out->shape[out->n_dims] = side;
        out->n_dims++;
        if (!take(text, ',')) {
            if (out->n_dims == 1)
                return false; /* (3) is a number, not a tuple */
            return take(text, ')');
        }
    }
    return true;
}

static bool take_item(cursor *text, header *out)
{
    char key[16];
    if (!take_string(text, key, sizeof key) || !take(text, ':'))
        return false;
    if (strcmp(key, "descr") == 0 && !out->has_descr) {
        out->has_descr = true;
        return take_string(text, out->descr, sizeof out->descr);
    }
    if (strcmp(key, "fortran_order") == 0 && !out->has_order) {
        out->has_order = true;
        out->is_fortran = take_word(text, "True");
        return out->is_fortran || take_word(text, "False");
    }
    if (strcmp(key, "shape") == 0 && !out->has_shape) {
        out->has_shape = true;
        return take_shape(text, out);
    }
    return false;
}

static bool parse_dictionary(cursor text, header *out)
{
    if (!take(&text, '{'))
        return false;
    while (!take(&text, '}')) {
        if (!take_item(&text, out))
            return false;
        if (!take(&text, ',')) {
            if (!take(&text, '}'))
                return false;
            break;
        }
    }
    (void)take(&text, '\n');
    return text.at == text.end && out->has_descr && out->has_order && out->has_shape;
}

/* Where the header's text and the data lie. */
static cir_status find_header(cir__bytes_view bytes, cursor *text_out, size_t *data_offset_out,
                              cir_error *err)
{
    *text_out = (cursor){0};
    *data_offset_out = 0;
    cir_status status = cir__sniff_check(bytes, CIR__SNIFF_NPY, "a .npy file", err);
    if (status != CIR_OK)
        return status;
    if (bytes.size < MAGIC_SIZE + 4 || memcmp(bytes.data, MAGIC, MAGIC_SIZE) != 0)
        return cir__fail(err, CIR_FORMAT, "%s: is not a .npy file; write it with numpy.save", bytes.name);
    unsigned version = bytes.data[6];
    if (version < 1 || version > 3)
        return cir__fail(err, CIR_FORMAT, "%s: .npy version %u is unknown, 1 to 3 are read", bytes.name,
                         version);
    size_t start = version == 1 ? 10 : 12;
    if (bytes.size < start)
        return cir__fail(err, CIR_FORMAT, "%s: ends in its header", bytes.name);
    size_t size = (size_t)bytes.data[8] | (size_t)bytes.data[9] << 8;
    if (version > 1)
        size |= (size_t)bytes.data[10] << 16 | (size_t)bytes.data[11] << 24;
    if (size > MAX_HEADER_BYTES || size > bytes.size - start)
        return cir__fail(err, CIR_FORMAT,
                         "%s: header of %zu bytes in a file of %zu; the file is cut or damaged", bytes.name,
                         size, bytes.size);
    const char *text = (const char *)bytes.data + start;
    *text_out = (cursor){text, text + size};
    *data_offset_out = start + size;
    return CIR_OK;
}

static cir_status find_dtype(const char *descr, const char *name, cir__npy_dtype *dtype_out, cir_error *err)
{
    static const char *const names[] = {
        [CIR__NPY_F16] = "<f2", [CIR__NPY_F32] = "<f4", [CIR__NPY_F64] = "<f8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(descr, names[i]) == 0) {
            *dtype_out = (cir__npy_dtype)i;
            return CIR_OK;
        }
    }
    return cir__fail(
        err, CIR_UNSUPPORTED,
        "%s: items of kind '%s' are not read, only little-endian floats (<f2, <f4, <f8); save it with "
        ".astype('<f4')",
        name, descr);
}

cir_status cir__npy_parse(cir__bytes_view bytes, cir__npy_view *view_out, cir_error *err)
{
    *view_out = (cir__npy_view){0};
    cursor text;
    size_t offset;
    cir_status status = find_header(bytes, &text, &offset, err);
    if (status != CIR_OK)
        return status;
    header found = {0};
    if (!parse_dictionary(text, &found))
        return cir__fail(err, CIR_FORMAT,
                         "%s: its header is not one of an array of numbers; write it with numpy.save",
                         bytes.name);
    cir__npy_view view = {.n_dims = found.n_dims};
    status = find_dtype(found.descr, bytes.name, &view.dtype, err);
    if (status != CIR_OK)
        return status;
    if (found.is_fortran)
        return cir__fail(err, CIR_UNSUPPORTED,
                         "%s: is in Fortran order, only C order is read; save numpy.ascontiguousarray of it",
                         bytes.name);
    if (found.n_dims < 1 || found.n_dims > CIR__NPY_MAX_DIMS)
        return cir__fail(err, CIR_UNSUPPORTED, "%s: has %zu dimensions, 1 to %d are read", bytes.name,
                         found.n_dims, CIR__NPY_MAX_DIMS);
    size_t item = cir__npy_item_bytes(view.dtype);
    size_t size = item;
    bool fits = true;
    view.row_items = 1;
    for (size_t i = 0; i < found.n_dims; i++) {
        view.shape[i] = found.shape[i];
        fits = fits && cir__size_mul(size, found.shape[i], &size) &&
               (i == 0 || cir__size_mul(view.row_items, found.shape[i], &view.row_items));
    }
    view.n_rows = view.shape[0];
    size_t present = bytes.size - offset;
    if (!fits || size > present)
        return cir__fail(err, CIR_FORMAT,
                         "%s: its shape needs %s%zu bytes of data, %zu are there; the file is cut or damaged",
                         bytes.name, fits ? "" : "more than ", size, present);
    /* Of no rows, any row fits: without this an empty file asks its readers for any memory. */
    if (view.row_items > CIR__NPY_MAX_ROW_ITEMS)
        return cir__fail(err, CIR_UNSUPPORTED, "%s: has rows of %zu items, at most %d are read", bytes.name,
                         view.row_items, CIR__NPY_MAX_ROW_ITEMS);
    view.data = bytes.data + offset;
    if ((uintptr_t)view.data % item != 0)
        return cir__fail(err, CIR_FORMAT,
                         "%s: its data begin at byte %zu, not at a multiple of %zu; save it again",
                         bytes.name, offset, item);
    view.n_extra_bytes = present - size;
    *view_out = view;
    return CIR_OK;
}

/* Takes the mapping of file. */
static cir_status parse_whole(cir__npy_file file, const char *path, cir__npy_file *file_out, cir_error *err)
{
    cir_status status;
    cir__bytes_view bytes = {file.mapping.data, file.mapping.size, path};
    status = cir__npy_parse(bytes, &file.view, err);
    if (status == CIR_OK && file.view.n_extra_bytes > 0)
        status = cir__fail(err, CIR_FORMAT, "%s: %zu bytes too many behind its data; the file is damaged",
                           path, file.view.n_extra_bytes);
    if (status != CIR_OK) {
        cir__mapping_close(&file.mapping);
        return status;
    }
    *file_out = file;
    return CIR_OK;
}

cir_status cir__npy_open(const char *path, cir__npy_file *file_out, cir_error *err)
{
    cir__npy_file file = {0};
    *file_out = file;
    cir_status status = cir__mapping_open_watched(path, &file.mapping, err);
    return status == CIR_OK ? parse_whole(file, path, file_out, err) : status;
}

void cir__npy_close(cir__npy_file *file)
{
    cir__mapping_close(&file->mapping);
    file->view = (cir__npy_view){0};
}

void cir__npy_copy_rows(const cir__npy_view *view, size_t first_row, size_t n_rows, float *out)
{
    size_t first = first_row * view->row_items;
    size_t n = n_rows * view->row_items;
    if (view->dtype == CIR__NPY_F32) {
        memcpy(out, (const float *)view->data + first, n * sizeof *out);
    } else if (view->dtype == CIR__NPY_F16) {
        const uint16_t *halves = (const uint16_t *)view->data + first;
        for (size_t i = 0; i < n; i++)
            out[i] = cir__half_to_float(halves[i]);
    } else {
        const double *doubles = (const double *)view->data + first;
        for (size_t i = 0; i < n; i++)
            out[i] = (float)doubles[i];
    }
}

/* Takes the file. */
static cir_status copy_whole(cir__npy_file *file, const char *path, float **rows_out, cir__npy_view *view_out,
                             cir_error *err)
{
    size_t n_items = file->view.n_rows * file->view.row_items; /* fits: the file holds as many */
    float *rows = cir__new_unset(n_items, sizeof *rows);
    cir_status status = rows != NULL ? CIR_OK : cir__fail_memory(err, path);
    if (status == CIR_OK) {
        cir__npy_copy_rows(&file->view, 0, file->view.n_rows, rows);
        status = cir__mapped_check(file->mapping.data, err);
    }
    if (status != CIR_OK) {
        free(rows);
    } else {
        *rows_out = rows;
        *view_out = file->view;
        view_out->data = NULL;
    }
    cir__npy_close(file);
    return status;
}

cir_status cir__npy_read(const char *path, float **rows_out, cir__npy_view *view_out, cir_error *err)
{
    *rows_out = NULL;
    *view_out = (cir__npy_view){0};
    cir__npy_file file;
    cir_status status = cir__npy_open(path, &file, err);
    return status == CIR_OK ? copy_whole(&file, path, rows_out, view_out, err) : status;
}

cir_status cir__npy_read_in(const cir__folder *folder, const char *name, float **rows_out,
                            cir__npy_view *view_out, cir_error *err)
{
    *rows_out = NULL;
    *view_out = (cir__npy_view){0};
    cir__npy_file file = {0};
    char *path = cir__folder_join(folder, name);
    cir_status status = path != NULL ? cir__folder_map(folder, name, &file.mapping, err)
                                     : cir__fail_memory(err, cir__folder_name(folder));
    if (status == CIR_OK)
        status = parse_whole(file, path, &file, err);
    if (status == CIR_OK)
        status = copy_whole(&file, path, rows_out, view_out, err);
    free(path);
    return status;
}

void cir__npy_format_header(cir__npy_dtype dtype, size_t n_rows, size_t dim,
                            uint8_t header_out[CIR__NPY_HEADER_SIZE])
{
    char text[CIR__NPY_HEADER_SIZE];
    int size = snprintf(text, sizeof text, "{'descr': '<f%zu', 'fortran_order': False, 'shape': (%zu,",
                        cir__npy_item_bytes(dtype), n_rows);
    size += dim != 0 ? snprintf(text + size, sizeof text - (size_t)size, " %zu), }", dim)
                     : snprintf(text + size, sizeof text - (size_t)size, "), }");
    memcpy(header_out, MAGIC "\x01\x00", MAGIC_SIZE + 2);
    header_out[8] = CIR__NPY_HEADER_SIZE - 10;
    header_out[9] = 0;
    memset(header_out + 10, ' ', CIR__NPY_HEADER_SIZE - 11);
    memcpy(header_out + 10, text, (size_t)size);
    header_out[CIR__NPY_HEADER_SIZE - 1] = '\n';
}

/* The bytes of a file: free(). name is for messages. */
static cir_status format_whole(const char *name, cir__npy_dtype dtype, size_t n_rows, size_t dim,
                               const void *data, uint8_t **bytes_out, size_t *size_out, cir_error *err)
{
    size_t size;
    *bytes_out = NULL;
    if (!cir__size_mul(n_rows, dim != 0 ? dim : 1, &size) ||
        !cir__size_mul(size, cir__npy_item_bytes(dtype), &size) ||
        !cir__size_add(size, CIR__NPY_HEADER_SIZE, size_out))
        return cir__fail(err, CIR_LIMIT, "%s: %zu × %zu items are more than a file holds", name, n_rows, dim);
    *bytes_out = cir__new_unset(*size_out, 1);
    if (*bytes_out == NULL)
        return cir__fail_memory(err, name);
    cir__npy_format_header(dtype, n_rows, dim, *bytes_out);
    if (size > 0)
        memcpy(*bytes_out + CIR__NPY_HEADER_SIZE, data, size);
    return CIR_OK;
}

cir_status cir__npy_write(const char *path, cir__npy_dtype dtype, size_t n_rows, size_t dim, const void *data,
                          cir_error *err)
{
    uint8_t *bytes;
    size_t size;
    cir_status status = format_whole(path, dtype, n_rows, dim, data, &bytes, &size, err);
    if (status == CIR_OK)
        status = cir__file_replace(path, bytes, size, err);
    free(bytes);
    return status;
}

cir_status cir__npy_write_in(const cir__folder *folder, const char *name, cir__npy_dtype dtype, size_t n_rows,
                             size_t dim, const void *data, cir_error *err)
{
    uint8_t *bytes;
    size_t size;
    cir_status status = format_whole(name, dtype, n_rows, dim, data, &bytes, &size, err);
    if (status == CIR_OK)
        status = cir__folder_replace(folder, name, 0666, bytes, size, err);
    free(bytes);
    return status;
}
