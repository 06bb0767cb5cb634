/* A tokenizer that comes from the user's cache gives the ids of the one that was read from its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "text/clip_compiled.h"
#include "text/clip_files.h"
#include "text/golden.h"
#include "text/normalise_text.h"
#include "text/siglip_compiled.h"
#include "text/siglip_files.h"
#include "text/tokenizer.h"
#include "text/tokenizer_key.h"

enum { MAX_TOKENS = 16384, PATH_SIZE = 512, PADDING = 1 << 20 };

static char cache[PATH_SIZE];

static int set_up(void **state)
{
    (void)state;
    strcpy(cache, "/tmp/cir-compiled-XXXXXX");
    return mkdtemp(cache) != NULL ? setenv("CIR_CACHE", cache, 1) : -1;
}

/* Removes the files there and returns how many begin so. */
static size_t empty(const char *begin)
{
    DIR *entries = opendir(cache);
    size_t n = 0;
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[PATH_SIZE];
        if (entry->d_name[0] == '.')
            continue;
        n += strncmp(entry->d_name, begin, strlen(begin)) == 0;
        (void)snprintf(path, sizeof path, "%.200s/%.200s", cache, entry->d_name);
        assert_int_equal(unlink(path), 0);
    }
    closedir(entries);
    return n;
}

static int tear_down(void **state)
{
    (void)state;
    (void)empty("");
    return rmdir(cache);
}

static cir__bytes_view read_file(const char *name)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "text/%s", name);
    return golden_read_file("CIR_TEST_DATA", path);
}

typedef cir_status encoder(const void *tokenizer, const char *text, size_t n_bytes, cir__ids *ids);

static cir_status encode_siglip(const void *tokenizer, const char *text, size_t n_bytes, cir__ids *ids)
{
    return cir__siglip_encode(tokenizer, text, n_bytes, ids, NULL);
}

static cir_status encode_clip(const void *tokenizer, const char *text, size_t n_bytes, cir__ids *ids)
{
    return cir__clip_encode(tokenizer, text, n_bytes, ids, NULL);
}

static void compare(encoder *encode, const void *a, const void *b)
{
    golden strings = golden_open("text/strings.golden");
    int32_t *ids[2] = {malloc(MAX_TOKENS * sizeof(int32_t)), malloc(MAX_TOKENS * sizeof(int32_t))};
    assert_true(ids[0] != NULL && ids[1] != NULL && strings.n_items > 1000);
    size_t n_all = 0;
    for (size_t i = 0; i < strings.n_items; i++) {
        size_t n_bytes;
        const char *text = (const char *)golden_next(&strings, 1, &n_bytes);
        cir__ids found[2] = {{.ids = ids[0], .capacity = MAX_TOKENS},
                             {.ids = ids[1], .capacity = MAX_TOKENS}};
        cir__text whole;
        if (cir__normalise_repair(text, n_bytes, &whole, NULL) != CIR_OK)
            continue;
        assert_int_equal(encode(a, whole.text, whole.n_bytes, &found[0]), CIR_OK);
        assert_int_equal(encode(b, whole.text, whole.n_bytes, &found[1]), CIR_OK);
        assert_int_equal(found[0].n, found[1].n);
        if (found[0].n > 0)
            assert_memory_equal(ids[0], ids[1], found[0].n * sizeof(int32_t));
        n_all += found[0].n;
        free(whole.text);
    }
    assert_true(n_all > 10000);
    free(ids[0]);
    free(ids[1]);
    free(strings.bytes);
}

static void test_every_siglip_is_kept_as_it_was(void **state)
{
    (void)state;
    static const char *const names[] = {"siglip/spiece.model", "siglip/tokenizer.json", "siglip/odd.json",
                                        "gemma/tokenizer.json", "odd/tokenizer.json"};
    size_t n_bpe = 0, n_sentencepiece = 0, n_kinds = 0;
    for (size_t i = 0; i < 2 * sizeof names / sizeof *names; i++) {
        const cir__bytes_view file = read_file(names[i / 2]);
        const bool is_spiece = i / 2 == 0;
        cir__siglip read, found;
        char key[32];
        if (cir__siglip_files_parse(is_spiece ? &file : NULL, is_spiece ? NULL : &file, NULL,
                                    i % 2 == 0 ? CIR__CANONICAL_TRANSFORMERS : CIR__CANONICAL_OPEN_CLIP,
                                    &read, NULL) == CIR_OK) {
            (void)snprintf(key, sizeof key, "%zu", i);
            assert_false(cir__siglip_compiled_find(key, &found));
            cir__siglip_compiled_put(key, &read);
            assert_true(cir__siglip_compiled_find(key, &found));
            compare(encode_siglip, &read, &found);
            assert_int_equal(found.end_id, read.end_id);
            assert_int_equal(found.pad_id, read.pad_id);
            assert_int_equal(found.n_vocabulary, read.n_vocabulary);
            n_bpe += found.bpe != NULL;
            n_sentencepiece += found.is_sentencepiece;
            n_kinds++;
            cir__siglip_done(&found);
            cir__siglip_done(&read);
        }
        free((void *)(uintptr_t)file.data);
    }
    assert_true(n_kinds >= 8 && n_bpe >= 2 && n_sentencepiece >= 1);
    assert_int_equal(empty("tokenizer-"), n_kinds);
}

