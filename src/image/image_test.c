#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/skip.h"
#include "cir/image.h"
#include "image/kind.h"
#include "image/resample.h"

static const char *data_path(const char *name)
{
    static _Thread_local char path[1024];
    (void)snprintf(path, sizeof path, "%s/image/%s", getenv("CIR_TEST_DATA"), name);
    return path;
}

/* A PPM as Pillow writes it. */
static cir_image read_ppm(const char *name)
{
    uint8_t *bytes;
    size_t size;
    cir_error err;
    assert_int_equal(cir__file_read(data_path(name), 1 << 20, &bytes, &size, &err), CIR_OK);
    cir_image image = {0};
    int n_header = 0;
    assert_int_equal(sscanf((char *)bytes, "P6 %zu %zu 255%n", &image.width_px, &image.height_px, &n_header),
                     2);
    size_t n_bytes = image.width_px * image.height_px * 3;
    assert_int_equal(size, (size_t)n_header + 1 + n_bytes);
    image.rgb = malloc(n_bytes);
    memcpy(image.rgb, bytes + n_header + 1, n_bytes);
    free(bytes);
    return image;
}

static void assert_same(const cir_image *image, const cir_image *expected, const char *name)
{
    if (image->width_px != expected->width_px || image->height_px != expected->height_px)
        fail_msg("%s: is %zu × %zu, should be %zu × %zu", name, image->width_px, image->height_px,
                 expected->width_px, expected->height_px);
    for (size_t i = 0; i < image->width_px * image->height_px * 3; i++)
        if (image->rgb[i] != expected->rgb[i])
            fail_msg("%s: byte %zu is %d, should be %d", name, i, image->rgb[i], expected->rgb[i]);
}

/* The golden of a picture's file name: a.jpg → a-jpg.ppm. */
static void find_golden(const char *name, char golden[300])
{
    (void)snprintf(golden, 300, "%s.ppm", name);
    char *dot = strchr(golden, '.');
    *dot = '-';
}

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
    const cir_image_options options = {.follow_pillow = true};
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
    cir_image_options options = {.ignore_exif_rotation = true};
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

/* Copies bytes to a block of just that size, so that a sanitizer sees reads beyond it, and parses them. */
static cir_status parse_copy(const void *bytes, size_t size, const cir_image_options *options, cir_error *err)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    cir_image image;
    cir_status status = cir_image_parse(copy, size, "some picture", options, &image, NULL, err);
    if (status == CIR_OK)
        assert_non_null(image.rgb);
    else
        assert_true(image.rgb == NULL && image.width_px == 0 && image.height_px == 0);
    cir_image_done(&image);
    free(copy);
    return status;
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
    cir_image_options options = {.max_megapixels = 1};
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
    cir_image_options options = {.max_megapixels = 1};
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
    static const char *const filters[] = {[CIR_BILINEAR] = "bilinear", [CIR_BICUBIC] = "bicubic"};
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
    assert_int_equal(cir_image_resize(&noise, 90, 77, CIR_BICUBIC, &whole, &err), CIR_OK);
    static const size_t windows[][4] = {{0, 0, 1, 1}, {89, 76, 1, 1}, {10, 20, 33, 5}, {0, 50, 90, 27}};
    for (size_t i = 0; i < 4; i++) {
        cir__span across = {90, windows[i][0], windows[i][2]};
        cir__span down = {77, windows[i][1], windows[i][3]};
        uint8_t *rgb = malloc(across.n * down.n * 3);
        assert_int_equal(cir__resample(&noise, across, down, CIR_BICUBIC, rgb, &err), CIR_OK);
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
                                   CIR_BICUBIC, rgb, &err),
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
    assert_int_equal(cir_image_resize(&one, 0, 5, CIR_BICUBIC, &image, &err), CIR_ARGUMENT);
    assert_int_equal(cir_image_resize(&one, 5, 0, CIR_BICUBIC, &image, &err), CIR_ARGUMENT);
    assert_int_equal(cir_image_resize(&none, 5, 5, CIR_BICUBIC, &image, &err), CIR_ARGUMENT);
    assert_int_equal(cir_image_resize(&one, SIZE_MAX, 5, CIR_BICUBIC, &image, &err), CIR_LIMIT);
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
        const cir_image_options options = {.enough_px = enough[i]};
        cir_image_facts facts;
        assert_int_equal(cir_image_parse(jpeg, size, "a.jpg", &options, &small, &facts, &err), CIR_OK);
        assert_int_equal(small.width_px, width[i]);
        assert_int_equal(small.height_px, HEIGHT * width[i] / WIDTH);
        assert_int_equal(facts.width_px, WIDTH);
        assert_int_equal(facts.height_px, HEIGHT);
        assert_int_equal(
            cir_image_resize(&whole, small.width_px, small.height_px, CIR_BILINEAR, &expected, &err), CIR_OK);
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
        const cir_image_options both = {.enough_px = sides[i].longer, .enough_shorter_px = sides[i].shorter};
        assert_int_equal(cir_image_parse(jpeg, size, "a.jpg", &both, &small, NULL, &err), CIR_OK);
        assert_int_equal(small.width_px, sides[i].width);
        cir_image_done(&small);
    }
    /* Which reads without a model cannot know. */
    const cir_image_options allowed = {.allow_shrinking = true};
    assert_int_equal(cir_image_parse(jpeg, size, "a.jpg", &allowed, &small, NULL, &err), CIR_OK);
    assert_int_equal(small.width_px, WIDTH);
    cir_image_done(&small);
    /* Half of it missing is an error at a fraction of the size too. */
    const cir_image_options options = {.enough_px = 1};
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
        cmocka_unit_test(test_pixels_are_as_in_pillow),
        cmocka_unit_test(test_heic_and_avif_are_read),
        cmocka_unit_test(test_orientation_can_be_left_alone),
        cmocka_unit_test(test_facts_are_told),
        cmocka_unit_test(test_truncated_pictures_are_errors),
        cmocka_unit_test(test_names_do_not_matter),
        cmocka_unit_test(test_other_kinds_are_named),
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
