/* SigLIP's tokenizer against transformers, tokenizers and open_clip (test/data/text/make_siglip.py). */
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

static const char t5[] = "data/tokenizers/t5_unigram";

/* A file of the test's or of the shared data, its bytes to be freed. */
static cir__bytes_view read_file(bool is_shared, const char *folder, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    cir__bytes_view view = golden_read_file(is_shared ? "CIR_SHARED" : "CIR_TEST_DATA", path);
    view.name = name;
    return view;
}

/* name: spiece.model or a JSON file. */
static cir__tokenizer *open_file(bool is_shared, const char *folder, const char *name,
                                 cir__tokenizer_family family)
{
    cir__bytes_view view = read_file(is_shared, folder, name);
    bool is_spiece = strcmp(name, "spiece.model") == 0;
    cir__tokenizer_files files = {.spiece_model = is_spiece ? &view : NULL,
                                  .tokenizer_json = is_spiece ? NULL : &view};
    cir_error err = {0};
    cir__tokenizer *tokenizer;
    if (cir__tokenizer_parse(&files, family, &tokenizer, &err) != CIR_OK)
        fail_msg("%s", err.message);
    free((void *)(uintptr_t)view.data);
    return tokenizer;
}

/* Ids in front of the padding: all up to the last end token, which pads too. */
static size_t measure(const int32_t *ids, size_t n_ids, int32_t end_id)
{
    while (n_ids > 1 && ids[n_ids - 1] == end_id && ids[n_ids - 2] == end_id)
        n_ids--;
    return n_ids;
}

static bool equals(const int32_t *ids, size_t n_ids, const uint8_t *wanted, size_t n_wanted)
{
    bool is_same = n_ids == n_wanted;
    for (size_t i = 0; i < n_ids && is_same; i++)
        is_same = ids[i] == (wanted[2 * i] | wanted[2 * i + 1] << 8);
    return is_same;
}

static void assert_golden(const cir__tokenizer *tokenizer, const char *name, size_t n_skipped,
                          size_t max_tokens)
{
    golden strings = golden_open("text/strings.golden");
    golden expected = golden_open(name);
    int32_t *ids = malloc(MAX_TOKENS * sizeof *ids);
    int32_t *wanted_ids = malloc(MAX_TOKENS * sizeof *ids);
    assert_true(ids != NULL && wanted_ids != NULL && n_skipped + expected.n_items <= strings.n_items);
    int32_t end_id = cir__tokenizer_end_id(tokenizer);
    size_t n_bytes, n_wanted, n_wrong = 0;
    for (size_t i = 0; i < n_skipped; i++)
        (void)golden_next(&strings, 1, &n_bytes);
    for (size_t i = 0; i < expected.n_items; i++) {
        const char *text = (const char *)golden_next(&strings, 1, &n_bytes);
        const uint8_t *wanted = golden_next(&expected, 2, &n_wanted);
        for (size_t j = 0; j < n_wanted; j++)
            wanted_ids[j] = wanted[2 * j] | wanted[2 * j + 1] << 8;
        size_t n_ids;
        cir_error err = {0};
        if (cir__tokenizer_encode(tokenizer, text, n_bytes, max_tokens, ids, &n_ids, NULL, &err) != CIR_OK)
            fail_msg("string %zu: %s", i, err.message);
        assert_int_equal(n_ids, max_tokens);
        n_ids = measure(ids, n_ids, end_id);
        n_wanted = measure(wanted_ids, n_wanted, end_id);
        if (!equals(ids, n_ids, wanted, n_wanted) && n_wrong++ < 8) {
            print_error("%s: string %zu has other ids: %.*s\n", name, n_skipped + i, (int)n_bytes, text);
            for (size_t j = 0; j < n_ids || j < n_wanted; j++)
                print_error(" %d/%d", j < n_ids ? (int)ids[j] : -1, j < n_wanted ? (int)wanted_ids[j] : -1);
            print_error("\n");
        }
    }
    if (n_wrong > 0)
        fail_msg("%s: %zu of %zu strings have other ids", name, n_wrong, expected.n_items);
    free(ids);
    free(wanted_ids);
    free(strings.bytes);
    free(expected.bytes);
}

