#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/pickle.h"

static const cir__pickle_global globals[] = {{"collections", "OrderedDict", true}, {"m", "f", false}};

/* No byte more than the pickle has, so that a sanitizer sees what reads on. */
static cir_status parse(const char *text, size_t size, cir__pickle **pickle, cir_error *err)
{
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    memcpy(bytes, text, size);
    cir_status status = cir__pickle_parse((cir__bytes_view){bytes, size, "x"}, globals, 2, pickle, err);
    free(bytes);
    return status;
}

#define PARSE(text, pickle, err) parse(text, sizeof(text) - 1, pickle, err)

static void check_refused_bytes(const char *text, size_t size, cir_status status, const char *says)
{
    cir__pickle *pickle;
    cir_error err = {0};
    cir_status found = parse(text, size, &pickle, &err);
    if (found != status || strstr(err.message, says) == NULL)
        fail_msg("%s instead of %s with \"%s\": %s", cir_status_name(found), cir_status_name(status), says,
                 err.message);
    assert_null(pickle);
}

#define CHECK_REFUSED(text, status, says) check_refused_bytes(text, sizeof(text) - 1, status, says)

static void test_values_are_what_they_say(void **state)
{
    (void)state;
    cir__pickle *pickle;
    cir_error err = {0};
    /* (None, True, False, 200, 258, -2, -3 as LONG1, 0 as LONG1, "ab", [], {"k": ()}) */
    static const char text[] =
        "\x80\x02(N\x88\x89K\xc8M\x02\x01J\xfe\xff\xff\xff\x8a\x01\xfd\x8a\x00X\x02\0\0\0ab]}"
        "X\x01\0\0\0k)st.";
    assert_int_equal(PARSE(text, &pickle, &err), CIR_OK);
    const cir__pickle_value *items[16];
    assert_int_equal(cir__pickle_top(pickle)->kind, CIR__PICKLE_TUPLE);
    assert_int_equal(cir__pickle_items(pickle, cir__pickle_top(pickle), items, 16), 11);
    static const cir__pickle_kind kinds[] = {CIR__PICKLE_NONE, CIR__PICKLE_BOOL, CIR__PICKLE_BOOL,
                                             CIR__PICKLE_INT,  CIR__PICKLE_INT,  CIR__PICKLE_INT,
                                             CIR__PICKLE_INT,  CIR__PICKLE_INT,  CIR__PICKLE_TEXT,
                                             CIR__PICKLE_LIST, CIR__PICKLE_DICT};
    static const int64_t numbers[] = {0, 1, 0, 200, 258, -2, -3, 0};
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(items[i]->kind, kinds[i]);
        assert_true(i >= 8 || items[i]->number == numbers[i]);
    }
    assert_string_equal(items[8]->text, "ab");
    assert_int_equal(items[9]->n, 0);
    const cir__pickle_value *pair[2];
    assert_int_equal(cir__pickle_items(pickle, items[10], pair, 2), 2);
    assert_string_equal(pair[0]->text, "k");
    assert_int_equal(pair[1]->kind, CIR__PICKLE_TUPLE);
    cir__pickle_free(pickle);
}

