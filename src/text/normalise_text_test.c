#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "text/golden.h"
#include "text/normalise_text.h"

static void assert_text(const cir__text *text, const char *expected, size_t n_bytes)
{
    assert_int_equal(text->n_bytes, n_bytes);
    assert_memory_equal(text->text, expected, n_bytes);
    assert_int_equal(text->text[n_bytes], '\0');
}

static void test_repairs_as_python_decodes(void **state)
{
    (void)state;
    golden damaged = golden_open("text/ill_formed.golden");
    golden repaired = golden_open("text/repaired.golden");
    assert_int_equal(damaged.n_items, repaired.n_items);
    assert_true(damaged.n_items >= 400);
    for (size_t i = 0; i < damaged.n_items; i++) {
        size_t n_damaged, n_repaired;
        const char *from = (const char *)golden_next(&damaged, 1, &n_damaged);
        const char *to = (const char *)golden_next(&repaired, 1, &n_repaired);
        cir__text text;
        assert_int_equal(cir__normalise_repair(from, n_damaged, &text, NULL), CIR_OK);
        assert_text(&text, to, n_repaired);
        free(text.text);
    }
    free(damaged.bytes);
    free(repaired.bytes);
}

/* Expected: Unicode's UnicodeData.txt and SpecialCasing.txt. */
static void test_folds_composition_and_case(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"", ""},
        {"A Red MUG!", "a red mug!"},
        {"CAFE\xcc\x81", "caf\xc3\xa9"}, /* E and acute → é */
        {"\xe2\x84\xab", "\xc3\xa5"},    /* Ångström sign → å */
        {"\xc4\xb0", "i\xcc\x87"},       /* İ → i and a dot above */
        {"\xce\x9f\xce\x94\xce\x9f\xce\xa3", "\xce\xbf\xce\xb4\xce\xbf\xcf\x83"}, /* ΟΔΟΣ → οδοσ, not ς */
        {"\xe1\xba\x9e", "\xc3\x9f"},                                             /* ẞ → ß */
        {"\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80"}, /* Hangul: jamo → syllable */
        {"o\xcc\x82\xcc\xa3", "\xe1\xbb\x99"},        /* marks in the wrong order → ộ */
        {"\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"},     /* Deseret, four bytes */
        {"\xef\xac\x81", "\xef\xac\x81"},             /* ﬁ stays: no compatibility forms */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cir__text text;
        assert_int_equal(cir__normalise_fold(cases[i].from, strlen(cases[i].from), &text, NULL), CIR_OK);
        assert_text(&text, cases[i].to, strlen(cases[i].to));
        free(text.text);
    }
    cir__text zero;
    assert_int_equal(cir__normalise_fold("A\0\xc3\x89", 4, &zero, NULL), CIR_OK);
    assert_text(&zero, "a\0\xc3\xa9", 4);
    free(zero.text);
}

static void test_refuses_endless_marks(void **state)
{
    (void)state;
    enum { N = CIR__NORMALISE_MAX_MARKS + 1 };
    static char text[2 * N];
    for (size_t i = 0; i < N; i++)
        memcpy(text + 2 * i, i % 2 == 0 ? "\xcc\x81" : "\xcc\xa3", 2);
    cir__text out;
    cir_error err;
    assert_int_equal(cir__normalise_fold(text, 2 * N, &out, &err), CIR_LIMIT);
    assert_null(out.text);
    assert_non_null(strstr(err.message, "1024"));
    assert_int_equal(cir__normalise_fold(text, 2 * N - 2, &out, &err), CIR_OK);
    assert_int_equal(out.n_bytes, 2 * N - 2);
    free(out.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repairs_as_python_decodes),
        cmocka_unit_test(test_folds_composition_and_case),
        cmocka_unit_test(test_refuses_endless_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