static void test_every_clip_is_kept_as_it_was(void **state)
{
    (void)state;
    const cir__bytes_view files[] = {read_file("small/tokenizer.json"), read_file("small/vocab.json"),
                                     read_file("small/merges.txt"), read_file("odd/tokenizer.json")};
    for (size_t i = 0; i < 6; i++) {
        cir__clip read, found;
        char key[32];
        const cir__bytes_view *json = i % 3 == 0 ? &files[0] : i % 3 == 1 ? &files[3] : NULL;
        assert_int_equal(cir__clip_files_parse(json, json == NULL ? &files[1] : NULL,
                                               json == NULL ? &files[2] : NULL, &read, NULL),
                         CIR_OK);
        (void)snprintf(key, sizeof key, "%zu", i);
        assert_false(cir__clip_compiled_find(key, &found));
        cir__clip_compiled_put(key, &read);
        assert_true(cir__clip_compiled_find(key, &found));
        if (i >= 3) { /* what a model in that layout makes of it */
            assert_int_equal(cir__clip_follow_open_clip(&read, NULL), CIR_OK);
            assert_int_equal(cir__clip_follow_open_clip(&found, NULL), CIR_OK);
        }
        compare(encode_clip, &read, &found);
        assert_int_equal(found.start_id, read.start_id);
        assert_int_equal(found.end_id, read.end_id);
        assert_int_equal(found.n_vocabulary, read.n_vocabulary);
        assert_int_equal(found.n_added, read.n_added);
        cir__clip_done(&found);
        cir__clip_done(&read);
    }
    assert_int_equal(empty("tokenizer-"), 6);
    for (size_t i = 0; i < 4; i++)
        free((void *)(uintptr_t)files[i].data);
}

/* What is kept under a key but is none, in many ways: never found, never read beyond its end. */
static void test_what_is_none_is_not_found(void **state)
{
    (void)state;
    const cir__bytes_view file = read_file("gemma/tokenizer.json");
    cir__siglip read, found;
    cir__user_cached kept;
    assert_int_equal(cir__siglip_files_parse(NULL, &file, NULL, CIR__CANONICAL_TRANSFORMERS, &read, NULL),
                     CIR_OK);
    cir__siglip_compiled_put("right", &read);
    assert_true(cir__user_cache_find("tokenizer", "right", NULL, &kept));
    uint8_t *copy = malloc(kept.size);
    assert_non_null(copy);
    size_t n_refused = 0;
    for (size_t i = 0; i < 128; i += 2) { /* every number of the head, made large, or one more */
        memcpy(copy, kept.data, kept.size);
        copy[i] = (uint8_t)(copy[i] + 1);
        copy[i + 1] = (uint8_t)(i % 4 == 0 ? copy[i + 1] : 0xff);
        assert_true(cir__user_cache_put("tokenizer", "wrong", copy, kept.size, NULL));
        cir__clip clip;
        const bool is_found = cir__siglip_compiled_find("wrong", &found);
        assert_false(cir__clip_compiled_find("wrong", &clip)); /* of the other family at that */
        n_refused += !is_found;
        cir__siglip_done(&found);
    }
    assert_true(n_refused > 40);
    for (size_t size = 0; size < kept.size; size = 2 * size + 1) {
        assert_true(cir__user_cache_put("tokenizer", "wrong", kept.data, size, NULL));
        assert_false(cir__siglip_compiled_find("wrong", &found));
    }
    free(copy);
    cir__user_cached_done(&kept);
    cir__siglip_done(&read);
    free((void *)(uintptr_t)file.data);
}

/* The files as a model has them, so long that they are kept: blanks may follow JSON. */
static void test_long_files_are_read_once(void **state)
{
    (void)state;
    const cir__bytes_view file = read_file("gemma/tokenizer.json");
    uint8_t *padded = malloc(file.size + PADDING);
    assert_non_null(padded);
    memcpy(padded, file.data, file.size);
    memset(padded + file.size, ' ', PADDING);
    const cir__bytes_view views[] = {file, {padded, file.size + PADDING, "tokenizer.json"}};
    const char *text = "A red castle, and \xc3\xa4n odd tree";
    int32_t ids[4][64];
    size_t n_ids;
    for (size_t i = 0; i < 4; i++) {
        const cir__tokenizer_files files = {.tokenizer_json = &views[i > 0]};
        cir__tokenizer *tokenizer;
        cir_error err;
        if (cir__tokenizer_parse(&files, CIR__TOKENIZER_SIGLIP, &tokenizer, &err) != CIR_OK ||
            cir__tokenizer_encode(tokenizer, text, strlen(text), 64, ids[i], &n_ids, NULL, &err) != CIR_OK)
            fail_msg("%s", err.message);
        assert_memory_equal(ids[i], ids[0], sizeof ids[0]);
        cir__tokenizer_free(tokenizer);
        if (i != 2)
            assert_int_equal(empty("tokenizer-"),
                             i == 0 ? 0 : 1); /* made by 1, found by nobody; by 2, found by 3 */
    }
    const cir__bytes_view *list[] = {&views[1], NULL};
    char keys[3][CIR__TOKENIZER_KEY_SIZE];
    assert_false(cir__tokenizer_key((const cir__bytes_view *const[]){&views[0]}, 1, "a", keys[0]));
    assert_true(cir__tokenizer_key(list, 2, "a", keys[0]) && cir__tokenizer_key(list, 2, "b", keys[1]));
    padded[file.size + PADDING - 1] = '\n';
    assert_true(cir__tokenizer_key(list, 2, "a", keys[2]));
    assert_string_not_equal(keys[0], keys[1]);
    assert_string_not_equal(keys[0], keys[2]);
    free(padded);
    free((void *)(uintptr_t)file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_siglip_is_kept_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_clip_is_kept_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_none_is_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_files_are_read_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
