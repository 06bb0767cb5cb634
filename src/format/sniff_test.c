#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "format/sniff.h"

/* The message, with the bytes in memory of just their size; "" for CIR_OK. */
static const char *sniff(const void *bytes, size_t size, cir__sniff_kind kind)
{
    static cir_error err;
    uint8_t *own = malloc(size + 1);
    assert_non_null(own);
    uint8_t *at = size > 0 ? realloc(own, size) : own;
    assert_non_null(at);
    memcpy(at, bytes, size);
    err = (cir_error){0};
    cir_status status = cir__sniff_check((cir__bytes_view){at, size, "m/f"}, kind, "the weights", &err);
    assert_int_equal(status, err.message[0] == '\0' ? CIR_OK : CIR_FORMAT);
    free(at);
    return err.message;
}

#define SNIFF_TEXT(text, kind) sniff(text, sizeof(text) - 1, kind)

#define LFS "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1710540580\n"

/* No kind of file is taken for another one in any place. */
static void test_every_kind_tells_the_same(void **state)
{
    (void)state;
    for (int i = CIR__SNIFF_JSON; i <= CIR__SNIFF_NPY; i++) {
        cir__sniff_kind kind = (cir__sniff_kind)i;
        assert_string_equal(
            SNIFF_TEXT(LFS, kind),
            "m/f: is a Git LFS pointer, not the weights; fetch the file itself: git lfs pull");
        assert_non_null(strstr(SNIFF_TEXT("/annex/objects/SHA256E-s1--0.bin\n", kind), "git annex get"));
        assert_non_null(strstr(SNIFF_TEXT("<!DOCTYPE html><html>", kind), "an HTML page"));
        assert_non_null(strstr(SNIFF_TEXT("\xef\xbb\xbf \r\n<HTML lang=en>", kind), "an HTML page"));
        assert_non_null(strstr(SNIFF_TEXT("<?xml version=\"1.0\"?><Error>", kind), "an XML document"));
        assert_non_null(strstr(SNIFF_TEXT("\x1f\x8b\x08\0\0\0\0\0\0\0", kind), "gunzip"));
        if (kind != CIR__SNIFF_TORCH)
            assert_non_null(strstr(SNIFF_TEXT("PK\x03\x04\x14\0", kind), "pytorch_model.bin"));
        assert_non_null(
            strstr(SNIFF_TEXT("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.", kind), "save it anew"));
        assert_non_null(strstr(SNIFF_TEXT("\x80\x02\x8a\nl\xfc\x9c", kind), "a Python pickle"));
        assert_non_null(strstr(SNIFF_TEXT("\x89HDF\r\n\x1a\n", kind), "HDF5"));
        assert_non_null(strstr(SNIFF_TEXT("\xff\xfe{\0}\0", kind), "UTF-16"));
        assert_non_null(strstr(SNIFF_TEXT("", kind), "is empty"));
        assert_non_null(strstr(SNIFF_TEXT("{\"error\": \"Repository not found\"}", kind),
                               "a server's error (\"Repository not found\")"));
    }
    static char tar[512] = "model/";
    memcpy(tar + 257, "ustar", 5);
    assert_non_null(strstr(sniff(tar, sizeof tar, CIR__SNIFF_SAFETENSORS), "tar archive"));
}

static void test_remarks_are_shown(void **state)
{
    (void)state;
    const cir__sniff_kind kinds[] = {CIR__SNIFF_JSON, CIR__SNIFF_PROTOBUF, CIR__SNIFF_SAFETENSORS};
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(SNIFF_TEXT("Entry not found\n", kinds[i]),
                            "m/f: is text (\"Entry not found\"), not the weights; download it again");
    assert_non_null(strstr(SNIFF_TEXT("{\"a\": 1}", CIR__SNIFF_SAFETENSORS), "a JSON document"));
    assert_non_null(strstr(SNIFF_TEXT("\0\0\0\0\0\0\0\0\0\0", CIR__SNIFF_SAFETENSORS), "zero bytes"));
}

static void test_what_is_right_passes(void **state)
{
    (void)state;
    assert_string_equal(SNIFF_TEXT("{\"model_type\": \"clip\"}", CIR__SNIFF_JSON), "");
    assert_string_equal(SNIFF_TEXT(" [1]", CIR__SNIFF_JSON), "");
    assert_string_equal(SNIFF_TEXT("{\"a\"", CIR__SNIFF_JSON), ""); /* the parser's to tell */
    assert_string_equal(SNIFF_TEXT("#version: 0.2\ni n\n", CIR__SNIFF_TEXT), "");
    assert_string_equal(SNIFF_TEXT("\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02", CIR__SNIFF_PROTOBUF), "");
    assert_string_equal(SNIFF_TEXT("\x93NUMPY\x01\0", CIR__SNIFF_NPY), "");
    assert_string_equal(SNIFF_TEXT("\x02\0\0\0\0\0\0\0{}", CIR__SNIFF_SAFETENSORS), "");
    assert_string_equal(SNIFF_TEXT("PK\x03\x04\x14\0", CIR__SNIFF_TORCH), "");
}

/* A header may be as long as any mark's number: 0x8b1f bytes, for example. */
static void test_lengths_are_no_marks(void **state)
{
    (void)state;
    const size_t size = 8 + 0x8b1f;
    uint8_t *bytes = calloc(size, 1);
    assert_non_null(bytes);
    memcpy(bytes, "\x1f\x8b\0\0\0\0\0\0{", 9);
    assert_string_equal(sniff(bytes, size, CIR__SNIFF_SAFETENSORS), "");
    assert_non_null(strstr(sniff(bytes, size - 1, CIR__SNIFF_SAFETENSORS), "gzip"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_tells_the_same),
        cmocka_unit_test(test_remarks_are_shown),
        cmocka_unit_test(test_what_is_right_passes),
        cmocka_unit_test(test_lengths_are_no_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
