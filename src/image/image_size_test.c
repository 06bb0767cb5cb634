/* Sizes of pictures: memory limits, resampling, reduced JPEGs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "image/pictures_testing.h"

static void put_be32(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void test_budget_is_checked_first(void **state)
{
    (void)state;
    cir_error err;
    cir_image image;
    cir_image_options options = {.size = sizeof options, .max_megapixels = 1};
    assert_int_equal(cir_image_read(data_path("huge.png"), NULL, &image, NULL, &err), CIR_LIMIT);
    assert_non_null(strstr(err.message, "30000 × 30000"));
    assert_non_null(strstr(err.message, "900 megapixels"));
    assert_non_null(strstr(err.message, "512"));
    assert_null(image.rgb);

    /* A canvas of 16,777,216 × 16,777,216: libvips itself would take the memory before it looks. */
    uint8_t webp[64] = "RIFF\x38\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff";
    assert_int_equal(parse_copy(webp, sizeof webp, NULL, &err), CIR_LIMIT);
    memcpy(webp + 12, "VP8L", 4);
    memcpy(webp + 21, "\xff\xff\xff\x0f", 4);
    assert_int_equal(parse_copy(webp, sizeof webp, &options, &err), CIR_LIMIT);
    assert_non_null(strstr(err.message, "16384 × 16384"));
    memcpy(webp + 12, "VP8 ", 4);
    memcpy(webp + 26, "\xff\x3f\xff\x3f", 4);
    assert_int_equal(parse_copy(webp, sizeof webp, &options, &err), CIR_LIMIT);

    /* Sizes of a GIF of 65,535 × 65,535 and a TIFF and a JPEG made large by hand. */
    uint8_t *bytes;
    size_t size;
    assert_int_equal(cir__file_read(data_path("palette.gif"), 1 << 20, &bytes, &size, &err), CIR_OK);
    memset(bytes + 6, 0xff, 4);
    assert_int_equal(parse_copy(bytes, size, NULL, &err), CIR_LIMIT);
    free(bytes);
    assert_int_equal(cir__file_read(data_path("rgb420.jpg"), 1 << 20, &bytes, &size, &err), CIR_OK);
    for (size_t i = 0; i + 9 < size; i++)
        if (bytes[i] == 0xff && bytes[i + 1] == 0xc0) {
            memcpy(bytes + i + 5, "\xfd\xe8\xfd\xe8", 4);
            break;
        }
    assert_int_equal(parse_copy(bytes, size, NULL, &err), CIR_LIMIT);
    assert_non_null(strstr(err.message, "65000 × 65000"));
    free(bytes);
}

static void test_budget_counts_whole_megapixels(void **state)
{
    (void)state;
    /* zlib.crc32 of b'IHDR' and the header below, by Python: the size passes, the pixels are missing. */
    uint8_t png[45] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\0\0\0\0\0\x08\x02\0\0\0";
    static const struct {
        size_t width_px;
        size_t crc;
        cir_status status;
    } cases[] = {{1000, 0xc2c143b3, CIR_FORMAT}, {1001, 0x2d03288d, CIR_LIMIT}};
    cir_image_options options = {.size = sizeof options, .max_megapixels = 1};
    cir_error err;
    for (size_t i = 0; i < 2; i++) {
        put_be32(png + 16, cases[i].width_px);
        put_be32(png + 20, 1000);
        put_be32(png + 29, cases[i].crc);
        put_be32(png + 33, 10);
        memcpy(png + 37, "IDAT", 4);
        assert_int_equal(parse_copy(png, sizeof png, &options, &err), cases[i].status);
    }
}

static void test_resampling_is_as_in_pillow(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{7, 5}, {1, 1}, {41, 3}, {3, 29}, {90, 77}, {200, 1}, {40, 30}};
    static const char *const filters[] = {
        [CIR_FILTER_BILINEAR] = "bilinear", [CIR_FILTER_BICUBIC] = "bicubic"};
    cir_image noise = read_ppm("noise.ppm");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int filter = 0; filter < 2; filter++) {
            char name[64];
            (void)snprintf(name, sizeof name, "noise-%zu-%zu-%s.ppm", sizes[i][0], sizes[i][1],
                           filters[filter]);
            cir_image expected = read_ppm(name);
            cir_image image;
            cir_error err;
            assert_int_equal(
                cir_image_resize(&noise, sizes[i][0], sizes[i][1], (cir_filter)filter, &image, &err), CIR_OK);
            assert_same(&image, &expected, name);
            cir_image_done(&image);
            cir_image_done(&expected);
        }
    cir_image_done(&noise);
}

