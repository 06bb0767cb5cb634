/* Checkpoints that torch wrote (test/data/torch/make.py) against the same tensors as safetensors; what must
 * be refused; and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "format/torch_file.h"

#define PATH_SIZE 512

static void path_of(const char *name, char path[PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/torch/%s", getenv("CIR_TEST_DATA"), name);
}

static cir__bytes_view read_file(const char *name)
{
    char path[PATH_SIZE];
    uint8_t *bytes;
    size_t size;
    path_of(name, path);
    assert_int_equal(cir__file_read(path, (size_t)1 << 20, &bytes, &size, NULL), CIR_OK);
    return (cir__bytes_view){bytes, size, name};
}

static void free_file(cir__bytes_view file)
{
    free((void *)(uintptr_t)file.data);
}

static void check_same(const cir__tensor_view *found, const cir__tensor_view *wanted)
{
    if (found == NULL || found->dtype != wanted->dtype || found->n_dims != wanted->n_dims ||
        found->n_items != wanted->n_items ||
        memcmp(found->shape, wanted->shape, found->n_dims * sizeof *found->shape) != 0 ||
        memcmp(found->data, wanted->data, found->n_items * cir__tensor_item_bytes(found->dtype)) != 0)
        fail_msg("%s differs", wanted->name);
}

/* Tensors of expected.safetensors that begin with "NAME/", as many as the file has. */
static void check_file(const cir__tensors *expected, const char *name, const char *expected_name)
{
    char file_name[64];
    (void)snprintf(file_name, sizeof file_name, "%s.bin", name);
    cir__bytes_view bytes = read_file(file_name);
    cir__torch_file *file;
    cir_error err = {0};
    if (cir__torch_file_parse(bytes, &file, &err) != CIR_OK || cir__torch_file_check(file, &err) != CIR_OK)
        fail_msg("%s", err.message);
    const cir__tensors *found = cir__torch_file_get_all(file);
    size_t n = 0;
    size_t n_prefix = strlen(expected_name);
    for (size_t i = 0; i < expected->n; i++) {
        const cir__tensor_view *wanted = &expected->items[i];
        if (strncmp(wanted->name, expected_name, n_prefix) != 0 || wanted->name[n_prefix] != '/')
            continue;
        check_same(cir__tensors_find(found, wanted->name + n_prefix + 1), wanted);
        n++;
    }
    assert_int_equal(n, found->n);
    assert_true(n > 0);
    cir__torch_file_free(file);
    free_file(bytes);
}

static void test_files_of_torch_are_read(void **state)
{
    (void)state;
    static const char *const names[] = {"protocol2", "protocol3", "protocol4", "protocol5",
                                        "shared",    "parameter", "module",    "many"};
    cir__bytes_view bytes = read_file("expected.safetensors");
    cir__safetensors *expected;
    assert_int_equal(cir__safetensors_parse(bytes, &expected, NULL), CIR_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_file(cir__safetensors_get_all(expected), names[i], names[i]);
    check_file(cir__safetensors_get_all(expected), "again", "protocol2");
    cir__safetensors_free(expected);
    free_file(bytes);
}

static void test_what_is_no_dictionary_of_tensors_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        cir_status status;
        const char *says;
    } cases[] = {
        {"refused_transposed.bin", CIR_UNSUPPORTED, "tensor \"t\" is a view with gaps or in another order"},
        {"refused_gaps.bin", CIR_UNSUPPORTED, ".contiguous()"},
        {"refused_training.bin", CIR_UNSUPPORTED,
         "\"epoch\" is not a tensor: it is more than a model's weights"},
        {"refused_list.bin", CIR_UNSUPPORTED, "is not a dictionary of tensors"},
        {"refused_module.bin", CIR_UNSUPPORTED, "names torch.nn.modules.container.Sequential"},
        {"refused_float8.bin", CIR_UNSUPPORTED, "pickle, byte 13: names torch._utils._rebuild_tensor_v3"},
        {"refused_legacy.bin", CIR_FORMAT, "is not a whole ZIP archive"},
        {"refused_evil2.bin", CIR_UNSUPPORTED,
         "pickle, byte 13: names posix.system, which no dictionary of tensors"},
        {"refused_evil4.bin", CIR_UNSUPPORTED, "names posix.system"},
        {"refused_protocol0.bin", CIR_FORMAT, "is not a pickle of protocols 2 to 5"},
        {"refused_compressed.bin", CIR_UNSUPPORTED, "is compressed"},
        {"refused_without_storage.bin", CIR_FORMAT, "its storage data/1 is missing"},
        {"refused_without_pickle.bin", CIR_FORMAT, "without data.pkl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cir__bytes_view bytes = read_file(cases[i].name);
        cir__torch_file *file;
        cir_error err = {0};
        cir_status status = cir__torch_file_parse(bytes, &file, &err);
        if (status != cases[i].status || strstr(err.message, cases[i].says) == NULL ||
            strncmp(err.message, cases[i].name, strlen(cases[i].name)) != 0)
            fail_msg("%s instead of %s with \"%s\": %s", cir_status_name(status),
                     cir_status_name(cases[i].status), cases[i].says, err.message);
        assert_null(file);
        free_file(bytes);
    }
    assert_int_not_equal(system("test -e /tmp/this-must-never-be"), 0);
}

