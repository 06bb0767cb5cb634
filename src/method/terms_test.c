/* Corpora: the library's own, files of lines and of fields, headings, and what is drawn from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/skip.h"
#include "method/draw.h"
#include "method/terms.h"

static cir_status parse(const char *name, const char *text, cir_variant variant, cir__terms *terms,
                        cir_error *err)
{
    return cir__terms_parse((cir__bytes_view){(const uint8_t *)text, strlen(text), name}, variant, terms,
                            err);
}

/* The terms joined with "|". */
static const char *joined(const cir__terms *terms)
{
    static char text[256];
    text[0] = '\0';
    for (size_t i = 0; i < terms->n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? "|" : "", terms->texts[i]);
    return text;
}

static void test_terms_are_lines_or_first_fields(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        cir_variant variant;
        const char *want;
    } cases[] = {
        {"a.txt", "dog\ncat, black\n\n  old  boat \r\nwell", CIR_VARIANT_PAPER,
         "dog|cat, black|old  boat|well"},
        {"a.txt",
         "\xEF\xBB\xBF"
         "dog\ncat",
         CIR_VARIANT_PAPER, "dog|cat"},
        {"a.csv", "dog,1\n\"cat, black\",2\r\nboat", CIR_VARIANT_PAPER, "dog|cat, black|boat"},
        {"A.CSV", "object_name\ndog\ncat\n", CIR_VARIANT_PAPER, "dog|cat"},
        {"a.csv", "object_name\ndog\ncat\n", CIR_VARIANT_REFERENCE, "object_name|dog|cat"},
        {"a.csv", "Name,n\ndog,2\ncat,3\n", CIR_VARIANT_PAPER, "dog|cat"},
        {"a.csv", "watercolor painting\noil painting\n", CIR_VARIANT_PAPER,
         "watercolor painting|oil painting"},
        {"a.csv", "dog\nobject\n", CIR_VARIANT_PAPER, "dog|object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cir__terms terms;
        cir_error err;
        if (parse(cases[i].name, cases[i].text, cases[i].variant, &terms, &err) != CIR_OK)
            fail_msg("%s", err.message);
        assert_string_equal(joined(&terms), cases[i].want);
        cir__terms_done(&terms);
    }
}

static void test_too_few_terms_are_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n\n", "dog", "object_name\ndog\n"};
    for (size_t i = 0; i < 4; i++) {
        cir__terms terms;
        cir_error err;
        assert_int_equal(parse("few.csv", texts[i], CIR_VARIANT_PAPER, &terms, &err), CIR_FORMAT);
        assert_non_null(strstr(err.message, "few.csv"));
        assert_null(terms.memory);
    }
    cir__terms terms;
    assert_int_equal(parse("bad.csv", "a\n\"b\"c\n", CIR_VARIANT_PAPER, &terms, NULL), CIR_FORMAT);
    assert_int_equal(cir__terms_parse((cir__bytes_view){(const uint8_t *)"a\0b\nc\n", 6, "zero.txt"},
                                      CIR_VARIANT_PAPER, &terms, NULL),
                     CIR_FORMAT);
}

static void test_the_key_names_the_terms(void **state)
{
    (void)state;
    cir__terms a, b, c;
    assert_int_equal(parse("a.txt", "dog\ncat\n", CIR_VARIANT_PAPER, &a, NULL), CIR_OK);
    assert_int_equal(parse("b.csv", "name\ndog\ncat", CIR_VARIANT_PAPER, &b, NULL), CIR_OK);
    assert_int_equal(parse("a.txt", "cat\ndog\n", CIR_VARIANT_PAPER, &c, NULL), CIR_OK);
    assert_string_equal(a.key, b.key);
    assert_string_not_equal(a.key, c.key);
    cir__terms_done(&a);
    cir__terms_done(&b);
    cir__terms_done(&c);
}

static void test_the_library_has_its_own(void **state)
{
    (void)state;
    cir_settings settings;
    cir__terms objects, styles;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    assert_int_equal(cir__terms_read(CIR__CORPUS_OBJECTS, &settings, &objects, NULL), CIR_OK);
    assert_int_equal(cir__terms_read(CIR__CORPUS_STYLES, &settings, &styles, NULL), CIR_OK);
    assert_true(objects.n >= 1500);
    assert_true(styles.n >= 900);
    assert_string_not_equal(objects.key, styles.key);
    cir__terms_done(&objects);
    cir__terms_done(&styles);
    strcpy(settings.corpus_objects, "/nonexistent/objects.csv");
    assert_int_equal(cir__terms_read(CIR__CORPUS_OBJECTS, &settings, &objects, NULL), CIR_NOT_FOUND);
}

