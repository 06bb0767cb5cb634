/* Raw photos as cameras lay them out (test/data/raw/make.py, whose JPEGs exiftool finds too), and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cir/image.h"
#include "image/raw_preview.h"

#define PATH_SIZE 512

static void path_of(const char *name, char path[PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/raw/%s", getenv("CIR_TEST_DATA"), name);
}

static uint8_t *read_data(const char *name, size_t *size_out)
{
    char path[PATH_SIZE];
    uint8_t *bytes;
    path_of(name, path);
    assert_int_equal(cir__file_read(path, 1 << 20, &bytes, size_out, NULL), CIR_OK);
    return bytes;
}

static const struct {
    const char *name, *kind, *expected, *camera;
    size_t width_px, height_px; /* as stored */
    int64_t taken_at;
} files[] = {
    {"canon.cr2", "cr2", "canon-cr2.ppm", "Canon EOS 40D", 96, 64, 1614834367},
    {"nikon.nef", "nef", "nikon-nef.ppm", "NIKON D750", 96, 64, 1614834367},
    {"sony.arw", "arw", "sony-arw.ppm", "SONY ILCE-7M3", 48, 32, 1614834367},
    {"google.dng", "dng", "google-dng.ppm", "Google Pixel 6", 96, 64, 1614834367},
    {"canon.cr3", "cr3", "canon-cr3.ppm", "Canon EOS R5", 96, 64, 1641092645},
};

/* A PPM as Pillow writes it. */
static uint8_t *read_ppm(const char *name, size_t *width_px, size_t *height_px)
{
    size_t size;
    uint8_t *bytes = read_data(name, &size);
    int n_header = 0;
    assert_int_equal(sscanf((char *)bytes, "P6 %zu %zu 255%n", width_px, height_px, &n_header), 2);
    assert_int_equal(size, (size_t)n_header + 1 + 3 * *width_px * *height_px);
    memmove(bytes, bytes + n_header + 1, 3 * *width_px * *height_px);
    return bytes;
}

static void test_the_largest_jpeg_is_the_photo(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[PATH_SIZE];
        cir_image image;
        cir_image_facts facts;
        cir_image_facts told;
        cir_error err = {0};
        size_t width_px;
        size_t height_px;
        path_of(files[i].name, path);
        if (cir_image_read(path, NULL, &image, &facts, &err) != CIR_OK)
            fail_msg("%s", err.message);
        uint8_t *expected = read_ppm(files[i].expected, &width_px, &height_px);
        assert_int_equal(image.width_px, width_px);
        assert_int_equal(image.height_px, height_px);
        assert_memory_equal(image.rgb, expected, 3 * width_px * height_px);
        assert_string_equal(facts.kind, files[i].kind);
        assert_string_equal(facts.camera, files[i].camera);
        assert_true(facts.taken_at == files[i].taken_at);
        assert_int_equal(cir_image_read_facts(path, NULL, &told, &err), CIR_OK);
        assert_int_equal(told.width_px, width_px);
        assert_string_equal(told.camera, files[i].camera);
        free(expected);
        cir_image_done(&image);
    }
}

/* Where EXIF's turns are not wanted, a raw photo's is not. */
static void test_turns_may_be_ignored(void **state)
{
    (void)state;
    const cir_image_options options = {.size = sizeof options, .ignore_exif_rotation = true};
    char path[PATH_SIZE];
    cir_image image;
    path_of("canon.cr2", path);
    assert_int_equal(cir_image_read(path, &options, &image, NULL, NULL), CIR_OK);
    assert_int_equal(image.width_px, 96);
    cir_image_done(&image);
}

static void test_a_raw_photo_without_a_jpeg_is_refused(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    cir_image image;
    cir_error err = {0};
    path_of("bare.dng", path);
    assert_int_equal(cir_image_read(path, NULL, &image, NULL, &err), CIR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "bare.dng: is a raw photo (dng) without a JPEG"));
}

static void test_ordinary_pictures_are_none(void **state)
{
    (void)state;
    static const char *const names[] = {"../image/lzw.tif", "../image/jpeg.tif", "../image/orientation3.jpg",
                                        "../image/film.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size;
        cir__raw_preview preview;
        uint8_t *bytes = read_data(names[i], &size);
        assert_false(cir__raw_preview_find(bytes, size, &preview));
        assert_null(preview.jpeg);
        free(bytes);
    }
}

/* Cut anywhere, or with any byte changed: what is found lies within the file. */
static void test_damage_does_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t size;
        uint8_t *whole = read_data(files[i].name, &size);
        cir__raw_preview preview;
        assert_true(cir__raw_preview_find(whole, size, &preview));
        assert_int_equal(preview.width_px, files[i].width_px);
        assert_int_equal(preview.height_px, files[i].height_px);
        for (size_t n = 0; n < size; n++) {
            uint8_t *cut = malloc(n > 0 ? n : 1);
            memcpy(cut, whole, n);
            if (cir__raw_preview_find(cut, n, &preview) && preview.jpeg != NULL)
                assert_true(preview.jpeg >= cut && preview.size <= n - (size_t)(preview.jpeg - cut));
            free(cut);
        }
        for (size_t n = 0; n < size; n++)
            for (int value = 0; value < 256; value += 51) {
                uint8_t was = whole[n];
                whole[n] = (uint8_t)value;
                if (cir__raw_preview_find(whole, size, &preview) && preview.jpeg != NULL)
                    assert_true(preview.jpeg >= whole &&
                                preview.size <= size - (size_t)(preview.jpeg - whole));
                whole[n] = was;
            }
        free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_largest_jpeg_is_the_photo),
        cmocka_unit_test(test_turns_may_be_ignored),
        cmocka_unit_test(test_a_raw_photo_without_a_jpeg_is_refused),
        cmocka_unit_test(test_ordinary_pictures_are_none),
        cmocka_unit_test(test_damage_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