/* Every length but the whole is refused, in memory of exactly that size. */
static void test_cut_files_are_refused(void **state)
{
    (void)state;
    cir__bytes_view whole = read_file("protocol4.bin");
    for (size_t size = 0; size < whole.size; size++) {
        uint8_t *bytes = malloc(size > 0 ? size : 1);
        memcpy(bytes, whole.data, size);
        cir__torch_file *file;
        cir_error err = {0};
        cir_status status = cir__torch_file_parse((cir__bytes_view){bytes, size, "cut"}, &file, &err);
        assert_int_equal(status, CIR_FORMAT);
        assert_null(file);
        free(bytes);
    }
    free_file(whole);
}

/* A changed byte is refused, or what is read lies within the file. */
static void test_changed_bytes_do_no_harm(void **state)
{
    (void)state;
    cir__bytes_view whole = read_file("shared.bin");
    uint8_t *bytes = malloc(whole.size);
    for (size_t i = 0; i < whole.size * 8; i++) {
        memcpy(bytes, whole.data, whole.size);
        bytes[i / 8] ^= (uint8_t)(1U << i % 8);
        cir__torch_file *file;
        if (cir__torch_file_parse((cir__bytes_view){bytes, whole.size, "changed"}, &file, NULL) != CIR_OK)
            continue;
        const cir__tensors *all = cir__torch_file_get_all(file);
        for (size_t j = 0; j < all->n; j++) {
            size_t size = all->items[j].n_items * cir__tensor_item_bytes(all->items[j].dtype);
            assert_true(all->items[j].data >= bytes && size <= whole.size &&
                        (size_t)(all->items[j].data - bytes) <= whole.size - size);
        }
        cir__torch_file_free(file);
    }
    free(bytes);
    free_file(whole);
}

static void test_a_damaged_pickle_is_found_by_its_checksum(void **state)
{
    (void)state;
    cir__bytes_view whole = read_file("shared.bin");
    uint8_t *bytes = malloc(whole.size);
    memcpy(bytes, whole.data, whole.size);
    uint8_t *name = memmem(bytes, whole.size, "whole", 5);
    assert_non_null(name);
    *name = 'W';
    cir__torch_file *file;
    cir_error err = {0};
    assert_int_equal(cir__torch_file_parse((cir__bytes_view){bytes, whole.size, "x.bin"}, &file, &err),
                     CIR_OK);
    assert_non_null(cir__tensors_find(cir__torch_file_get_all(file), "Whole"));
    assert_int_equal(cir__torch_file_check(file, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "x.bin: \"shared/data.pkl\" is damaged"));
    cir__torch_file_free(file);
    free(bytes);
    free_file(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_torch_are_read),
        cmocka_unit_test(test_what_is_no_dictionary_of_tensors_is_refused),
        cmocka_unit_test(test_cut_files_are_refused),
        cmocka_unit_test(test_changed_bytes_do_no_harm),
        cmocka_unit_test(test_a_damaged_pickle_is_found_by_its_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
