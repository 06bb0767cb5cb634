/* Reading the tests' goldens, as test/data/text/make.py writes them: little-endian, a 32-bit number of items,
 * each a 16-bit length and that many bytes (strings) or 16-bit ids. For tests alone: it asserts with
 * cmocka. */
#ifndef CIR_TEXT_GOLDEN_H
#define CIR_TEXT_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

/* An opened golden file; next walks through it. */
typedef struct golden {
    uint8_t *bytes;
    size_t size;
    size_t at;
    size_t n_items;
} golden;

/* The bytes of a file below the folder that an environment variable names; free with free(). */
static inline cir__bytes_view golden_read_file(const char *variable, const char *name)
{
    char path[4096];
    const char *folder = getenv(variable);
    assert_non_null(folder);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    cir_error err = {0};
    cir__bytes_view view = {.name = name};
    uint8_t *bytes = NULL;
    cir_status status = cir__file_read(path, (size_t)1 << 26, &bytes, &view.size, &err);
    if (status != CIR_OK)
        fail_msg("%s", err.message);
    view.data = bytes;
    return view;
}

static inline golden golden_open(const char *name)
{
    cir__bytes_view view = golden_read_file("CIR_TEST_DATA", name);
    assert_true(view.size >= 4);
    golden file = {.bytes = (uint8_t *)(uintptr_t)view.data, .size = view.size, .at = 4};
    for (size_t i = 4; i-- > 0;)
        file.n_items = file.n_items << 8 | file.bytes[i];
    return file;
}

/* The next item's bytes, of unit_bytes each; n_out gets its number of units. */
static inline const uint8_t *golden_next(golden *file, size_t unit_bytes, size_t *n_out)
{
    assert_true(file->at + 2 <= file->size);
    *n_out = (size_t)(file->bytes[file->at] | file->bytes[file->at + 1] << 8);
    const uint8_t *item = file->bytes + file->at + 2;
    file->at += 2 + *n_out * unit_bytes;
    assert_true(file->at <= file->size);
    return item;
}

#endif
