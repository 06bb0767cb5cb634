#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"
#include "cir/image.h"
#include "image/tiff.h"

#define EXIF_6 "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
#define PROFILE_6                                                                                            \
    "\nexif\n      32\n457869660000" /* and EXIF_6 in hexadecimal: */                                        \
    "49492a000800000001001201030001000000"                                                                   \
    "\n"                                                                                                     \
    "0600000000000000\n"
#define XMP_6 "<rdf:Description tiff:Orientation=\"6\"/>"

static void put_be32(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The test picture rgb.png with one more chunk before its end; of just that size. Free with free(). */
static uint8_t *make_png(const char *type, const void *data, size_t n, size_t *size_out)
{
    char path[1024];
    uint8_t *bytes;
    size_t size;
    (void)snprintf(path, sizeof path, "%s/image/rgb.png", getenv("CIR_TEST_DATA"));
    assert_int_equal(cir__file_read(path, 1 << 20, &bytes, &size, NULL), CIR_OK);
    uint8_t *png = malloc(size + 12 + n);
    memcpy(png, bytes, size - 12);
    uint8_t *chunk = png + size - 12;
    put_be32(chunk, n);
    memcpy(chunk + 4, type, 4);
    memcpy(chunk + 8, data, n);
    put_be32(chunk + 8 + n, crc32(0, chunk + 4, (uInt)(4 + n)));
    memcpy(chunk + 12 + n, bytes + size - 12, 12);
    free(bytes);
    *size_out = size + 12 + n;
    return png;
}

static bool is_turned(const char *type, const void *data, size_t n)
{
    size_t size;
    uint8_t *png = make_png(type, data, n, &size);
    cir_image stored, turned;
    cir_error err;
    const cir_image_options options = {.size = sizeof options, .ignore_exif_rotation = true};
    assert_int_equal(cir_image_parse(png, size, "png", &options, &stored, NULL, &err), CIR_OK);
    assert_int_equal(cir_image_parse(png, size, "png", NULL, &turned, NULL, &err), CIR_OK);
    assert_true(stored.width_px != stored.height_px);
    bool is_on_its_side = turned.width_px == stored.height_px;
    assert_true(is_on_its_side ||
                memcmp(stored.rgb, turned.rgb, stored.width_px * stored.height_px * 3) == 0);
    cir_image_done(&stored);
    cir_image_done(&turned);
    free(png);
    return is_on_its_side;
}

/* Key, zero bytes, and a text, packed or as it is. */
static size_t join(const char *key, size_t n_zeros, const char *text, size_t n_text, bool is_packed,
                   uint8_t out[4096])
{
    size_t n = strlen(key);
    memcpy(out, key, n);
    memset(out + n, 0, n_zeros);
    n += n_zeros;
    uLongf n_packed = 2048;
    if (is_packed)
        assert_int_equal(compress(out + n, &n_packed, (const Bytef *)text, (uLong)n_text), Z_OK);
    else
        memcpy(out + n, text, n_text);
    return n + (is_packed ? n_packed : n_text);
}

static void test_all_places_turn(void **state)
{
    (void)state;
    uint8_t data[4096];
    assert_true(is_turned("eXIf", EXIF_6, sizeof EXIF_6 - 1));
    size_t n = join("Raw profile type exif", 1, PROFILE_6, sizeof PROFILE_6 - 1, false, data);
    assert_true(is_turned("tEXt", data, n));
    n = join("Raw profile type exif", 2, PROFILE_6, sizeof PROFILE_6 - 1, true, data);
    assert_true(is_turned("zTXt", data, n));
    n = join("XML:com.adobe.xmp", 5, XMP_6, sizeof XMP_6 - 1, false, data);
    assert_true(is_turned("iTXt", data, n));
    data[strlen("XML:com.adobe.xmp") + 1] = 1; /* said to be packed, and is not */
    assert_false(is_turned("iTXt", data, n));
    n = join("Comment", 1, PROFILE_6, sizeof PROFILE_6 - 1, false, data);
    assert_false(is_turned("tEXt", data, n));
}

/* Cut anywhere, changed anywhere: never more than another answer. */
static void test_damaged_texts_turn_nothing_or_the_picture(void **state)
{
    (void)state;
    static const struct {
        const char *type, *key, *text;
        size_t n_zeros, n_text;
        bool is_packed;
    } cases[] = {
        {"tEXt", "Raw profile type exif", PROFILE_6, 1, sizeof PROFILE_6 - 1, false},
        {"zTXt", "Raw profile type exif", PROFILE_6, 2, sizeof PROFILE_6 - 1, true},
        {"iTXt", "XML:com.adobe.xmp", XMP_6, 5, sizeof XMP_6 - 1, false},
        {"eXIf", "", EXIF_6, 0, sizeof EXIF_6 - 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t data[4096];
        size_t n_turned = 0;
        size_t n =
            join(cases[i].key, cases[i].n_zeros, cases[i].text, cases[i].n_text, cases[i].is_packed, data);
        for (size_t k = 0; k <= n; k++)
            n_turned += is_turned(cases[i].type, data, k);
        assert_in_range(n_turned, 1, n / 2);
        for (size_t k = 0; k < n; k++) {
            data[k] ^= 0x5a;
            (void)is_turned(cases[i].type, data, n);
            data[k] ^= 0x5a;
        }
    }
}

static void test_numbers_are_found_in_tiffs(void **state)
{
    (void)state;
    uint64_t value;
    const uint8_t *exif = (const uint8_t *)EXIF_6;
    assert_true(cir__tiff_find_number(exif, sizeof EXIF_6 - 1, 274, &value));
    assert_int_equal(value, 6);
    assert_false(cir__tiff_find_number(exif, sizeof EXIF_6 - 1, 275, &value));
    for (size_t n = 0; n < 8 + 2 + 12; n++)
        assert_false(cir__tiff_find_number(exif, n, 274, &value));
    assert_null(cir__tiff_find_unread_sort(exif, sizeof EXIF_6 - 1)); /* no pixels at all: damaged */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_places_turn),
        cmocka_unit_test(test_damaged_texts_turn_nothing_or_the_picture),
        cmocka_unit_test(test_numbers_are_found_in_tiffs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
