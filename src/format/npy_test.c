#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/npy.h"

static void make_path(char path[512], const char *name)
{
    snprintf(path, 512, "%s/format/%s", getenv("CIR_TEST_DATA"), name);
}

static void test_numpys_files_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        cir__npy_dtype dtype;
    } files[] = {{"rows_f2.npy", CIR__NPY_F16},
                 {"rows_f4.npy", CIR__NPY_F32},
                 {"rows_f8.npy", CIR__NPY_F64},
                 {"rows_f4_v2.npy", CIR__NPY_F32},
                 {"rows_f4_v3.npy", CIR__NPY_F32}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        make_path(path, files[i].name);
        cir_error err;
        cir__npy_file file;
        assert_int_equal(cir__npy_open(path, &file, &err), CIR_OK);
        assert_int_equal(file.view.dtype, files[i].dtype);
        assert_int_equal(file.view.n_dims, 2);
        assert_int_equal(file.view.n_rows, 5);
        assert_int_equal(file.view.row_items, 3);
        float row[6];
        cir__npy_copy_rows(&file.view, 3, 2, row);
        for (int j = 0; j < 6; j++)
            assert_true(row[j] == (float)(9 + j) / 4 - 1.5F);
        cir__npy_close(&file);
        cir__npy_close(&file);
    }
}

static void test_other_shapes_and_values_are_read(void **state)
{
    (void)state;
    char path[512];
    cir_error err;
    float *rows;
    cir__npy_view view;
    make_path(path, "line_f4.npy");
    assert_int_equal(cir__npy_read(path, &rows, &view, &err), CIR_OK);
    assert_int_equal(view.n_dims, 1);
    assert_int_equal(view.n_rows, 7);
    assert_int_equal(view.row_items, 1);
    assert_null(view.data);
    assert_true(rows[6] == 6.0F);
    free(rows);
    make_path(path, "empty_f2.npy");
    assert_int_equal(cir__npy_read(path, &rows, &view, &err), CIR_OK);
    assert_int_equal(view.n_rows, 0);
    assert_int_equal(view.row_items, 768);
    free(rows);
    make_path(path, "special_f2.npy");
    assert_int_equal(cir__npy_read(path, &rows, &view, &err), CIR_OK);
    assert_true(rows[0] == 0 && !signbit(rows[0]) && rows[1] == 0 && signbit(rows[1]));
    assert_true(rows[2] == 0x1p-24F && rows[3] == 65504.0F);
    assert_true(isinf(rows[4]) && rows[4] > 0 && isinf(rows[5]) && rows[5] < 0 && isnan(rows[6]));
    free(rows);
}

static void test_what_is_not_read_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        cir_status status;
        const char *says;
    } files[] = {
        {"bad_fortran.npy", CIR_UNSUPPORTED, "Fortran"}, {"bad_big_endian.npy", CIR_UNSUPPORTED, ">f4"},
        {"bad_integers.npy", CIR_UNSUPPORTED, "<i4"},    {"bad_object.npy", CIR_UNSUPPORTED, "|O"},
        {"bad_structure.npy", CIR_FORMAT, "header"},     {"bad_scalar.npy", CIR_UNSUPPORTED, "0 dimensions"},
        {"bad_five_dims.npy", CIR_UNSUPPORTED, "5"},     {"make.py", CIR_FORMAT, "not a .npy"},
        {"absent.npy", CIR_NOT_FOUND, "absent.npy"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        make_path(path, files[i].name);
        cir_error err;
        cir__npy_file file;
        assert_int_equal(cir__npy_open(path, &file, &err), files[i].status);
        assert_non_null(strstr(err.message, files[i].says));
        assert_null(file.view.data);
    }
}

/* A whole file: a header's text, blanks that put the data at a multiple of 16 plus n_shift, and n_data
 * bytes. */
static cir_status parse_text(const char *text, size_t n_shift, size_t n_data, cir__npy_view *view,
                             cir_error *err)
{
    size_t size = strlen(text);
    size_t header = (10 + size + 1 + 15) / 16 * 16 - 10 + n_shift;
    uint8_t *bytes = malloc(10 + header + n_data);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (uint8_t)(header & 255);
    bytes[9] = (uint8_t)(header >> 8);
    memset(bytes + 10, ' ', header + n_data);
    memcpy(bytes + 10, text, size);
    bytes[10 + header - 1] = '\n';
    cir_status status = cir__npy_parse((cir__bytes_view){bytes, 10 + header + n_data, "made.npy"}, view, err);
    free(bytes);
    return status;
}