static void check(const char *folder, const char *name, cir__tokenizer_family family, const char *expected)
{
    cir__tokenizer *tokenizer = open_file(false, folder, name, family);
    assert_golden(tokenizer, expected, 0, MAX_TOKENS);
    cir__tokenizer_free(tokenizer);
}

static void check_t5(const char *name, cir__tokenizer_family family, const char *expected)
{
    char path[4096];
    const char *shared = getenv("CIR_SHARED");
    (void)snprintf(path, sizeof path, "%s/%s/%s", shared != NULL ? shared : "", t5, name);
    if (access(path, R_OK) != 0)
        SKIP("%s is not there", path);
    cir__tokenizer *tokenizer = open_file(true, t5, name, family);
    assert_golden(tokenizer, expected, 0, MAX_TOKENS);
    cir__tokenizer_free(tokenizer);
}

static void test_spiece_equals_transformers(void **state)
{
    (void)state;
    check("text/siglip", "spiece.model", CIR__TOKENIZER_SIGLIP, "text/siglip_spiece.golden");
}

static void test_bytes_and_runs_of_spaces_equal_transformers(void **state)
{
    (void)state;
    check("text/bytes", "spiece.model", CIR__TOKENIZER_SIGLIP, "text/siglip_bytes.golden");
}

static void test_json_equals_tokenizers(void **state)
{
    (void)state;
    check("text/siglip", "tokenizer.json", CIR__TOKENIZER_SIGLIP, "text/siglip_json.golden");
}

static void test_odd_json_equals_tokenizers(void **state)
{
    (void)state;
    check("text/siglip", "odd.json", CIR__TOKENIZER_SIGLIP, "text/siglip_odd.golden");
}

static void test_canonical_text_equals_open_clip(void **state)
{
    (void)state;
    check("text/siglip", "odd.json", CIR__TOKENIZER_SIGLIP_OPEN_CLIP, "text/siglip_open_clip.golden");
}

static void test_siglip_2_equals_tokenizers(void **state)
{
    (void)state;
    check("text/gemma", "tokenizer.json", CIR__TOKENIZER_SIGLIP, "text/gemma.golden");
    check("text/gemma", "tokenizer.json", CIR__TOKENIZER_SIGLIP_OPEN_CLIP, "text/gemma_open_clip.golden");
}

static void test_cut_equals_transformers(void **state)
{
    (void)state;
    cir__tokenizer *tokenizer = open_file(false, "text/siglip", "spiece.model", CIR__TOKENIZER_SIGLIP);
    golden strings = golden_open("text/strings.golden");
    golden cut = golden_open("text/siglip_cut.golden");
    assert_golden(tokenizer, "text/siglip_cut.golden", strings.n_items - cut.n_items, 64);
    free(strings.bytes);
    free(cut.bytes);
    cir__tokenizer_free(tokenizer);
}

static void test_t5_pieces_equal_transformers(void **state)
{
    (void)state;
    check_t5("spiece.model", CIR__TOKENIZER_SIGLIP, "text/t5_spiece.golden");
}

static void test_t5_json_equals_tokenizers(void **state)
{
    (void)state;
    check_t5("tokenizer.json", CIR__TOKENIZER_SIGLIP, "text/t5_json.golden");
}

static void test_t5_canonical_text_equals_open_clip(void **state)
{
    (void)state;
    check_t5("tokenizer.json", CIR__TOKENIZER_SIGLIP_OPEN_CLIP, "text/t5_open_clip.golden");
}

static void test_t5_spiece_alone_equals_open_clip(void **state)
{
    (void)state;
    check_t5("spiece.model", CIR__TOKENIZER_SIGLIP_OPEN_CLIP, "text/t5_open_clip.golden");
}