static void test_a_window_is_cut_from_the_whole(void **state)
{
    (void)state;
    cir_image noise = read_ppm("noise.ppm");
    cir_image whole;
    cir_error err;
    assert_int_equal(cir_image_resize(&noise, 90, 77, CIR_FILTER_BICUBIC, &whole, &err), CIR_OK);
    static const size_t windows[][4] = {{0, 0, 1, 1}, {89, 76, 1, 1}, {10, 20, 33, 5}, {0, 50, 90, 27}};
    for (size_t i = 0; i < 4; i++) {
        cir__span across = {90, windows[i][0], windows[i][2]};
        cir__span down = {77, windows[i][1], windows[i][3]};
        uint8_t *rgb = malloc(across.n * down.n * 3);
        assert_int_equal(cir__resample(&noise, across, down, CIR_FILTER_BICUBIC, rgb, &err), CIR_OK);
        for (size_t y = 0; y < down.n; y++)
            assert_memory_equal(rgb + y * across.n * 3,
                                whole.rgb + ((down.first + y) * 90 + across.first) * 3, across.n * 3);
        free(rgb);
    }
    /* A strip of one pixel by 20,000 at the size that a shortest edge of 224 gives: 3.6 gigabytes if it were
     * made whole. */
    cir_image strip = {.width_px = 1, .height_px = 20000, .rgb = calloc(20000, 3)};
    uint8_t *rgb = malloc(224 * 224 * 3);
    assert_int_equal(cir__resample(&strip, (cir__span){224, 0, 224}, (cir__span){4480000, 2239888, 224},
                                   CIR_FILTER_BICUBIC, rgb, &err),
                     CIR_OK);
    free(rgb);
    cir_image_done(&strip);
    cir_image_done(&whole);
    cir_image_done(&noise);
}

static void test_resampling_refuses_nonsense(void **state)
{
    (void)state;
    uint8_t pixel[3] = {1, 2, 3};
    cir_image one = {.width_px = 1, .height_px = 1, .rgb = pixel};
    cir_image none = {0};
    cir_image image;
    cir_error err;
    assert_int_equal(cir_image_resize(&one, 0, 5, CIR_FILTER_BICUBIC, &image, &err), CIR_ARGUMENT);
    assert_int_equal(cir_image_resize(&one, 5, 0, CIR_FILTER_BICUBIC, &image, &err), CIR_ARGUMENT);
    assert_int_equal(cir_image_resize(&none, 5, 5, CIR_FILTER_BICUBIC, &image, &err), CIR_ARGUMENT);
    assert_int_equal(cir_image_resize(&one, SIZE_MAX, 5, CIR_FILTER_BICUBIC, &image, &err), CIR_LIMIT);
    assert_null(image.rgb);
}

static void test_jpegs_are_written(void **state)
{
    (void)state;
    cir_image picture = read_ppm("rgb-png.ppm");
    uint8_t *jpeg;
    size_t size;
    cir_error err;
    cir_image back;
    assert_int_equal(cir_image_format_jpeg(&picture, 0, &jpeg, &size, &err), CIR_ARGUMENT);
    assert_int_equal(cir_image_format_jpeg(&picture, 101, &jpeg, &size, &err), CIR_ARGUMENT);
    assert_null(jpeg);
    assert_int_equal(cir_image_format_jpeg(&picture, 100, &jpeg, &size, &err), CIR_OK);
    assert_int_equal(cir_image_parse(jpeg, size, "jpeg", NULL, &back, NULL, &err), CIR_OK);
    assert_int_equal(back.width_px, picture.width_px);
    assert_int_equal(back.height_px, picture.height_px);
    for (size_t i = 0; i < back.width_px * back.height_px * 3; i++)
        assert_true(abs(back.rgb[i] - picture.rgb[i]) <= 24);
    cir_bytes_free(jpeg);
    cir_bytes_free(NULL);
    cir_image_done(&back);
    cir_image_done(&picture);
    cir_image wide = {.width_px = 70000, .height_px = 1, .rgb = calloc(70000, 3)};
    assert_int_equal(cir_image_format_jpeg(&wide, 80, &jpeg, &size, &err), CIR_LIMIT);
    cir_image_done(&wide);
}

static void *read_often(void *context)
{
    static const char *const names[] = {"rgb420.jpg", "rgba16.png", "lossless.webp", "lzw.tif", "offset.gif"};
    size_t *n_wrong = context;
    for (size_t i = 0; i < 60; i++) {
        cir_image image;
        const char *name = names[i % 5];
        char golden[300];
        find_golden(name, golden);
        if (cir_image_read(data_path(name), NULL, &image, NULL, NULL) != CIR_OK) {
            ++*n_wrong;
            continue;
        }
        cir_image expected = read_ppm(golden);
        *n_wrong += memcmp(image.rgb, expected.rgb, expected.width_px * expected.height_px * 3) != 0;
        cir_image_done(&expected);
        cir_image_done(&image);
        /* A damaged one between, so that errors and pictures meet. */
        *n_wrong += cir_image_parse("\xff\xd8\xff\xe0", 4, "stub", NULL, &image, NULL, NULL) != CIR_FORMAT;
    }
    return NULL;
}

