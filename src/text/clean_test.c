#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "text/clean.h"
#include "text/golden.h"
#include "text/tokenizer.h"

/* Of 1,227 strings: those that ftfy takes for mojibake and we do not, or the other way round; to be lowered
 * when the rule comes nearer. All else agrees. */
#define N_JUDGED_OTHERWISE 29

static void test_cleaning_equals_open_clip(void **state)
{
    (void)state;
    golden texts = golden_open("text/clean.golden"), expected = golden_open("text/cleaned.golden");
    size_t n_other = 0, n_bytes, n_expected;
    assert_int_equal(texts.n_items, expected.n_items);
    for (size_t i = 0; i < texts.n_items; i++) {
        const char *text = (const char *)golden_next(&texts, 1, &n_bytes);
        const uint8_t *wanted = golden_next(&expected, 1, &n_expected);
        char *copy = malloc(n_bytes + 1); /* of just that size, so that a sanitizer sees reads beyond it */
        cir__text cleaned;
        memcpy(copy, text, n_bytes);
        assert_int_equal(cir__clean(copy, n_bytes, &cleaned, NULL), CIR_OK);
        if (cleaned.n_bytes != n_expected || memcmp(cleaned.text, wanted, n_expected) != 0) {
            n_other++;
        }
        free(cleaned.text);
        free(copy);
    }
    assert_int_equal(n_other, N_JUDGED_OTHERWISE);
    free(texts.bytes);
    free(expected.bytes);
}

static void test_what_people_type(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"it\u2019s \u201cred\u201d \u2018here\u2019", "it's \"red\" 'here'"},
        {"caf&eacute; &amp;amp; bar", "café & bar"},
        {"cafÃ©", "café"},
        {"itâ€™s", "it's"},
        {"ＦＵＬＬ　ｗｉｄｔｈ", "FULL width"},
        {"oﬃce ﬁre", "office fire"},
        {"  two \t words\r\n", "two words"},
        {"\x1b[31mred\x1b[0m", "red"},
        {"a\xef\xbb\xbf"
         "b",
         "ab"},
        {"&lt;b&gt; &notanentity; AT&T", "<b> ¬anentity; AT&T"},
        {"a < b &amp; c", "a < b & c"},
        {"CAFÉ\u2014BAR", "CAFÉ\u2014BAR"},
        {"São Paulo, NÃO", "São Paulo, NÃO"},
        {"e\u0301te\u0301", "été"},
        {"", ""},
        {" \u3000 ", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cir__text cleaned;
        assert_int_equal(cir__clean(cases[i][0], strlen(cases[i][0]), &cleaned, NULL), CIR_OK);
        assert_string_equal(cleaned.text, cases[i][1]);
        free(cleaned.text);
    }
}

/* Long texts of nothing but what is looked at closest: an end, and in a time that follows the length. */
static void test_hostile_texts_end(void **state)
{
    (void)state;
    static const char *const units[] = {"&",  "&amp;", "&amp",    "Ã", "Ãƒ", "Ã ",
                                        "â€", "\x1b[", "<&lt;\n", "Σ", "ﷺ",  "&#x1F600;"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const size_t n_unit = strlen(units[i]), n = CIR__TOKENIZER_MAX_TEXT_BYTES / n_unit * n_unit;
        char *text = malloc(n);
        cir__text cleaned;
        for (size_t at = 0; at < n; at += n_unit)
            memcpy(text + at, units[i], n_unit);
        assert_int_equal(cir__clean(text, n, &cleaned, NULL), CIR_OK);
        free(cleaned.text);
        free(text);
    }
}

static void test_ids_equal_open_clip(void **state)
{
    (void)state;
    cir__bytes_view vocabulary = golden_read_file("CIR_TEST_DATA", "text/small/vocab.json");
    cir__bytes_view merges = golden_read_file("CIR_TEST_DATA", "text/small/merges.txt");
    const cir__tokenizer_files files = {.vocab_json = &vocabulary, .merges_txt = &merges};
    golden texts = golden_open("text/clean.golden"), expected = golden_open("text/clean_ids.golden");
    cir__tokenizer *tokenizer;
    cir_error err;
    int32_t ids[4096];
    size_t n_other = 0, n_bytes, n_expected, n_ids;
    if (cir__tokenizer_parse(&files, CIR__TOKENIZER_CLIP_OPEN_CLIP, &tokenizer, &err) != CIR_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < texts.n_items; i++) {
        const char *text = (const char *)golden_next(&texts, 1, &n_bytes);
        const uint8_t *wanted = golden_next(&expected, 2, &n_expected);
        assert_int_equal(cir__tokenizer_encode(tokenizer, text, n_bytes, 4096, ids, &n_ids, NULL, NULL),
                         CIR_OK);
        bool is_same = n_ids == n_expected;
        for (size_t j = 0; j < n_ids && is_same; j++)
            is_same = ids[j] == (wanted[2 * j] | wanted[2 * j + 1] << 8);
        n_other += !is_same;
    }
    assert_int_equal(n_other, N_JUDGED_OTHERWISE);
    cir__tokenizer_free(tokenizer);
    free(texts.bytes);
    free(expected.bytes);
    free((void *)(uintptr_t)vocabulary.data);
    free((void *)(uintptr_t)merges.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cleaning_equals_open_clip),
        cmocka_unit_test(test_what_people_type),
        cmocka_unit_test(test_hostile_texts_end),
        cmocka_unit_test(test_ids_equal_open_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