static void test_texts_are_filled_up(void **state)
{
    (void)state;
    cir__bytes_view spiece = read_file(false, "text/siglip", "spiece.model");
    static const char pads[] = "{\"pad_token\": {\"content\": \"<unk>\"}}";
    cir__bytes_view config = {(const uint8_t *)pads, sizeof pads - 1, "tokenizer_config.json"};
    cir__tokenizer_files files = {.spiece_model = &spiece};
    for (int with_config = 0; with_config < 2; with_config++) {
        files.config_json = with_config != 0 ? &config : NULL;
        cir__tokenizer *tokenizer;
        cir_error err = {0};
        if (cir__tokenizer_parse(&files, CIR__TOKENIZER_SIGLIP, &tokenizer, &err) != CIR_OK)
            fail_msg("%s", err.message);
        assert_int_equal(cir__tokenizer_start_id(tokenizer), -1);
        int32_t ids[9], whole[9];
        size_t n;
        bool was_cut;
        const char *text = "A photo, of the castle";
        assert_int_equal(cir__tokenizer_encode(tokenizer, text, strlen(text), 9, whole, &n, &was_cut, NULL),
                         CIR_OK);
        assert_int_equal(n, 9);
        assert_false(was_cut);
        size_t n_own = cir__tokenizer_find_end(tokenizer, whole, n);
        assert_true(n_own >= 4 && n_own < 8);
        for (size_t i = n_own + 1; i < 9; i++)
            assert_int_equal(whole[i], with_config != 0 ? 2 : 1);
        assert_int_equal(cir__tokenizer_encode(tokenizer, text, strlen(text), 3, ids, &n, &was_cut, NULL),
                         CIR_OK);
        assert_int_equal(n, 3);
        assert_true(was_cut);
        assert_memory_equal(ids, whole, 2 * sizeof *ids);
        assert_int_equal(ids[2], 1);
        cir__tokenizer_free(tokenizer);
    }
    static const char absent[] = "{\"pad_token\": \"nowhere\"}";
    config = (cir__bytes_view){(const uint8_t *)absent, sizeof absent - 1, "tokenizer_config.json"};
    cir__tokenizer *tokenizer;
    cir_error err = {0};
    assert_int_equal(cir__tokenizer_parse(&files, CIR__TOKENIZER_SIGLIP, &tokenizer, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "nowhere"));
    free((void *)(uintptr_t)spiece.data);
}