static void test_a_jpeg_may_come_smaller(void **state)
{
    (void)state;
    enum { WIDTH = 808, HEIGHT = 600 };
    cir_image whole = {.width_px = WIDTH, .height_px = HEIGHT, .rgb = malloc(WIDTH * HEIGHT * 3)},
              small = {0}, expected = {0};
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        whole.rgb[3 * i] = (uint8_t)(i % WIDTH / 4);
        whole.rgb[3 * i + 1] = (uint8_t)(i / WIDTH / 3);
        whole.rgb[3 * i + 2] = (uint8_t)(i % WIDTH / 8 + i / WIDTH / 8);
    }
    uint8_t *jpeg;
    size_t size;
    cir_error err;
    assert_int_equal(cir_image_format_jpeg(&whole, 95, &jpeg, &size, &err), CIR_OK);
    static const size_t enough[] = {0, 405, 404, 203, 202, 101, 1};
    static const size_t width[] = {808, 808, 404, 404, 202, 101, 101};
    for (size_t i = 0; i < sizeof enough / sizeof enough[0]; i++) {
        const cir_image_options options = {.size = sizeof options, .enough_px = enough[i]};
        cir_image_facts facts;
        assert_int_equal(cir_image_parse(jpeg, size, "a.jpg", &options, &small, &facts, &err), CIR_OK);
        assert_int_equal(small.width_px, width[i]);
        assert_int_equal(small.height_px, HEIGHT * width[i] / WIDTH);
        assert_int_equal(facts.width_px, WIDTH);
        assert_int_equal(facts.height_px, HEIGHT);
        assert_int_equal(
            cir_image_resize(&whole, small.width_px, small.height_px, CIR_FILTER_BILINEAR, &expected, &err),
            CIR_OK);
        size_t sum = 0;
        for (size_t b = 0; b < small.width_px * small.height_px * 3; b++)
            sum += (size_t)abs(small.rgb[b] - expected.rgb[b]);
        assert_true(sum < small.width_px * small.height_px * 3 * 2); /* two levels, on average */
        cir_image_done(&small);
        cir_image_done(&expected);
    }
    /* Of the shorter side, alone and with the other: both must be left. */
    static const struct {
        size_t longer, shorter, width;
    } sides[] = {{0, HEIGHT / 2 + 1, 808},
                 {0, HEIGHT / 2, 404},
                 {1, HEIGHT / 8, 101},
                 {405, 1, 808},
                 {1, HEIGHT, 808}};
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        const cir_image_options both = {
            .size = sizeof both, .enough_px = sides[i].longer, .enough_shorter_px = sides[i].shorter};
        assert_int_equal(cir_image_parse(jpeg, size, "a.jpg", &both, &small, NULL, &err), CIR_OK);
        assert_int_equal(small.width_px, sides[i].width);
        cir_image_done(&small);
    }
    /* Which reads without a model cannot know. */
    const cir_image_options allowed = {.size = sizeof allowed, .allow_shrinking = true};
    assert_int_equal(cir_image_parse(jpeg, size, "a.jpg", &allowed, &small, NULL, &err), CIR_OK);
    assert_int_equal(small.width_px, WIDTH);
    cir_image_done(&small);
    /* Half of it missing is an error at a fraction of the size too. */
    const cir_image_options options = {.size = sizeof options, .enough_px = 1};
    assert_int_equal(cir_image_parse(jpeg, size / 2, "a.jpg", &options, &small, NULL, &err), CIR_FORMAT);
    cir_bytes_free(jpeg);
    cir_image_done(&whole);
}

static void test_threads_do_not_meet(void **state)
{
    (void)state;
    pthread_t threads[4];
    size_t n_wrong[4] = {0};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, &n_wrong[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(n_wrong[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_do_not_meet), /* first: libvips is started by four at once */
        cmocka_unit_test(test_budget_is_checked_first),
        cmocka_unit_test(test_budget_counts_whole_megapixels),
        cmocka_unit_test(test_resampling_is_as_in_pillow),
        cmocka_unit_test(test_a_window_is_cut_from_the_whole),
        cmocka_unit_test(test_resampling_refuses_nonsense),
        cmocka_unit_test(test_jpegs_are_written),
        cmocka_unit_test(test_a_jpeg_may_come_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
