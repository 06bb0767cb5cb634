/* Archives that GNU tar and Python's tarfile wrote (test/data/format), and such as nobody should write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/tar.h"

static uint8_t *read_archive(const char *name, size_t *size_out)
{
    char path[4096];
    uint8_t *bytes;
    snprintf(path, sizeof path, "%s/format/%s", getenv("CIR_TEST_DATA"), name);
    assert_int_equal(cir__file_read(path, (size_t)1 << 20, &bytes, size_out, NULL), CIR_OK);
    return bytes;
}

/* Every archive holds the same three files, beside a folder and a link: short.txt, deep/…/deep.txt of more
 * than 100 characters and one of more than 255, each with its own name's first five letters as content. */
static void check_archive(const char *archive, size_t n_members)
{
    cir__tar tar = {.bytes.name = archive};
    cir_error err;
    bool has_member;
    uint8_t *const bytes = read_archive(archive, &tar.bytes.size);
    tar.bytes.data = bytes;
    for (size_t i = 0; i < n_members; i++) {
        if (cir__tar_read_member(&tar, &has_member, &err) != CIR_OK)
            fail_msg("%s: %s", archive, err.message);
        assert_true(has_member);
        const char *const slash = strrchr(tar.name, '/');
        const char *const base = slash != NULL ? slash + 1 : tar.name;
        assert_true(tar.size >= 5 && memcmp(tar.data, base, 5) == 0);
        assert_true((const uint8_t *)tar.data >= bytes && tar.data + tar.size <= bytes + tar.bytes.size);
        const size_t length = strlen(tar.name);
        assert_true(i == 0 ? length == 9 : i == 1 ? length > 100 && length < 256 : length > 255);
    }
    assert_int_equal(cir__tar_read_member(&tar, &has_member, &err), CIR_OK);
    assert_false(has_member);
    cir__tar_done(&tar);
    free(bytes);
}

static void test_reads_what_others_wrote(void **state)
{
    (void)state;
    check_archive("ustar.tar", 2); /* the format has no longer names */
    check_archive("pax.tar", 3);
    check_archive("gnu.tar", 3);
    check_archive("v7.tar", 1);
}

/* The status of reading all members. */
static cir_status read_all(const uint8_t *data, size_t size, cir_error *err)
{
    cir__tar tar = {.bytes = {data, size, "it.tar"}};
    bool has_member = true;
    cir_status status = CIR_OK;
    while (has_member && (status = cir__tar_read_member(&tar, &has_member, err)) == CIR_OK)
        ;
    cir__tar_done(&tar);
    return status;
}

/* Sets a header's checksum anew. */
static void seal(uint8_t *block)
{
    char text[8];
    unsigned sum = 0;
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += block[i];
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(block + 148, text, 7);
}

static void test_refuses_what_lies(void **state)
{
    (void)state;
    cir_error err;
    size_t size;
    uint8_t *const bytes = read_archive("v7.tar", &size);

    bytes[0] ^= 1;
    assert_int_equal(read_all(bytes, size, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "it.tar: at byte 0: has no header"));
    bytes[0] ^= 1;
    assert_int_equal(read_all(bytes, 100, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "ends within a header"));
    assert_int_equal(read_all(bytes, 512 + 3, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "ends behind the archive's last byte"));

    static const char *const sizes[] = {"77777777777", "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
                                        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "12x"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *const copy = malloc(size);
        memcpy(copy, bytes, size);
        memcpy(copy + 124, sizes[i], i == 1 || i == 2 ? 12 : strlen(sizes[i]) + 1);
        seal(copy);
        assert_int_equal(read_all(copy, size, &err), CIR_FORMAT);
        free(copy);
    }
    bytes[156] = 'S';
    seal(bytes);
    assert_int_equal(read_all(bytes, size, &err), CIR_UNSUPPORTED);
    free(bytes);
}

static void test_refuses_malformed_extended_headers(void **state)
{
    (void)state;
    static const char *const records[] = {"x",
                                          "5 path",
                                          "99 path=a\n",
                                          "3 path=a\n",
                                          "12 path=abcd",
                                          "7 path\n",
                                          "12 size=1x3\n",
                                          "9999999999 a=b\n",
                                          "33 size=99999999999999999999999999\n"};
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        uint8_t blocks[1024] = "header";
        cir_error err;
        snprintf((char *)blocks + 124, 12, "%011o", (unsigned)strlen(records[i]));
        blocks[156] = 'x';
        memcpy(blocks + 257,
               "ustar\0"
               "00",
               8);
        memcpy(blocks + 512, records[i], strlen(records[i]));
        seal(blocks);
        if (read_all(blocks, sizeof blocks, &err) != CIR_FORMAT)
            fail_msg("record %s is taken", records[i]);
    }
}

/* Every cut and every changed byte is refused or read, never more. */
static void test_survives_damage(void **state)
{
    (void)state;
    size_t size;
    cir_error err;
    uint8_t *const bytes = read_archive("pax.tar", &size);
    for (size_t cut = 0; cut < size; cut += 7) {
        uint8_t *const copy = malloc(cut + 1); /* so that a sanitizer sees the end */
        memcpy(copy, bytes, cut);
        (void)!read_all(copy, cut, &err);
        free(copy);
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (uint8_t)(1 + i % 255);
        if (i / 512 * 512 + 512 <= size)
            (void)!read_all(bytes, size, &err);
        bytes[i] ^= (uint8_t)(1 + i % 255);
    }
    free(bytes);
    assert_int_equal(read_all(NULL, 0, &err), CIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_others_wrote),
        cmocka_unit_test(test_refuses_what_lies),
        cmocka_unit_test(test_refuses_malformed_extended_headers),
        cmocka_unit_test(test_survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
