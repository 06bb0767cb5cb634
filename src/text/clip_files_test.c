/* Files that must be refused, each with the status and the words that help. Most are the small tokenizer's
 * with one passage replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "text/clip_files.h"
#include "text/golden.h"

typedef struct files {
    cir__bytes_view json, vocab, merges;
} files;

static int open_files(void **state)
{
    static files small;
    small.json = golden_read_file("CIR_TEST_DATA", "text/small/tokenizer.json");
    small.vocab = golden_read_file("CIR_TEST_DATA", "text/small/vocab.json");
    small.merges = golden_read_file("CIR_TEST_DATA", "text/small/merges.txt");
    *state = &small;
    return 0;
}

static int close_files(void **state)
{
    files *small = *state;
    free((void *)(uintptr_t)small->json.data);
    free((void *)(uintptr_t)small->vocab.data);
    free((void *)(uintptr_t)small->merges.data);
    return 0;
}

/* The file with the first `from` replaced; free data with free(). */
static cir__bytes_view replace(cir__bytes_view file, const char *from, const char *to)
{
    const char *text = (const char *)file.data;
    const char *found = strstr(text, from);
    if (found == NULL)
        fail_msg("%s has no %s", file.name, from);
    size_t n_before = (size_t)(found - text), n_from = strlen(from), n_to = strlen(to);
    size_t n_after = file.size - n_before - n_from;
    uint8_t *bytes = malloc(n_before + n_to + n_after + 1);
    assert_non_null(bytes);
    memcpy(bytes, text, n_before);
    memcpy(bytes + n_before, to, n_to);
    memcpy(bytes + n_before + n_to, found + n_from, n_after + 1);
    return (cir__bytes_view){bytes, n_before + n_to + n_after, file.name};
}

static void assert_refused(const cir__bytes_view *json, const cir__bytes_view *vocab,
                           const cir__bytes_view *merges, cir_status expected, const char *words)
{
    cir__clip clip;
    cir_error err = {0};
    cir_status status = cir__clip_files_parse(json, vocab, merges, &clip, &err);
    if (status != expected || strstr(err.message, words) == NULL)
        fail_msg("%s instead of %s \"%s\": %s", cir_status_name(status), cir_status_name(expected), words,
                 err.message);
    assert_null(clip.bpe);
    assert_null(clip.added);
}

typedef struct bad_edit {
    const char *from, *to;
    cir_status status;
    const char *words;
} bad_edit;

