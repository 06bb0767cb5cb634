#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/skip.h"
#include "text/golden.h"
#include "text/tokenizer.h"

#define MAX_TOKENS 16384

/* folder is below the one that variable names; with_pair: vocab.json and merges.txt instead of
 * tokenizer.json. */
static cir__tokenizer *open_tokenizer(const char *variable, const char *folder, bool with_pair)
{
    static const char *const names[] = {"tokenizer.json", "vocab.json", "merges.txt"};
    cir__bytes_view views[3] = {{0}};
    for (size_t i = 0; i < 3; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if ((i > 0) == with_pair)
            views[i] = golden_read_file(variable, path);
        views[i].name = names[i];
    }
    cir_error err = {0};
    cir__tokenizer *tokenizer;
    cir__tokenizer_files files = {.tokenizer_json = with_pair ? NULL : &views[0],
                                  .vocab_json = with_pair ? &views[1] : NULL,
                                  .merges_txt = with_pair ? &views[2] : NULL};
    cir_status status = cir__tokenizer_parse(&files, CIR__TOKENIZER_CLIP, &tokenizer, &err);
    if (status != CIR_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < 3; i++)
        free((void *)(uintptr_t)views[i].data);
    return tokenizer;
}

/* CLIP's own vocabulary; skips the test where this machine lacks it. */
static cir__tokenizer *open_clip(void)
{
    char path[4096];
    const char *shared = getenv("CIR_SHARED");
    (void)snprintf(path, sizeof path, "%s/data/tokenizers/clip/tokenizer.json", shared != NULL ? shared : "");
    if (access(path, R_OK) != 0)
        SKIP("%s is not there", path);
    return open_tokenizer("CIR_SHARED", "data/tokenizers/clip", false);
}

/* Checks the tokenizer's ids, cut at max_tokens, of the strings after the first n_skipped. */
static void assert_golden(const cir__tokenizer *tokenizer, const char *name, size_t n_skipped,
                          size_t max_tokens)
{
    golden strings = golden_open("text/strings.golden");
    golden expected = golden_open(name);
    int32_t *ids = malloc(MAX_TOKENS * sizeof *ids);
    assert_non_null(ids);
    assert_true(n_skipped + expected.n_items <= strings.n_items);
    size_t n_bytes, n_expected, n_wrong = 0;
    for (size_t i = 0; i < n_skipped; i++)
        (void)golden_next(&strings, 1, &n_bytes);
    for (size_t i = 0; i < expected.n_items; i++) {
        const char *text = (const char *)golden_next(&strings, 1, &n_bytes);
        const uint8_t *wanted = golden_next(&expected, 2, &n_expected);
        size_t n_ids;
        bool was_cut;
        cir_error err = {0};
        if (cir__tokenizer_encode(tokenizer, text, n_bytes, max_tokens, ids, &n_ids, &was_cut, &err) !=
            CIR_OK)
            fail_msg("string %zu: %s", i, err.message);
        assert_true(max_tokens == MAX_TOKENS ? !was_cut : n_ids == max_tokens || !was_cut);
        bool is_same = n_ids == n_expected;
        for (size_t j = 0; j < n_ids && is_same; j++)
            is_same = ids[j] == (wanted[2 * j] | wanted[2 * j + 1] << 8);
        if (!is_same && n_wrong++ < 5)
            print_error("%s: string %zu has other ids: %.*s\n", name, n_skipped + i, (int)n_bytes, text);
    }
    assert_int_equal(n_wrong, 0);
    free(ids);
    free(strings.bytes);
    free(expected.bytes);
}

static void test_clip_equals_transformers(void **state)
{
    (void)state;
    cir__tokenizer *clip = open_clip();
    assert_int_equal(cir__tokenizer_n_vocabulary(clip), 49408);
    assert_int_equal(cir__tokenizer_start_id(clip), 49406);
    assert_int_equal(cir__tokenizer_end_id(clip), 49407);
    assert_golden(clip, "text/clip.golden", 0, MAX_TOKENS);
    cir__tokenizer_free(clip);
}

static void test_clip_cuts_as_transformers(void **state)
{
    (void)state;
    cir__tokenizer *clip = open_clip();
    golden strings = golden_open("text/strings.golden");
    golden cut = golden_open("text/cut.golden");
    assert_true(strings.n_items >= 5000);
    assert_golden(clip, "text/cut.golden", strings.n_items - cut.n_items, 77);
    free(strings.bytes);
    free(cut.bytes);
    cir__tokenizer_free(clip);
}

