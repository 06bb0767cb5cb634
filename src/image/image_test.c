#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/skip.h"
#include "image/pictures_testing.h"

static bool is_lossy_elsewhere(const char *name)
{
    return strstr(name, ".heic") != NULL || strstr(name, ".avif") != NULL;
}

/* Calls visit(name) for every picture that has a golden and counts them. */
static int for_each_golden(void (*visit)(const char *name, const char *golden))
{
    DIR *folder = opendir(data_path(""));
    assert_non_null(folder);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char golden[300];
        if (strchr(entry->d_name, '.') == NULL || entry->d_name[0] == '.')
            continue;
        find_golden(entry->d_name, golden);
        if (access(data_path(golden), F_OK) != 0)
            continue;
        visit(entry->d_name, golden);
        n++;
    }
    closedir(folder);
    return n;
}

static void check_against_pillow(const char *name, const char *golden)
{
    cir_image image;
    cir_error err;
    const cir_image_options options = {.size = sizeof options, .follow_pillow = true};
    if (is_lossy_elsewhere(name))
        return;
    if (cir_image_read(data_path(name), &options, &image, NULL, &err) != CIR_OK)
        fail_msg("%s", err.message);
    cir_image expected = read_ppm(golden);
    assert_same(&image, &expected, name);
    cir_image_done(&expected);
    cir_image_done(&image);
    assert_null(image.rgb);
}

static void test_pixels_are_as_in_pillow(void **state)
{
    (void)state;
    assert_true(for_each_golden(check_against_pillow) >= 55);
}

static void test_heic_and_avif_are_read(void **state)
{
    (void)state;
    static const char *const names[] = {"picture.heic", "picture.avif"};
    for (size_t i = 0; i < 2; i++) {
        cir_image image;
        cir_image_facts facts;
        cir_error err;
        cir_status status = cir_image_read(data_path(names[i]), NULL, &image, &facts, &err);
        if (status == CIR_UNSUPPORTED)
            SKIP("%s", err.message);
        assert_int_equal(status, CIR_OK);
        assert_string_equal(facts.kind, i == 0 ? "heif" : "avif");
        char golden[300];
        find_golden(names[i], golden);
        cir_image expected = read_ppm(golden);
        assert_int_equal(image.width_px, expected.width_px);
        assert_int_equal(image.height_px, expected.height_px);
        /* Both kinds are lossy: the picture they were made from is met on average. */
        double sum = 0;
        size_t n_bytes = image.width_px * image.height_px * 3;
        for (size_t b = 0; b < n_bytes; b++)
            sum += abs(image.rgb[b] - expected.rgb[b]);
        assert_true(sum / (double)n_bytes < 12);
        cir_image_done(&expected);
        cir_image_done(&image);
    }
}

static void test_orientation_can_be_left_alone(void **state)
{
    (void)state;
    cir_image upright, image;
    cir_image_facts facts;
    cir_image_options options = {.size = sizeof options, .ignore_exif_rotation = true};
    cir_error err;
    assert_int_equal(cir_image_read(data_path("orientation1.jpg"), NULL, &upright, NULL, &err), CIR_OK);
    assert_int_equal(cir_image_read(data_path("orientation6.jpg"), &options, &image, &facts, &err), CIR_OK);
    assert_same(&image, &upright, "orientation6.jpg as stored");
    assert_int_equal(facts.width_px, upright.width_px);
    cir_image_done(&image);
    assert_int_equal(cir_image_read(data_path("orientation6.jpg"), NULL, &image, &facts, &err), CIR_OK);
    assert_int_equal(facts.width_px, upright.height_px);
    assert_int_equal(facts.height_px, upright.width_px);
    cir_image_done(&image);
    cir_image_done(&upright);
}

static void test_facts_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *kind;
        int64_t taken_at;
    } cases[] = {
        {"orientation3.jpg", "jpeg", 1212162961}, /* date -u -d '2008-05-30 15:56:01' +%s */
        {"orientation6.webp", "webp", 1212162961}, {"untimely.jpg", "jpeg", INT64_MIN},
        {"rgb420.jpg", "jpeg", INT64_MIN},         {"rgb.png", "png", INT64_MIN},
        {"palette.gif", "gif", INT64_MIN},         {"lzw.tif", "tiff", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cir_image image;
        cir_image_facts facts;
        cir_error err;
        assert_int_equal(cir_image_read(data_path(cases[i].name), NULL, &image, &facts, &err), CIR_OK);
        assert_string_equal(facts.kind, cases[i].kind);
        assert_true(facts.taken_at == cases[i].taken_at);
        cir_image_done(&image);
    }
}