static void test_edited_tokenizer_json(void **state)
{
    files *small = *state;
    static const bad_edit edits[] = {
        {"\"type\":\"BPE\"", "\"type\":\"Unigram\"", CIR_UNSUPPORTED, "kind Unigram"},
        {"\"vocab\":", "\"vocabulary\":", CIR_FORMAT, "\"vocab\""},
        {"\"merges\":", "\"joins\":", CIR_FORMAT, "\"merges\""},
        {"\"dropout\":null", "\"dropout\":0.1", CIR_UNSUPPORTED, "dropout"},
        {"\"byte_fallback\":false", "\"byte_fallback\":true", CIR_UNSUPPORTED, "byte_fallback"},
        {"\"end_of_word_suffix\":\"</w>\"", "\"end_of_word_suffix\":\"\"", CIR_UNSUPPORTED,
         "end_of_word_suffix"},
        {"\"NFC\"", "\"NFKC\"", CIR_UNSUPPORTED, "normalizer"},
        {"{\"type\":\"Lowercase\"}", "{\"type\":\"StripAccents\"}", CIR_UNSUPPORTED, "normalizer"},
        {"\"invert\":true", "\"invert\":false", CIR_UNSUPPORTED, "pre_tokenizer"},
        {"|[\\\\p{N}]|", "|[\\\\p{N}]+|", CIR_UNSUPPORTED, "pre_tokenizer"},
        {"\"add_prefix_space\":false,\"trim_offsets\":true",
         "\"add_prefix_space\":true,\"trim_offsets\":true", CIR_UNSUPPORTED, "pre_tokenizer"},
        {"RobertaProcessing", "BertProcessing", CIR_UNSUPPORTED, "post_processor"},
        {"\"cls\":[\"<|startoftext|>\",", "\"cls\":[\"<|start|>\",", CIR_FORMAT, "post_processor"},
        {"\"sep\":[\"<|endoftext|>\",", "\"sep\":[\"<|endoftext|>\",1", CIR_FORMAT, "post_processor"},
        {"\"lstrip\":false", "\"lstrip\":true", CIR_UNSUPPORTED, "added_tokens"},
        {"\"content\":\"<|startoftext|>\"", "\"content\":\"\"", CIR_FORMAT, "entry 0"},
        {"\"content\":\"<|startoftext|>\"", "\"content\":\"<|other|>\"", CIR_FORMAT, "<|other|>"},
        {"\"content\":\"<|startoftext|>\"", "\"content\":\"a\"", CIR_FORMAT, "instead of 64"},
        {"\"unk_token\":\"<|endoftext|>\"", "\"unk_token\":\"<unk>\"", CIR_FORMAT, "<unk>"},
        {"\"#\":2,", "\"#\":1,", CIR_FORMAT, "id 1 is given to two tokens"},
        {"\"#\":2,", "\"!\":2,", CIR_FORMAT, "duplicate"},
        {"\"#\":2,", "\"#\":-2,", CIR_LIMIT, "id -2"},
        {"\"#\":2,", "\"#\":1048576,", CIR_LIMIT, "1048575"},
        {"\"#\":2,", "\"#\":99999999999999999999,", CIR_FORMAT, "line 1"},
        {"\"#\":2,", "\"#\":2.5,", CIR_FORMAT, "whole number"},
        {"\"#\":2,", "\"\xff\":2,", CIR_FORMAT, "byte 0xff"},
        {"\"#\":2,", "\"\\u0000\":2,", CIR_FORMAT, "line 1"},
        {"\"merges\":[", "\"merges\":[[\"i\",\"qqq\"],", CIR_FORMAT, "\"qqq\""},
        {"\"merges\":[", "\"merges\":[\"i\",", CIR_FORMAT, "merge 0 is not two tokens"},
        {"\"merges\":[", "\"merges\":[\"i n g\",", CIR_FORMAT, "merge 0 is not two tokens"},
        {"\"merges\":[", "\"merges\":[[\"i\",\"n\",\"g\"],", CIR_FORMAT, "merge 0 is not two tokens"},
        {"\"merges\":[", "\"merges\":[7,", CIR_FORMAT, "merge 0 is not two tokens"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        cir__bytes_view edited = replace(small->json, edits[i].from, edits[i].to);
        assert_refused(&edited, NULL, NULL, edits[i].status, edits[i].words);
        free((void *)(uintptr_t)edited.data);
    }
}

static void test_truncated_json(void **state)
{
    files *small = *state;
    /* The last byte is a line feed, the one before closes the object. */
    for (size_t size = 0; size < small->json.size - 1; size += 1 + size / 16) {
        cir__bytes_view cut = {small->json.data, size, "tokenizer.json"};
        assert_refused(&cut, NULL, NULL, CIR_FORMAT, "cut short");
    }
    for (size_t size = 0; size < small->vocab.size - 1; size += 1 + size / 16) {
        cir__bytes_view cut = {small->vocab.data, size, "vocab.json"};
        assert_refused(NULL, &cut, &small->merges, CIR_FORMAT, "cut short");
    }
    cir__bytes_view array = {(const uint8_t *)"[]", 2, "tokenizer.json"};
    assert_refused(&array, NULL, NULL, CIR_FORMAT, "not a JSON object");
    cir__bytes_view empty = {(const uint8_t *)"{}", 2, "tokenizer.json"};
    assert_refused(&empty, NULL, NULL, CIR_FORMAT, "lacks");
    assert_refused(NULL, &empty, &small->merges, CIR_UNSUPPORTED, "<|startoftext|>");
}

static void test_edited_pair(void **state)
{
    files *small = *state;
    static const bad_edit edits[] = {
        {"i n\n", "i qqq\n", CIR_FORMAT, "\"qqq\""},
        {"i n\n", "in\n", CIR_FORMAT, "merge 0 is not two tokens"},
        {"i n\n", "i n g\n", CIR_FORMAT, "merge 0 is not two tokens"},
        {"i n\n", " n\n", CIR_FORMAT, "merge 0 is not two tokens"},
        {"i n\n", "i \xff\n", CIR_FORMAT, "not in the vocabulary"},
        {"#version: 0.2", "# about: this", CIR_FORMAT, "merge 0 is not two tokens"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        cir__bytes_view edited = replace(small->merges, edits[i].from, edits[i].to);
        assert_refused(NULL, &small->vocab, &edited, edits[i].status, edits[i].words);
        free((void *)(uintptr_t)edited.data);
    }
    cir__bytes_view other = replace(small->vocab, "<|endoftext|>", "</s>");
    assert_refused(NULL, &other, &small->merges, CIR_UNSUPPORTED, "<|endoftext|>");
    free((void *)(uintptr_t)other.data);
    cir__bytes_view huge = {small->merges.data, SIZE_MAX, "merges.txt"};
    assert_refused(NULL, &small->vocab, &huge, CIR_LIMIT, "merges.txt");
    huge.name = "vocab.json";
    assert_refused(NULL, &huge, &small->merges, CIR_LIMIT, "vocab.json");
}

static void test_missing_files(void **state)
{
    files *small = *state;
    assert_refused(NULL, NULL, NULL, CIR_NOT_FOUND, "tokenizer.json");
    assert_refused(NULL, &small->vocab, NULL, CIR_NOT_FOUND, "merges.txt");
    assert_refused(NULL, NULL, &small->merges, CIR_NOT_FOUND, "vocab.json");
}

static void test_windows_line_ends_are_read(void **state)
{
    files *small = *state;
    size_t n = 0;
    uint8_t *bytes = malloc(2 * small->merges.size);
    assert_non_null(bytes);
    for (size_t i = 0; i < small->merges.size; i++) {
        if (small->merges.data[i] == '\n')
            bytes[n++] = '\r';
        bytes[n++] = small->merges.data[i];
    }
    cir__bytes_view merges = {bytes, n, "merges.txt"};
    cir__clip clip;
    assert_int_equal(cir__clip_files_parse(NULL, &small->vocab, &merges, &clip, NULL), CIR_OK);
    cir__clip_done(&clip);
    free(bytes);
}

static void test_another_models_tokenizer(void **state)
{
    (void)state;
    cir__bytes_view unigram = golden_read_file("CIR_TEST_DATA", "text/siglip/tokenizer.json");
    assert_refused(&unigram, NULL, NULL, CIR_UNSUPPORTED, "kind Unigram, CLIP's is BPE");
    free((void *)(uintptr_t)unigram.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edited_tokenizer_json),
        cmocka_unit_test(test_truncated_json),
        cmocka_unit_test(test_edited_pair),
        cmocka_unit_test(test_missing_files),
        cmocka_unit_test(test_windows_line_ends_are_read),
        cmocka_unit_test(test_another_models_tokenizer),
    };
    return cmocka_run_group_tests(tests, open_files, close_files);
}