static void test_small_equals_transformers_from_either_kind_of_files(void **state)
{
    (void)state;
    for (int with_pair = 0; with_pair < 2; with_pair++) {
        cir__tokenizer *small = open_tokenizer("CIR_TEST_DATA", "text/small", with_pair != 0);
        assert_golden(small, "text/small.golden", 0, MAX_TOKENS);
        cir__tokenizer_free(small);
    }
}

static void test_odd_files_equal_tokenizers(void **state)
{
    (void)state;
    cir__tokenizer *odd = open_tokenizer("CIR_TEST_DATA", "text/odd", false);
    assert_golden(odd, "text/odd.golden", 0, MAX_TOKENS);
    cir__tokenizer_free(odd);
}

static void test_cutting_is_told(void **state)
{
    (void)state;
    cir__tokenizer *small = open_tokenizer("CIR_TEST_DATA", "text/small", false);
    int32_t start = cir__tokenizer_start_id(small), end = cir__tokenizer_end_id(small);
    int32_t whole[64], ids[64];
    size_t n_whole, n;
    bool was_cut = true;
    const char *text = "1 2 3 4 5";
    assert_int_equal(cir__tokenizer_encode(small, text, 9, 64, whole, &n_whole, &was_cut, NULL), CIR_OK);
    assert_int_equal(n_whole, 7);
    assert_false(was_cut);
    assert_int_equal(whole[0], start);
    assert_int_equal(whole[6], end);

    assert_int_equal(cir__tokenizer_encode(small, text, 9, 7, ids, &n, &was_cut, NULL), CIR_OK);
    assert_int_equal(n, 7);
    assert_false(was_cut);
    for (size_t max = 2; max < 7; max++) {
        ids[max] = -7;
        assert_int_equal(cir__tokenizer_encode(small, text, 9, max, ids, &n, &was_cut, NULL), CIR_OK);
        assert_true(was_cut);
        assert_int_equal(n, max);
        assert_memory_equal(ids, whole, (max - 1) * sizeof *ids);
        assert_int_equal(ids[max - 1], end);
        assert_int_equal(ids[max], -7);
    }
    assert_int_equal(cir__tokenizer_encode(small, " \t", 2, 2, ids, &n, &was_cut, NULL), CIR_OK);
    assert_int_equal(n, 2);
    assert_false(was_cut);
    assert_int_equal(cir__tokenizer_encode(small, "a<|endoftext|>b", 15, 64, ids, &n, NULL, NULL), CIR_OK);
    assert_int_equal(n, 5);
    assert_int_equal(cir__tokenizer_find_end(small, ids, n), 2);
    assert_int_equal(cir__tokenizer_find_end(small, whole, n_whole), 6);
    cir__tokenizer_free(small);
}

static void test_impossible_requests_are_refused(void **state)
{
    (void)state;
    cir__tokenizer *small = open_tokenizer("CIR_TEST_DATA", "text/small", false);
    int32_t ids[8];
    size_t n = 9;
    bool was_cut = true;
    cir_error err;
    assert_int_equal(cir__tokenizer_encode(small, "a", 1, 1, ids, &n, &was_cut, &err), CIR_ARGUMENT);
    assert_int_equal(n, 0);
    assert_false(was_cut);
    char *big = malloc(CIR__TOKENIZER_MAX_TEXT_BYTES + 1);
    assert_non_null(big);
    memset(big, 'a', CIR__TOKENIZER_MAX_TEXT_BYTES + 1);
    assert_int_equal(
        cir__tokenizer_encode(small, big, CIR__TOKENIZER_MAX_TEXT_BYTES + 1, 8, ids, &n, &was_cut, &err),
        CIR_LIMIT);
    assert_non_null(strstr(err.message, "262145"));
    assert_int_equal(
        cir__tokenizer_encode(small, big, CIR__TOKENIZER_MAX_TEXT_BYTES, 8, ids, &n, &was_cut, &err), CIR_OK);
    assert_true(was_cut);
    free(big);
    cir__tokenizer_free(small);
    cir__tokenizer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip_equals_transformers),
        cmocka_unit_test(test_clip_cuts_as_transformers),
        cmocka_unit_test(test_small_equals_transformers_from_either_kind_of_files),
        cmocka_unit_test(test_odd_files_equal_tokenizers),
        cmocka_unit_test(test_cutting_is_told),
        cmocka_unit_test(test_impossible_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
