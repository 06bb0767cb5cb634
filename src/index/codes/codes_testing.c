#include "index/codes/codes_testing.h"

#include <stdio.h>
#include <stdlib.h>

void write_photo(const testing *t, int i, const char *kind)
{
    char name[64];
    char text[64];
    snprintf(name, sizeof name, "photos/p%04d.jpg", i);
    snprintf(text, sizeof text, "%s %d", kind, i);
    testing_write(t, name, text);
}

void make_index(testing *t, int n)
{
    testing_init(t, 2);
    for (int i = 0; i < n; i++)
        write_photo(t, i, i == 70 ? "broken" : "PIC");
    cir_update_progress progress = testing_update(t, CIR_OK);
    assert_int_equal(progress.n_to_code, n > 70 ? n - 1 : n);
    assert_int_equal(progress.n_coded, progress.n_to_code);
}

void assert_whole(const testing *t)
{
    cir_index *index = testing_open(t);
    testing_assert_codes(index, true);
    cir_index_close(index);
    testing_assert_clean(t);
}

uint8_t *read_file(const testing *t, const char *name, size_t *size_out)
{
    char path[512];
    uint8_t *bytes;
    testing_path(t, name, path);
    assert_int_equal(cir__file_read(path, 1 << 24, &bytes, size_out, NULL), CIR_OK);
    return bytes;
}

cir__codes_header read_header(const testing *t)
{
    size_t size;
    uint8_t *bytes = read_file(t, BIN, &size);
    cir__codes_header header;
    bool has_damage;
    cir_error err = {0};
    if (cir__codes_parse_header(bytes, size, TESTING_DIM, t->encoder.fingerprint, BIN, &header, &has_damage,
                                &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_false(has_damage);
    free(bytes);
    return header;
}