/* The JSON with one part replaced by another must be refused with that part's name. */
static void assert_refused(const cir__bytes_view *json, const char *from, const char *to, cir_status status,
                           const char *says)
{
    const char *text = (const char *)json->data;
    const char *at = strstr(text, from);
    assert_non_null(at);
    size_t size = json->size - strlen(from) + strlen(to);
    char *changed = malloc(size + 1);
    (void)snprintf(changed, size + 1, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    cir__bytes_view view = {(const uint8_t *)changed, size, "tokenizer.json"};
    cir__tokenizer_files files = {.tokenizer_json = &view};
    cir__tokenizer *tokenizer;
    cir_error err = {0};
    if (cir__tokenizer_parse(&files, CIR__TOKENIZER_SIGLIP, &tokenizer, &err) != status ||
        strstr(err.message, says) == NULL)
        fail_msg("%s → %s: %s", from, to, err.message);
    free(changed);
}

static void test_what_is_not_understood_is_refused(void **state)
{
    (void)state;
    cir__bytes_view json = read_file(false, "text/siglip", "tokenizer.json");
    assert_refused(&json, "\"Unigram\"", "\"WordPiece\"", CIR_UNSUPPORTED, "WordPiece");
    assert_refused(&json, "\"Unigram\"", "\"BPE\"", CIR_UNSUPPORTED, "fuse_unk");
    assert_refused(&json, "\"Lowercase\"", "\"NFKC\"", CIR_UNSUPPORTED, "normalizer");
    assert_refused(&json, "\\\\s+", "\\\\d+", CIR_UNSUPPORTED, "normalizer");
    assert_refused(&json, "[!", "[a-z!", CIR_UNSUPPORTED, "normalizer");
    assert_refused(&json, "[!", "[^!", CIR_UNSUPPORTED, "normalizer");
    assert_refused(&json, "\"Metaspace\"", "\"ByteLevel\"", CIR_UNSUPPORTED, "pre_tokenizer");
    assert_refused(&json, "\"TemplateProcessing\"", "\"BertProcessing\"", CIR_UNSUPPORTED, "post_processor");
    assert_refused(&json, "\"unk_id\":2", "\"unk_id\":99999", CIR_FORMAT, "unk_id");
    assert_refused(&json, "\"unk_id\":2", "\"unk_id\":null", CIR_FORMAT, "unk_id");
    assert_refused(&json, "\"normalized\":false", "\"normalized\":true", CIR_UNSUPPORTED, "added_tokens");
    assert_refused(&json, "\"ids\":[1]", "\"ids\":[99999]", CIR_FORMAT, "end token");
    assert_refused(&json, "\"precompiled_charsmap\":\"", "\"precompiled_charsmap\":\"~", CIR_FORMAT,
                   "base64");
    free((void *)(uintptr_t)json.data);
    json = read_file(false, "text/gemma", "tokenizer.json");
    assert_refused(&json, "\"fuse_unk\":true", "\"fuse_unk\":false", CIR_UNSUPPORTED, "fuse_unk");
    assert_refused(&json, "\"dropout\":null", "\"dropout\":0.1", CIR_UNSUPPORTED, "dropout");
    assert_refused(&json, "\"unk_token\":\"<unk>\"", "\"unk_token\":\"<none>\"", CIR_FORMAT, "unk_token");
    assert_refused(&json, "MergedWithPrevious", "Isolated", CIR_UNSUPPORTED, "pre_tokenizer");
    assert_refused(&json, "\"String\":\" \"", "\"String\":\"x\"", CIR_UNSUPPORTED, "pre_tokenizer");
    assert_refused(&json, "\"<eos>\":1,", "\"<eos>\":9999,", CIR_FORMAT, "ids");
    assert_refused(&json, "\"merges\":[", "\"merges\":[\"nosuch pair\",", CIR_FORMAT, "merge 0");
    assert_refused(&json, "\"merges\":[", "\"merges\":[\"alone\",", CIR_FORMAT, "merge 0");
    free((void *)(uintptr_t)json.data);
    cir__tokenizer_files none = {0};
    cir__tokenizer *tokenizer;
    assert_int_equal(cir__tokenizer_parse(&none, CIR__TOKENIZER_SIGLIP, &tokenizer, NULL), CIR_NOT_FOUND);
}

/* Every beginning of the file, and the file with every byte changed in turn, is read or refused. */
static void test_damaged_pieces_are_refused_or_harmless(void **state)
{
    (void)state;
    cir__bytes_view spiece = read_file(false, "text/siglip", "spiece.model");
    uint8_t *bytes = (uint8_t *)(uintptr_t)spiece.data;
    size_t size = spiece.size, n_refused = 0;
    cir__tokenizer_files files = {.spiece_model = &spiece};
    for (size_t i = 0; i < 2 * size; i++) {
        size_t at = i % size;
        uint8_t kept = bytes[at];
        spiece.size = i < size ? at : size;
        bytes[at] = i < size ? kept : (uint8_t)(kept ^ 0x85);
        cir__tokenizer *tokenizer;
        int32_t ids[64];
        size_t n;
        cir_error err = {0};
        if (cir__tokenizer_parse(&files, CIR__TOKENIZER_SIGLIP, &tokenizer, &err) == CIR_OK) {
            assert_int_equal(cir__tokenizer_encode(tokenizer, "the ﬁne café", 15, 64, ids, &n, NULL, &err),
                             CIR_OK);
            cir__tokenizer_free(tokenizer);
        } else {
            assert_true(strlen(err.message) > 0);
            n_refused++;
        }
        bytes[at] = kept;
    }
    assert_true(n_refused > size / 2);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spiece_equals_transformers),
        cmocka_unit_test(test_bytes_and_runs_of_spaces_equal_transformers),
        cmocka_unit_test(test_json_equals_tokenizers),
        cmocka_unit_test(test_odd_json_equals_tokenizers),
        cmocka_unit_test(test_canonical_text_equals_open_clip),
        cmocka_unit_test(test_siglip_2_equals_tokenizers),
        cmocka_unit_test(test_cut_equals_transformers),
        cmocka_unit_test(test_t5_pieces_equal_transformers),
        cmocka_unit_test(test_t5_json_equals_tokenizers),
        cmocka_unit_test(test_t5_canonical_text_equals_open_clip),
        cmocka_unit_test(test_t5_spiece_alone_equals_open_clip),
        cmocka_unit_test(test_texts_are_filled_up),
        cmocka_unit_test(test_what_is_not_understood_is_refused),
        cmocka_unit_test(test_damaged_pieces_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
