/* The table of methods: what holds of each row, and what the rows of today say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cir/method.h"

static void test_methods_have_names(void **state)
{
    (void)state;
    cir_error err;
    cir_method method;
    for (int i = 0; i < CIR_N_METHODS; i++) {
        assert_int_equal(cir_method_parse(cir_method_name((cir_method)i), &method, &err), CIR_OK);
        assert_int_equal(method, i);
        assert_true(strlen(cir_method_get_info((cir_method)i)->meaning) > 10);
    }
    assert_int_equal(cir_method_parse("searle", &method, &err), CIR_ARGUMENT);
    assert_non_null(
        strstr(err.message, "basic-, basic, text, image, sum, product, weicom, freedom-, freedom, external"));
}

static void test_rows_are_of_one_piece(void **state)
{
    (void)state;
    for (int i = 0; i < CIR_N_METHODS; i++) {
        const cir_method_info *const info = cir_method_get_info((cir_method)i);
        cir_settings settings;
        cir_settings_init(&settings, sizeof settings, (cir_method)i);
        assert_int_equal(settings.expand, info->expands);
        assert_true(info->expansion != CIR_EXPANSION_NONE || !info->expands);
        assert_int_equal(cir_setting_applies("expand", (cir_method)i), info->expansion != CIR_EXPANSION_NONE);
        /* What ranks by a query uses it. */
        assert_int_equal(info->photo == CIR_INPUT_UNUSED && info->words == CIR_INPUT_UNUSED,
                         info->needs_composed);
        assert_true(!info->words_need_photo || info->photo == CIR_INPUT_NEEDED);
        if (info->composed_as == NULL)
            continue;
        cir_method other;
        assert_int_equal(cir_method_parse(info->composed_as, &other, NULL), CIR_OK);
        assert_int_equal(cir_method_get_info(other)->family, info->family);
    }
    assert_null(cir_method_get_info(CIR_N_METHODS));
}

static void test_methods_want_what_they_use(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        cir_input photo, words;
    } wants[] = {{"basic-", CIR_INPUT_OPTIONAL, CIR_INPUT_OPTIONAL},
                 {"basic", CIR_INPUT_OPTIONAL, CIR_INPUT_OPTIONAL},
                 {"text", CIR_INPUT_UNUSED, CIR_INPUT_NEEDED},
                 {"image", CIR_INPUT_NEEDED, CIR_INPUT_UNUSED},
                 {"sum", CIR_INPUT_OPTIONAL, CIR_INPUT_OPTIONAL},
                 {"product", CIR_INPUT_OPTIONAL, CIR_INPUT_OPTIONAL},
                 {"weicom", CIR_INPUT_OPTIONAL, CIR_INPUT_OPTIONAL},
                 {"freedom-", CIR_INPUT_NEEDED, CIR_INPUT_NEEDED},
                 {"freedom", CIR_INPUT_NEEDED, CIR_INPUT_NEEDED}};
    cir_method method;
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        assert_int_equal(cir_method_parse_for_search(wants[i].name, &method, NULL), CIR_OK);
        assert_int_equal(cir_method_get_info(method)->photo, wants[i].photo);
        assert_int_equal(cir_method_get_info(method)->words, wants[i].words);
    }
    assert_int_equal(cir_method_parse_for_search("external", &method, NULL), CIR_ARGUMENT);
}

static void test_methods_are_listed_once_the_simplest_first(void **state)
{
    (void)state;
    static const char *const names[] = {"text",     "image",    "sum",     "product", "weicom",
                                        "external", "freedom-", "freedom", "basic-",  "basic"};
    cir_method methods[CIR_N_METHODS];

    cir_method_list(methods);
    const size_t n_names = sizeof names / sizeof names[0];
    assert_int_equal(CIR_N_METHODS, n_names);
    for (size_t i = 0; i < n_names; i++)
        assert_string_equal(cir_method_name(methods[i]), names[i]);
}

static void test_settings_belong_to_methods(void **state)
{
    (void)state;
    assert_true(cir_setting_applies("weight", CIR_METHOD_SUM) &&
                cir_setting_applies("weight", CIR_METHOD_WEICOM));
    assert_false(cir_setting_applies("weight", CIR_METHOD_TEXT) ||
                 cir_setting_applies("weight", CIR_METHOD_BASIC));
    assert_true(cir_setting_applies("lambda", CIR_METHOD_BASIC_MINUS));
    assert_false(cir_setting_applies("lambda", CIR_METHOD_SUM) ||
                 cir_setting_applies("no_such", CIR_METHOD_SUM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods_have_names),
        cmocka_unit_test(test_rows_are_of_one_piece),
        cmocka_unit_test(test_methods_want_what_they_use),
        cmocka_unit_test(test_methods_are_listed_once_the_simplest_first),
        cmocka_unit_test(test_settings_belong_to_methods),
    };
    return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