/* A picture cut short is an error, unless it was cut behind the last byte that its pixels need: then they are
 * whole. Of a JPEG that is the end marker. */
static void check_truncated(const char *name, const char *golden)
{
    (void)golden;
    uint8_t *bytes;
    size_t size;
    cir_error err;
    cir_image whole, image;
    assert_int_equal(cir__file_read(data_path(name), 1 << 20, &bytes, &size, &err), CIR_OK);
    assert_int_equal(cir_image_parse(bytes, size, name, NULL, &whole, NULL, &err), CIR_OK);
    const bool is_jpeg = strstr(name, ".jpg") != NULL;
    const bool has_tail = !is_jpeg && strstr(name, ".webp") == NULL;
    size_t step = size > 600 ? size / 150 : 1;
    for (size_t n = 0; n < size; n += n + 40 < size ? step : 1) {
        uint8_t *part =
            malloc(n > 0 ? n : 1); /* of just that size, so that a sanitizer sees reads beyond it */
        memcpy(part, bytes, n);
        cir_status status = cir_image_parse(part, n, name, NULL, &image, NULL, &err);
        free(part);
        if (status == CIR_OK && (has_tail || (is_jpeg && size - n <= 2)))
            assert_same(&image, &whole, name);
        else if (status != CIR_FORMAT && status != CIR_UNSUPPORTED)
            fail_msg("%s: cut to %zu of %zu bytes: %s", name, n, size,
                     status == CIR_OK ? "taken" : err.message);
        cir_image_done(&image);
    }
    cir_image_done(&whole);
    free(bytes);
}

static void test_truncated_pictures_are_errors(void **state)
{
    (void)state;
    assert_true(for_each_golden(check_truncated) >= 55);
    cir_error err;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(cir__file_read(data_path("rgb420.jpg"), 1 << 20, &bytes, &size, &err), CIR_OK);
    assert_int_equal(parse_copy(bytes, size - 100, NULL, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "of 17"));
    free(bytes);
}

static void test_names_do_not_matter(void **state)
{
    (void)state;
    char folder[] = "/tmp/cir-image-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = cir__path_join(folder, "really-a-png.jpg");
    uint8_t *bytes;
    size_t size;
    cir_error err;
    cir_image image;
    cir_image_facts facts;
    assert_int_equal(cir__file_read(data_path("rgb.png"), 1 << 20, &bytes, &size, &err), CIR_OK);
    assert_int_equal(cir__file_replace(path, bytes, size, &err), CIR_OK);
    assert_int_equal(cir_image_read(path, NULL, &image, &facts, &err), CIR_OK);
    assert_string_equal(facts.kind, "png");
    cir_image_done(&image);
    free(bytes);

    assert_int_equal(cir__file_replace(path, "", 0, &err), CIR_OK);
    assert_int_equal(cir_image_read(path, NULL, &image, &facts, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "is empty"));
    assert_non_null(strstr(err.message, "really-a-png.jpg"));

    assert_int_equal(cir_image_read(folder, NULL, &image, NULL, &err), CIR_FORMAT);
    assert_non_null(strstr(err.message, "is a folder"));
    unlink(path);
    assert_int_equal(cir_image_read(path, NULL, &image, NULL, &err), CIR_NOT_FOUND);
    assert_null(image.rgb);
    rmdir(folder);
    free(path);
}

static void test_other_kinds_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *said;
    } cases[] = {
        {"%PDF-1.7 and so on", "PDF"},
        {"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"},
        {"BM6 and so on", "BMP"},
        {"0000ftypisom", "film"},
        {"no picture at all", "not a picture of a known kind"},
        {"\xff", "not a picture of a known kind"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cir_error err;
        assert_int_equal(parse_copy(cases[i].bytes, strlen(cases[i].bytes), NULL, &err), CIR_UNSUPPORTED);
        assert_non_null(strstr(err.message, cases[i].said));
    }
    cir_error err;
    cir_image image;
    /* libvips would show its luma and chroma as red, green and blue. */
    assert_int_equal(cir_image_read(data_path("ycbcr.tif"), NULL, &image, NULL, &err), CIR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_are_as_in_pillow),       cmocka_unit_test(test_heic_and_avif_are_read),
        cmocka_unit_test(test_orientation_can_be_left_alone), cmocka_unit_test(test_facts_are_told),
        cmocka_unit_test(test_truncated_pictures_are_errors), cmocka_unit_test(test_names_do_not_matter),
        cmocka_unit_test(test_other_kinds_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