static void test_calls_are_noted_and_not_made(void **state)
{
    (void)state;
    cir__pickle *pickle;
    cir_error err = {0};
    const cir__pickle_value *items[2];
    assert_int_equal(PARSE("\x80\x02"
                           "cm\nf\nK\x07\x85R.",
                           &pickle, &err),
                     CIR_OK);
    assert_int_equal(cir__pickle_top(pickle)->kind, CIR__PICKLE_CALL);
    assert_int_equal(cir__pickle_top(pickle)->i_global, 1);
    const cir__pickle_value *tuple = cir__pickle_get(pickle, cir__pickle_top(pickle)->tuple);
    assert_int_equal(cir__pickle_items(pickle, tuple, items, 2), 1);
    assert_int_equal(items[0]->number, 7);
    cir__pickle_free(pickle);
    /* OrderedDict() with an item and a state, by protocol 4. */
    static const char text[] = "\x80\x04\x95\x2d\0\0\0\0\0\0\0\x8c\x0b"
                               "collections\x8c\x0bOrderedDict\x93)R\x94(\x8c\x01kK\x01u}\x8c\x01sK\x02sb.";
    if (PARSE(text, &pickle, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(cir__pickle_top(pickle)->kind, CIR__PICKLE_DICT);
    assert_int_equal(cir__pickle_items(pickle, cir__pickle_top(pickle), items, 2), 2);
    assert_int_equal(items[1]->number, 1);
    cir__pickle_free(pickle);
}

/* Every opcode that there is, and every byte that is none: read, or refused by name and place. */
static void test_every_other_opcode_is_refused(void **state)
{
    (void)state;
    static const char allowed[] = "N\x88\x89JKM\x8a\x8cX\x8d()\x85\x86\x87t]ae}suc\x93RbQqr\x94hj\x95.";
    size_t n_refused = 0;
    for (int code = 0; code < 256; code++) {
        if (code != 0 && strchr(allowed, code) != NULL)
            continue;
        const char text[] = {'\x80', 2, 'N', (char)code, 'N', 'N', 'N', 'N', '.'};
        char says[64];
        (void)snprintf(says, sizeof says, "x: pickle, byte 3: opcode ");
        check_refused_bytes(text, sizeof text, CIR_UNSUPPORTED, says);
        (void)snprintf(says, sizeof says, " (0x%02x), which dictionaries of tensors do not have",
                       (unsigned)code);
        check_refused_bytes(text, sizeof text, CIR_UNSUPPORTED, says);
        n_refused++;
    }
    assert_int_equal(n_refused, 256 - (sizeof allowed - 1));
    CHECK_REFUSED("\x80\x02(i__main__\nX\n.", CIR_UNSUPPORTED, "byte 3: opcode INST");
    CHECK_REFUSED("\x80\x02N)\x81.", CIR_UNSUPPORTED, "byte 4: opcode NEWOBJ");
}

static void test_other_globals_are_refused_by_name(void **state)
{
    (void)state;
    CHECK_REFUSED("\x80\x02"
                  "cposix\nsystem\nX\x02\0\0\0id\x85R.",
                  CIR_UNSUPPORTED, "byte 2: names posix.system");
    CHECK_REFUSED("\x80\x04\x8c\x08"
                  "builtins\x8c\x04"
                  "eval\x93.",
                  CIR_UNSUPPORTED, "byte 18: names builtins.eval");
    CHECK_REFUSED("\x80\x04\x8c\x01mK\x01\x93.", CIR_FORMAT, "no texts name");
    CHECK_REFUSED("\x80\x02"
                  "cm\nf.g\n.",
                  CIR_UNSUPPORTED, "names m.f.g"); /* no walk along attributes */
}

static void test_programs_that_do_not_work_are_refused(void **state)
{
    (void)state;
    CHECK_REFUSED("", CIR_FORMAT, "is not a pickle");
    CHECK_REFUSED("N.", CIR_FORMAT, "is not a pickle");
    CHECK_REFUSED("\x80\x06N.", CIR_UNSUPPORTED, "protocol 6");
    CHECK_REFUSED("\x80\x01N.", CIR_UNSUPPORTED, "protocol 1");
    CHECK_REFUSED("\x80\x02.", CIR_FORMAT, "ends where it should not");
    CHECK_REFUSED("\x80\x02NN.", CIR_FORMAT, "ends where it should not");
    CHECK_REFUSED("\x80\x02(N.", CIR_FORMAT, "ends where it should not");
    CHECK_REFUSED("\x80\x02N.N", CIR_FORMAT, "ends where it should not");
    CHECK_REFUSED("\x80\x02N", CIR_FORMAT, "is cut short");
    CHECK_REFUSED("\x80\x02t.", CIR_FORMAT, "a mark where there is none");
    CHECK_REFUSED("\x80\x02N\x86.", CIR_FORMAT, "takes a value where there is none");
    CHECK_REFUSED("\x80\x02N(\x85.", CIR_FORMAT, "takes a value where there is none"); /* below the mark */
    CHECK_REFUSED("\x80\x02)N(R.", CIR_FORMAT, "takes a value where there is none");
    CHECK_REFUSED("\x80\x02}(NNNu.", CIR_FORMAT, "a key without a value");
    CHECK_REFUSED("\x80\x02](NNu.", CIR_FORMAT, "fills what is not a dictionary");
    CHECK_REFUSED("\x80\x02}Na.", CIR_FORMAT, "fills what is not a list");
    CHECK_REFUSED("\x80\x02NNb.", CIR_UNSUPPORTED, "opcode BUILD");
    CHECK_REFUSED("\x80\x02N)R.", CIR_FORMAT, "calls what is not a function");
    CHECK_REFUSED("\x80\x02NQ.", CIR_FORMAT, "no tuple names");
    CHECK_REFUSED("\x80\x02h\x00.", CIR_FORMAT, "never remembered");
    CHECK_REFUSED("\x80\x02Nq\x01.", CIR_FORMAT, "out of turn");
    CHECK_REFUSED("\x80\x02Nr\xff\xff\xff\xff.", CIR_FORMAT, "out of turn");
    CHECK_REFUSED("\x80\x02X\xff\xff\xff\xff.", CIR_FORMAT, "is cut short");
    CHECK_REFUSED("\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", CIR_FORMAT, "is cut short");
    CHECK_REFUSED("\x80\x04\x95\xff\0\0\0\0\0\0\0N.", CIR_FORMAT, "is cut short");
    CHECK_REFUSED("\x80\x02\x8a\x09.", CIR_FORMAT, "more than 8 bytes");
    CHECK_REFUSED("\x80\x02X\x01\0\0\0\0.", CIR_FORMAT, "a zero byte");
    CHECK_REFUSED("\x80\x02"
                  "cm\nf",
                  CIR_FORMAT, "is cut short");
}

/* A value may lie in itself: nothing walks on. */
static void test_a_list_in_itself_is_a_value(void **state)
{
    (void)state;
    cir__pickle *pickle;
    const cir__pickle_value *item;
    assert_int_equal(PARSE("\x80\x02]q\0h\0a.", &pickle, NULL), CIR_OK);
    assert_int_equal(cir__pickle_items(pickle, cir__pickle_top(pickle), &item, 1), 1);
    assert_ptr_equal(item, cir__pickle_top(pickle));
    cir__pickle_free(pickle);
}

static void test_large_pickles_are_refused(void **state)
{
    (void)state;
    char *text = malloc(CIR__PICKLE_MAX_BYTES + 1);
    memset(text, 'N', CIR__PICKLE_MAX_BYTES + 1);
    memcpy(text, "\x80\x02", 2);
    check_refused_bytes(text, CIR__PICKLE_MAX_BYTES, CIR_FORMAT, "is cut short");
    check_refused_bytes(text, CIR__PICKLE_MAX_BYTES + 1, CIR_LIMIT, "2097153 bytes");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_what_they_say),
        cmocka_unit_test(test_calls_are_noted_and_not_made),
        cmocka_unit_test(test_every_other_opcode_is_refused),
        cmocka_unit_test(test_other_globals_are_refused_by_name),
        cmocka_unit_test(test_programs_that_do_not_work_are_refused),
        cmocka_unit_test(test_a_list_in_itself_is_a_value),
        cmocka_unit_test(test_large_pickles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
