#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/csv.h"

static void check_table(const char *name, const char *text, size_t size, const json_t *rows)
{
    /* A copy without a final zero: reading past the end shows under a sanitizer. */
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    memcpy(bytes, text, size);
    cir__csv csv;
    cir__csv_init(&csv, (cir__bytes_view){bytes, size, name}, ',');
    cir_error err = {0};
    bool has_row;
    size_t n_rows = 0;
    for (;;) {
        assert_int_equal(cir__csv_read_row(&csv, &has_row, &err), CIR_OK);
        if (!has_row)
            break;
        const json_t *row = json_array_get(rows, n_rows++);
        assert_non_null(row);
        assert_int_equal(csv.n_fields, json_array_size(row));
        for (size_t i = 0; i < csv.n_fields; i++) {
            assert_string_equal(csv.fields[i].text, json_string_value(json_array_get(row, i)));
            assert_int_equal(csv.fields[i].size_bytes, strlen(csv.fields[i].text));
        }
    }
    assert_int_equal(n_rows, json_array_size(rows));
    cir__csv_done(&csv);
    free(bytes);
}

static void test_rows_are_those_of_pythons_csv(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/format/tables.json", getenv("CIR_TEST_DATA"));
    json_t *cases = json_load_file(path, 0, NULL);
    assert_non_null(cases);
    assert_true(json_array_size(cases) >= 10);
    size_t i;
    json_t *item;
    json_array_foreach(cases, i, item)
    {
        const json_t *text = json_object_get(item, "text");
        check_table(json_string_value(json_object_get(item, "name")), json_string_value(text),
                    json_string_length(text), json_object_get(item, "rows"));
    }
    json_decref(cases);
}

static void test_marks_lines_and_separators(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf"
                               "a b\n\n\"x\ny\" z\r\nlast 1\r";
    cir__csv csv;
    cir__csv_init(&csv, (cir__bytes_view){(const uint8_t *)text, sizeof text - 1, "t.txt"}, ' ');
    static const size_t lines[] = {1, 3, 5};
    static const char *const first[] = {"a", "x\ny", "last"};
    bool has_row;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(cir__csv_read_row(&csv, &has_row, NULL), CIR_OK);
        assert_true(has_row);
        assert_int_equal(csv.line, lines[i]);
        assert_int_equal(csv.n_fields, 2);
        assert_string_equal(csv.fields[0].text, first[i]);
    }
    assert_int_equal(cir__csv_read_row(&csv, &has_row, NULL), CIR_OK);
    assert_false(has_row);
    cir__csv_done(&csv);
    cir__csv_done(&csv);
}

static void test_errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *says;
    } bad[] = {{"a,b\n\"c\nd", 8, "t.csv:2"},
               {"a\n\"b\"c\n", 7, "t.csv:2"},
               {"a\nb\0c\n", 6, "t.csv:2"},
               {"a\n\"b\n\0\"", 7, "t.csv:3"},
               {"\"", 1, "t.csv:1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cir__csv csv;
        cir__csv_init(&csv, (cir__bytes_view){(const uint8_t *)bad[i].text, bad[i].size, "t.csv"}, ',');
        cir_error err = {0};
        bool has_row = true;
        cir_status status = CIR_OK;
        while (status == CIR_OK && has_row)
            status = cir__csv_read_row(&csv, &has_row, &err);
        assert_int_equal(status, CIR_FORMAT);
        assert_non_null(strstr(err.message, bad[i].says));
        cir__csv_done(&csv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_those_of_pythons_csv),
        cmocka_unit_test(test_marks_lines_and_separators),
        cmocka_unit_test(test_errors_name_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
