#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "format/csv.h"
#include "format/json.h"
#include "format/text_file.h"

#define BYTES(text)                                                                                          \
    {                                                                                                        \
        (const uint8_t *)(text), sizeof(text) - 1, "some.txt"                                                \
    }
#define VIEW(text) ((cir__bytes_view)BYTES(text))

static void test_marks_are_no_text(void **state)
{
    (void)state;
    cir_error err;
    cir__bytes_view text = VIEW("\xef\xbb\xbf"
                                "a");
    assert_int_equal(cir__text_file_begin(&text, &err), CIR_OK);
    assert_int_equal(text.size, 1);
    assert_int_equal(text.data[0], 'a');
    text = VIEW("\xef\xbb");
    assert_int_equal(cir__text_file_begin(&text, &err), CIR_OK);
    assert_int_equal(text.size, 2);
    /* One mark is taken off, what follows is text. */
    text = VIEW("\xef\xbb\xbf\xef\xbb\xbf");
    assert_int_equal(cir__text_file_begin(&text, &err), CIR_OK);
    assert_int_equal(text.size, 3);
}

static void test_marks_of_joined_files_are_no_text(void **state)
{
    (void)state;
    cir__bytes_view rest = VIEW("a\n\xef\xbb\xbf\xef\xbb\xbf"
                                "b\n\xef\xbb\xbf"
                                "\nc\xef\xbb\xbf\n\xef\xbb\xbf");
    static const char *const lines[] = {"a", "b", "", "c\xef\xbb\xbf"};
    cir__bytes_view line;
    for (size_t i = 0; i < 4; i++) {
        assert_true(cir__text_file_take_line(&rest, &line));
        assert_int_equal(line.size, strlen(lines[i]));
        assert_memory_equal(line.data, lines[i], line.size);
    }
    assert_false(cir__text_file_take_line(&rest, &line));
}

static void test_other_encodings_are_named(void **state)
{
    (void)state;
    static const struct {
        cir__bytes_view text;
        const char *says; /* NULL: read */
    } cases[] = {
        {BYTES("\xff\xfe"
               "a\0b\0"),
         "some.txt: is UTF-16; save it as UTF-8"},
        {BYTES("\xfe\xff\0a\0b"), "is UTF-16"},
        {BYTES("\xff\xfe"), "is UTF-16"},
        {BYTES("a\0b\0\n\0"), "is UTF-16"},
        {BYTES("\0a\0b\0c"), "is UTF-16"},
        {BYTES("\xff\xfe\0\0a\0\0\0"), "is UTF-32"},
        {BYTES("\0\0\xfe\xff\0\0\0a"), "is UTF-32"},
        {BYTES(""), NULL},
        {BYTES("a"), NULL},
        {BYTES("\0"), NULL},
        {BYTES("\0\0\0\0"), NULL},
        {BYTES("a\0bc"), NULL},
        {BYTES("plain"), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cir_error err;
        cir__bytes_view text = cases[i].text;
        cir_status status = cir__text_file_begin(&text, &err);
        assert_int_equal(status, cases[i].says != NULL ? CIR_FORMAT : CIR_OK);
        if (cases[i].says != NULL)
            assert_non_null(strstr(err.message, cases[i].says));
    }
}

static void test_all_ends_of_lines(void **state)
{
    (void)state;
    static const char *const expected[] = {"one", "two", "", "three", "", "four"};
    cir__bytes_view rest = VIEW("one\ntwo\r\n\nthree\r\rfour"), line;
    for (size_t i = 0; i < 6; i++) {
        assert_true(cir__text_file_take_line(&rest, &line));
        assert_int_equal(line.size, strlen(expected[i]));
        assert_memory_equal(line.data, expected[i], line.size);
    }
    assert_false(cir__text_file_take_line(&rest, &line));
    rest = VIEW("last\n");
    assert_true(cir__text_file_take_line(&rest, &line));
    assert_false(cir__text_file_take_line(&rest, &line));
}

static void test_tables_and_json_go_the_same_way(void **state)
{
    (void)state;
    cir__csv csv;
    cir_error err;
    bool has_row;
    json_t *object;
    cir__csv_init(&csv,
                  VIEW("\xff\xfe"
                       "a\0,\0b\0"),
                  ',');
    assert_int_equal(cir__csv_read_row(&csv, &has_row, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "some.txt: is UTF-16"));
    cir__csv_done(&csv);
    cir__csv_init(&csv,
                  VIEW("\xef\xbb\xbf"
                       "a,b"),
                  ',');
    assert_int_equal(cir__csv_read_row(&csv, &has_row, &err), CIR_OK);
    assert_string_equal(csv.fields[0].text, "a");
    cir__csv_done(&csv);
    assert_int_equal(cir__json_parse(VIEW("\xef\xbb\xbf"
                                          "{\"a\": 1}"),
                                     100, &object, &err),
                     CIR_OK);
    json_decref(object);
    assert_int_equal(cir__json_parse(VIEW("\xff\xfe{\0}\0"), 100, &object, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "is UTF-16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_are_no_text),
        cmocka_unit_test(test_marks_of_joined_files_are_no_text),
        cmocka_unit_test(test_other_encodings_are_named),
        cmocka_unit_test(test_all_ends_of_lines),
        cmocka_unit_test(test_tables_and_json_go_the_same_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
