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

/* A file of a header's text and n_data bytes 0, 1, 2 …; no byte more, so that a sanitizer sees what reads
 * on. */
static cir_status parse_text(const char *text, size_t n_data, uint8_t **bytes_out,
                             cir__safetensors **table_out, cir_error *err)
{
    size_t size = strlen(text);
    uint8_t *bytes = malloc(8 + size + n_data);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(size >> (8 * i));
    memcpy(bytes + 8, text, size);
    for (size_t i = 0; i < n_data; i++)
        bytes[8 + size + i] = (uint8_t)i;
    *bytes_out = bytes;
    return cir__safetensors_parse((cir__bytes_view){bytes, 8 + size + n_data, "made.safetensors"}, table_out,
                                  err);
}

static void test_tensors_are_found_by_name(void **state)
{
    (void)state;
    uint8_t *bytes;
    cir__safetensors *table;
    cir_error err = {0};
    const char *text = "{\"__metadata__\":{\"format\":\"pt\"},"
                       "\"b\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
                       "\"a\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                       "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[8,8]}}   ";
    assert_int_equal(parse_text(text, 20, &bytes, &table, &err), CIR_OK);
    const cir__tensors *all = cir__safetensors_get_all(table);
    assert_string_equal(all->items[0].name, "a");
    assert_int_equal(all->n, 3);
    assert_int_equal(cir__safetensors_header_bytes(table), 8 + strlen(text));
    const cir__tensor_view *tensor = cir__tensors_find(all, "b");
    assert_non_null(tensor);
    assert_int_equal(tensor->dtype, CIR__TENSOR_F16);
    assert_int_equal(tensor->n_dims, 2);
    assert_int_equal(tensor->shape[1], 3);
    assert_int_equal(tensor->n_items, 6);
    assert_int_equal(tensor->data[0], 8);
    assert_int_equal(cir__tensors_find(all, "a")->n_items, 1);
    assert_int_equal(cir__tensors_find(all, "none")->n_items, 0);
    assert_null(cir__tensors_find(all, "__metadata__"));
    assert_null(cir__tensors_find(all, "c"));
    cir__safetensors_free(table);
    free(bytes);
}

static void test_halves_become_floats(void **state)
{
    (void)state;
    static const uint16_t f16[] = {0x3c00, 0xc100, 0x0001};  /* 1, −2.5, 2^−24 */
    static const uint16_t bf16[] = {0x3f80, 0xc020, 0x0001}; /* 1, −2.5, 2^−133 */
    uint8_t odd[1 + sizeof f16];                             /* tensors need not be aligned */
    memcpy(odd + 1, f16, sizeof f16);
    cir__tensor_view tensor = {.dtype = CIR__TENSOR_F16, .data = odd + 1, .n_items = 3};
    float out[3];
    cir__tensor_copy(&tensor, 0, 3, out);
    assert_true(out[0] == 1.0F && out[1] == -2.5F && out[2] == 0x1p-24F);
    tensor.dtype = CIR__TENSOR_BF16;
    memcpy(odd + 1, bf16, sizeof bf16);
    cir__tensor_copy(&tensor, 1, 2, out);
    assert_true(out[0] == -2.5F && out[1] == 0x1p-133F);
}

static void test_bad_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        cir_status status;
        const char *says;
        const char *text;
        size_t n_data;
    } bad[] = {
        {CIR_FORMAT, "overlap",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         12},
        {CIR_FORMAT, "overlap",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         8},
        {CIR_FORMAT, "belong to no tensor",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
         12},
        {CIR_FORMAT, "last 4 bytes", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8},
        {CIR_FORMAT, "ends at byte 8 of 4",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4},
        {CIR_FORMAT, "needs 12 bytes", "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8},
        {CIR_FORMAT, "\"a\"",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0},
        {CIR_FORMAT, "\"a\"",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0},
        {CIR_FORMAT, "\"a\"", "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4},
        {CIR_FORMAT, "\"a\"", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4},
        {CIR_FORMAT, "\"a\"", "{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4},
        {CIR_FORMAT, "\"a\"", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4},
        {CIR_FORMAT, "\"a\"", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4},
        {CIR_FORMAT, "\"a\"", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4},
        {CIR_FORMAT, "\"a\"", "{\"a\":7}", 4},
        {CIR_FORMAT, "\"a\"", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {CIR_UNSUPPORTED, "F4", "{\"a\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {CIR_UNSUPPORTED, "9 dimensions",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4},
        {CIR_FORMAT, "duplicate",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         8},
        {CIR_FORMAT, "JSON", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_off", 4},
        {CIR_FORMAT, "object", "[]", 0},
        {CIR_FORMAT, "JSON", "", 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t *bytes;
        cir__safetensors *table;
        cir_error err = {0};
        if (parse_text(bad[i].text, bad[i].n_data, &bytes, &table, &err) != bad[i].status)
            fail_msg("%s: status %s", bad[i].text, cir_status_name(err.status));
        if (strstr(err.message, bad[i].says) == NULL || strstr(err.message, "made.safetensors") == NULL)
            fail_msg("%s: says %s", bad[i].text, err.message);
        assert_null(table);
        free(bytes);
    }
}

static void test_lengths_are_not_believed(void **state)
{
    (void)state;
    uint8_t bytes[40] = {0};
    cir__safetensors *table;
    cir_error err;
    for (size_t size = 0; size < 8; size++)
        assert_int_equal(cir__safetensors_parse((cir__bytes_view){bytes, size, "x"}, &table, &err),
                         CIR_FORMAT);
    memset(bytes, 0xff, 8);
    assert_int_equal(cir__safetensors_parse((cir__bytes_view){bytes, 40, "x"}, &table, &err), CIR_FORMAT);
    memset(bytes, 0, 8);
    bytes[0] = 33;
    assert_int_equal(cir__safetensors_parse((cir__bytes_view){bytes, 40, "x"}, &table, &err), CIR_FORMAT);
    size_t huge = ((size_t)16 << 20) + 1;
    uint8_t *big = calloc(1, 8 + huge);
    memcpy(big, &huge, 8);
    assert_int_equal(cir__safetensors_parse((cir__bytes_view){big, 8 + huge, "x"}, &table, &err), CIR_LIMIT);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors_are_found_by_name),
        cmocka_unit_test(test_halves_become_floats),
        cmocka_unit_test(test_bad_files_are_refused),
        cmocka_unit_test(test_lengths_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
