#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/shard_index.h"

static cir_status parse(const char *text, cir__shard_index *index, cir_error *err)
{
    return cir__shard_index_parse((cir__bytes_view){(const uint8_t *)text, strlen(text), "x.index.json"},
                                  ".safetensors", index, err);
}

static void test_every_file_is_named_once(void **state)
{
    (void)state;
    cir__shard_index index;
    cir_error err = {0};
    assert_int_equal(parse("{\"metadata\": {\"total_size\": 7}, \"weight_map\": {\"c\": \"b.safetensors\", "
                           "\"a\": \"a.safetensors\", \"b\": \"b.safetensors\"}}",
                           &index, &err),
                     CIR_OK);
    assert_int_equal(index.n_files, 2);
    assert_string_equal(index.files[0], "a.safetensors");
    assert_string_equal(index.files[1], "b.safetensors");
    cir__shard_index_done(&index);
}

static void check_refused(const char *text, cir_status status, const char *says)
{
    cir__shard_index index;
    cir_error err = {0};
    cir_status found = parse(text, &index, &err);
    if (found != status || strstr(err.message, says) == NULL || strstr(err.message, "x.index.json") == NULL)
        fail_msg("%s instead of %s with \"%s\": %s", cir_status_name(found), cir_status_name(status), says,
                 err.message);
    assert_null(index.files);
    assert_null(index.json);
}

static void test_bad_indexes_are_refused(void **state)
{
    (void)state;
    check_refused("{}", CIR_FORMAT, "has no weight_map");
    check_refused("{\"weight_map\": {}}", CIR_FORMAT, "has no weight_map");
    check_refused("{\"weight_map\": [\"a.safetensors\"]}", CIR_FORMAT, "has no weight_map");
    check_refused("{\"weight_map\": {\"a\": 1}}", CIR_FORMAT, "\"a\" names no file");
    check_refused("{\"weight_map\": {\"a\": \"x.safetensors\", \"a\": \"y.safetensors\"}}", CIR_FORMAT,
                  "duplicate");
    check_refused("{\"weight_map\": {\"a\": \"a.bin\"}}", CIR_FORMAT, "is not a .safetensors file");
    check_refused("{\"weight_map\": {\"a\": \".safetensors\"}}", CIR_FORMAT, "not a file of the model's own");
    static const char *const outside[] = {"../a.safetensors",    "/etc/a.safetensors", "b/a.safetensors",
                                          "..\\\\a.safetensors", ".a.safetensors",     ""};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"weight_map\": {\"a\": \"%s\"}}", outside[i]);
        check_refused(text, CIR_FORMAT, "not a file of the model's own folder");
    }
}

static void test_too_many_files_are_refused(void **state)
{
    (void)state;
    char *text = malloc((size_t)64 * (CIR__SHARD_INDEX_MAX_FILES + 2));
    size_t n = (size_t)sprintf(text, "{\"weight_map\": {");
    for (int i = 0; i <= CIR__SHARD_INDEX_MAX_FILES; i++)
        n += (size_t)sprintf(text + n, "%s\"t%d\": \"%d.safetensors\"", i == 0 ? "" : ", ", i, i);
    (void)strcpy(text + n, "}}");
    check_refused(text, CIR_LIMIT, "names 1025 files, at most 1024");
    free(text);
}

#define INDEX                                                                                                \
    "{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"2.safetensors\", \"c\": \"2.safetensors\"}}"

/* Joins the tensors of two files under INDEX; names: one letter a tensor. */
static cir_status join(const char *first, const char *second, cir__tensors *joined, cir_error *err)
{
    static char texts[2][8][2];
    cir__tensor_view views[2][8] = {{{0}}};
    cir__tensors shards[2] = {{views[0], strlen(first)}, {views[1], strlen(second)}};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < shards[i].n; j++) {
            texts[i][j][0] = (i == 0 ? first : second)[j];
            views[i][j].name = texts[i][j];
        }
    const cir__tensors *const both[] = {&shards[0], &shards[1]};
    cir__shard_index index;
    assert_int_equal(parse(INDEX, &index, err), CIR_OK);
    cir_status status = cir__shard_index_join(&index, both, joined, err);
    cir__shard_index_done(&index);
    return status;
}

static void test_tensors_are_joined_by_name(void **state)
{
    (void)state;
    cir__tensors joined;
    cir_error err = {0};
    assert_int_equal(join("a", "cb", &joined, &err), CIR_OK);
    assert_int_equal(joined.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(joined.items[i].name[0], 'a' + (int)i);
    assert_non_null(cir__tensors_find(&joined, "c"));
    assert_null(cir__tensors_find(&joined, "d"));
    free(joined.items);
}

static void test_what_contradicts_the_index_is_refused(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "tensor \"c\" is missing in 2.safetensors"},
        {"", "bc", "tensor \"a\" is missing in 1.safetensors"},
        {"a", "bcd", "does not name tensor \"d\", which is in 2.safetensors"},
        {"ab", "c", "tensor \"b\" is in 1.safetensors, the index says 2.safetensors"},
        {"a", "abc", "tensor \"a\" is in 2.safetensors, the index says 1.safetensors"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cir__tensors joined;
        cir_error err = {0};
        assert_int_equal(join(cases[i][0], cases[i][1], &joined, &err), CIR_FORMAT);
        if (strstr(err.message, cases[i][2]) == NULL)
            fail_msg("%s", err.message);
        assert_null(joined.items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_file_is_named_once),
        cmocka_unit_test(test_bad_indexes_are_refused),
        cmocka_unit_test(test_too_many_files_are_refused),
        cmocka_unit_test(test_tensors_are_joined_by_name),
        cmocka_unit_test(test_what_contradicts_the_index_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