static void test_the_reference_corpora(void **state)
{
    (void)state;
    cir_settings settings;
    cir__terms terms;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    snprintf(settings.corpus_objects, sizeof settings.corpus_objects,
             "%s/data/reference/corpora/generic_subjects.csv", getenv("CIR_SHARED"));
    snprintf(settings.corpus_styles, sizeof settings.corpus_styles,
             "%s/data/reference/corpora/generic_styles.csv", getenv("CIR_SHARED"));
    if (access(settings.corpus_objects, R_OK) != 0)
        SKIP("%s is not there", settings.corpus_objects);
    assert_int_equal(cir__terms_read(CIR__CORPUS_OBJECTS, &settings, &terms, NULL), CIR_OK);
    assert_int_equal(terms.n, 1841);
    cir__terms_done(&terms);
    assert_int_equal(cir__terms_read(CIR__CORPUS_STYLES, &settings, &terms, NULL), CIR_OK);
    assert_int_equal(terms.n, 1000);
    cir__terms_done(&terms);
    settings.variant = CIR_VARIANT_REFERENCE;
    assert_int_equal(cir__terms_read(CIR__CORPUS_OBJECTS, &settings, &terms, NULL), CIR_OK);
    assert_int_equal(terms.n, 1842);
    assert_string_equal(terms.texts[0], "object_name");
    cir__terms_done(&terms);
}

static void test_context_terms(void **state)
{
    (void)state;
    cir_settings settings;
    cir__terms terms, chosen, other;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    assert_int_equal(cir__terms_read(CIR__CORPUS_OBJECTS, &settings, &terms, NULL), CIR_OK);
    assert_int_equal(cir__terms_choose(&terms, &settings, &chosen, NULL), CIR_OK);
    assert_int_equal(chosen.n, 100);
    assert_int_equal(cir__terms_choose(&terms, &settings, &other, NULL), CIR_OK);
    assert_string_equal(chosen.key, other.key);
    cir__terms_done(&other);
    settings.seed = 1;
    assert_int_equal(cir__terms_choose(&terms, &settings, &other, NULL), CIR_OK);
    assert_int_equal(other.n, 100);
    assert_string_not_equal(chosen.key, other.key);
    cir__terms_done(&chosen);
    cir__terms_done(&other);
    settings.variant = CIR_VARIANT_REFERENCE;
    assert_int_equal(cir__terms_choose(&terms, &settings, &other, NULL), CIR_OK);
    assert_int_equal(other.n, 100);
    for (size_t i = 0; i < 100; i++)
        assert_string_equal(other.texts[i], terms.texts[i]);
    cir__terms_done(&other);
    cir__terms_done(&terms);
    assert_int_equal(parse("a.txt", "dog\ncat\n", CIR_VARIANT_PAPER, &terms, NULL), CIR_OK);
    settings.variant = CIR_VARIANT_PAPER;
    assert_int_equal(cir__terms_choose(&terms, &settings, &other, NULL), CIR_OK);
    assert_string_equal(other.key, terms.key); /* all of them, in their order */
    cir__terms_done(&other);
    cir__terms_done(&terms);
}

static void test_draws_are_fair_and_fixed(void **state)
{
    (void)state;
    /* Fixed for good: a change would change every answer. From an independent splitmix64 in Python. */
    size_t drawn[20];
    static const size_t want[5] = {0, 7, 8, 11, 13};
    assert_int_equal(cir__draw(0, CIR__DRAW_CONTEXT, 20, NULL, 0, 5, drawn), 5);
    assert_memory_equal(drawn, want, sizeof want);
    /* Every number is drawn about equally often. */
    size_t counts[20] = {0};
    for (uint64_t seed = 0; seed < 4000; seed++) {
        cir__draw(seed, CIR__DRAW_MEAN, 20, NULL, 0, 5, drawn);
        for (size_t i = 0; i < 5; i++)
            counts[drawn[i]]++;
    }
    for (size_t i = 0; i < 20; i++) /* 1000 expected, standard deviation 27 */
        assert_in_range(counts[i], 870, 1130);
    /* Only usable ones, all of them where more are wanted. */
    const uint8_t usable[6] = {0, 1, 0, 0, 1, 1};
    assert_int_equal(cir__draw(7, CIR__DRAW_MEAN, 6, usable, 3, 10, drawn), 3);
    assert_true(drawn[0] == 1 && drawn[1] == 4 && drawn[2] == 5);
    assert_int_equal(cir__draw(7, CIR__DRAW_MEAN, 0, NULL, 0, 10, drawn), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terms_are_lines_or_first_fields),
        cmocka_unit_test(test_too_few_terms_are_an_error),
        cmocka_unit_test(test_the_key_names_the_terms),
        cmocka_unit_test(test_the_library_has_its_own),
        cmocka_unit_test(test_the_reference_corpora),
        cmocka_unit_test(test_context_terms),
        cmocka_unit_test(test_draws_are_fair_and_fixed),
    };
    return cmocka_run_group_tests_name("terms", tests, NULL, NULL);
}