static void test_headers_are_not_believed(void **state)
{
    (void)state;
    cir__npy_view view;
    cir_error err;
    const char *plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    const char *odd = "{ \"shape\" :( 2,3 ) ,'fortran_order' :False,'descr':'<f4'}";
    assert_int_equal(parse_text(plain, 0, 24, &view, &err), CIR_OK);
    assert_int_equal(parse_text(odd, 4, 25, &view, &err), CIR_OK);
    assert_int_equal(view.n_extra_bytes, 1);
    assert_int_equal(parse_text(plain, 0, 23, &view, &err), CIR_FORMAT);
    assert_int_equal(parse_text(plain, 2, 24, &view, &err), CIR_FORMAT);
    const char *no_rows = "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 462048790274404806), }";
    assert_int_equal(parse_text(no_rows, 0, 0, &view, &err), CIR_UNSUPPORTED);
    assert_null(view.data);
    static const char *const lies[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 3), }",
        "{'descr': '<f4', 'shape': (2, 3), }",
        "{'descr': '<f4', 'descr': '<f4', 'shape': (2, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } os.system",
        "{'descr': '<f4",
        "{",
        ""};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        assert_int_equal(parse_text(lies[i], 0, 24, &view, &err), CIR_FORMAT);
        assert_non_null(strstr(err.message, "made.npy"));
        assert_null(view.data);
    }
    uint8_t cut[] = "\x93NUMPY\x02\x00\xff\xff\xff\xff";
    for (size_t size = 0; size < sizeof cut; size++)
        assert_int_equal(cir__npy_parse((cir__bytes_view){cut, size, "cut.npy"}, &view, &err), CIR_FORMAT);
}

static void test_headers_are_numpys(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        cir__npy_dtype dtype;
        size_t n_rows, dim;
    } files[] = {{"rows_f2.npy", CIR__NPY_F16, 5, 3},
                 {"rows_f4.npy", CIR__NPY_F32, 5, 3},
                 {"rows_f8.npy", CIR__NPY_F64, 5, 3},
                 {"line_f4.npy", CIR__NPY_F32, 7, 0},
                 {"empty_f2.npy", CIR__NPY_F16, 0, 768}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        make_path(path, files[i].name);
        cir__mapping mapping;
        cir_error err;
        assert_int_equal(cir__mapping_open(path, &mapping, &err), CIR_OK);
        uint8_t header[CIR__NPY_HEADER_SIZE];
        cir__npy_format_header(files[i].dtype, files[i].n_rows, files[i].dim, header);
        assert_true(mapping.size >= sizeof header);
        assert_memory_equal(mapping.data, header, sizeof header);
        cir__mapping_close(&mapping);
    }
    uint8_t header[CIR__NPY_HEADER_SIZE];
    cir__npy_format_header(CIR__NPY_F16, SIZE_MAX, SIZE_MAX, header);
    assert_int_equal(header[CIR__NPY_HEADER_SIZE - 1], '\n');
    assert_int_equal(header[CIR__NPY_HEADER_SIZE - 2], ' ');
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    char folder[] = "/tmp/cir-npy-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof path, "%s/x.npy", folder);
    float rows[6] = {1, -2, 3.5F, 0, 1e-30F, 7};
    cir_error err;
    assert_int_equal(cir__npy_write(path, CIR__NPY_F32, 2, 3, rows, &err), CIR_OK);
    float *back;
    cir__npy_view view;
    assert_int_equal(cir__npy_read(path, &back, &view, &err), CIR_OK);
    assert_int_equal(view.shape[0], 2);
    assert_int_equal(view.shape[1], 3);
    assert_memory_equal(back, rows, sizeof rows);
    free(back);
    assert_int_equal(cir__npy_write(path, CIR__NPY_F64, SIZE_MAX / 4, 3, rows, &err), CIR_LIMIT);
    assert_int_equal(truncate(path, 128 + 23), 0);
    assert_int_equal(cir__npy_read(path, &back, &view, &err), CIR_FORMAT);
    assert_int_equal(truncate(path, 128 + 25), 0);
    assert_int_equal(cir__npy_read(path, &back, &view, &err), CIR_FORMAT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numpys_files_are_read),
        cmocka_unit_test(test_other_shapes_and_values_are_read),
        cmocka_unit_test(test_what_is_not_read_says_why),
        cmocka_unit_test(test_headers_are_not_believed),
        cmocka_unit_test(test_headers_are_numpys),
        cmocka_unit_test(test_what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
