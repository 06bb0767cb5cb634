/* The duplicate guard on the demo's photos: copies are merged, changes of colour and light are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curate/looks/looks.h"

enum { N_PHOTOS = 200 };

typedef struct album {
    cir_image images[N_PHOTOS];
    cir__looks looks[N_PHOTOS];
    size_t n;
} album;

static void take_photo(album *photos, const char *listed)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/demo/%.*s", getenv("CIR_SOURCE"), (int)strcspn(listed, ","),
                   listed);
    cir_error err;
    if (cir_image_read(path, NULL, &photos->images[photos->n], NULL, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(cir__looks_fit(&photos->images[photos->n], &photos->looks[photos->n], NULL), CIR_OK);
    photos->n++;
}

static int open_album(void **state)
{
    album *photos = calloc(1, sizeof *photos);
    char line[4096];
    (void)snprintf(line, sizeof line, "%s/demo/photos/database_files.csv", getenv("CIR_SOURCE"));
    FILE *file = fopen(line, "r");
    if (photos == NULL || file == NULL)
        return -1;
    for (size_t i = 0; photos->n < N_PHOTOS && fgets(line, sizeof line, file) != NULL; i++)
        if (i % 16 == 0)
            take_photo(photos, line);
    (void)fclose(file);
    *state = photos;
    return photos->n == N_PHOTOS ? 0 : -1;
}

static int close_album(void **state)
{
    album *photos = *state;
    for (size_t i = 0; i < photos->n; i++)
        cir_image_done(&photos->images[i]);
    free(photos);
    return 0;
}

static cir_image save_again(const cir_image *image, int quality)
{
    uint8_t *bytes;
    size_t size;
    cir_image copy;
    assert_int_equal(cir_image_format_jpeg(image, quality, &bytes, &size, NULL), CIR_OK);
    assert_int_equal(cir_image_parse(bytes, size, "copy", NULL, &copy, NULL, NULL), CIR_OK);
    cir_bytes_free(bytes);
    return copy;
}

static cir_image save_at_40(const cir_image *image)
{
    return save_again(image, 40);
}

static cir_image save_half_size(const cir_image *image)
{
    cir_image half;
    assert_int_equal(
        cir_image_resize(image, image->width_px / 2, image->height_px / 2, CIR_FILTER_BICUBIC, &half, NULL),
        CIR_OK);
    cir_image copy = save_again(&half, 60);
    cir_image_done(&half);
    return copy;
}

static cir_image copy_pixels(const cir_image *image)
{
    cir_image copy = {.width_px = image->width_px, .height_px = image->height_px};
    copy.rgb = malloc(3 * image->width_px * image->height_px);
    assert_non_null(copy.rgb);
    memcpy(copy.rgb, image->rgb, 3 * image->width_px * image->height_px);
    return copy;
}

static double luma(const uint8_t *rgb)
{
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

static uint8_t clip(double value)
{
    return (uint8_t)(value > 255 ? 255 : value + 0.5);
}

static cir_image turn_grey(const cir_image *image)
{
    cir_image copy = copy_pixels(image);
    for (size_t i = 0; i < copy.width_px * copy.height_px; i++)
        memset(copy.rgb + 3 * i, clip(luma(copy.rgb + 3 * i)), 3);
    return copy;
}

static cir_image turn_sepia(const cir_image *image)
{
    cir_image copy = turn_grey(image);
    for (size_t i = 0; i < copy.width_px * copy.height_px; i++) {
        uint8_t *rgb = copy.rgb + 3 * i;
        const double grey = rgb[0];
        rgb[0] = clip(grey * 1.07);
        rgb[1] = clip(grey * 0.93);
        rgb[2] = clip(grey * 0.75);
    }
    return copy;
}

static cir_image darken(const cir_image *image)
{
    cir_image copy = copy_pixels(image);
    for (size_t i = 0; i < 3 * copy.width_px * copy.height_px; i++)
        copy.rgb[i] = (uint8_t)(copy.rgb[i] / 3);
    return copy;
}

static cir_image mirror(const cir_image *image)
{
    cir_image copy = copy_pixels(image);
    for (size_t y = 0; y < copy.height_px; y++)
        for (size_t x = 0; x < copy.width_px; x++)
            memcpy(copy.rgb + 3 * (y * copy.width_px + x),
                   image->rgb + 3 * (y * image->width_px + image->width_px - 1 - x), 3);
    return copy;
}

/* A quarter turn. */
static cir_image turn(const cir_image *image)
{
    cir_image copy = copy_pixels(image);
    copy.width_px = image->height_px;
    copy.height_px = image->width_px;
    for (size_t y = 0; y < copy.height_px; y++)
        for (size_t x = 0; x < copy.width_px; x++)
            memcpy(copy.rgb + 3 * (y * copy.width_px + x),
                   image->rgb + 3 * ((image->height_px - 1 - x) * image->width_px + y), 3);
    return copy;
}

static cir_image turn_and_mirror_grey(const cir_image *image)
{
    cir_image turned = turn(image);
    cir_image mirrored = mirror(&turned);
    cir_image grey = turn_grey(&mirrored);
    cir_image_done(&turned);
    cir_image_done(&mirrored);
    return grey;
}

/* Pictures with too little in them to be told apart are never merged, whatever becomes of them: counts[5]. */
static void count(const album *photos, cir_image change(const cir_image *), size_t counts[6])
{
    memset(counts, 0, 6 * sizeof *counts);
    for (size_t i = 0; i < photos->n; i++) {
        cir_image copy = change(&photos->images[i]);
        cir__looks looks;
        assert_int_equal(cir__looks_fit(&copy, &looks, NULL), CIR_OK);
        const cir__likeness likeness = cir__looks_compare(&photos->looks[i], &looks, NULL, NULL);
        assert_int_equal(likeness, cir__looks_compare(&looks, &photos->looks[i], NULL, NULL));
        if (looks.pdq.quality < 50 || photos->looks[i].pdq.quality < 50)
            counts[5]++;
        else
            counts[likeness]++;
        cir_image_done(&copy);
    }
    print_message("different %zu, same %zu, edited %zu, turned %zu, turned and edited %zu, too plain %zu\n",
                  counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]);
}

static void test_copies_are_the_same_picture(void **state)
{
    size_t counts[6];
    count(*state, save_at_40, counts);
    assert_true(counts[5] <= N_PHOTOS * 3 / 100);
    assert_int_equal(counts[CIR__LOOKS_SAME] + counts[5], N_PHOTOS);
    /* At 72 × 54 pixels JPEG's own artefacts move one picture's hash by more than 31 bits. */
    count(*state, save_half_size, counts);
    assert_true(counts[5] <= N_PHOTOS * 3 / 100);
    assert_true(counts[CIR__LOOKS_SAME] + counts[5] >= N_PHOTOS - 1);
}

static void test_changes_of_colour_and_light_are_kept(void **state)
{
    size_t counts[6];
    count(*state, turn_grey, counts);
    assert_true(counts[CIR__LOOKS_SAME] <= N_PHOTOS * 8 / 100);
    assert_true(counts[CIR__LOOKS_EDITED] >= N_PHOTOS * 8 / 10); /* the hash alone calls all of them copies */
    count(*state, turn_sepia, counts);
    assert_true(counts[CIR__LOOKS_SAME] <= N_PHOTOS * 2 / 100);
    count(*state, darken, counts);
    assert_int_equal(counts[CIR__LOOKS_SAME], 0);
}

static void test_mirrored_and_turned_ones_are_told(void **state)
{
    size_t counts[6];
    count(*state, mirror, counts);
    assert_true(counts[CIR__LOOKS_TURNED] + counts[CIR__LOOKS_SAME] >= N_PHOTOS * 9 / 10);
    assert_true(counts[CIR__LOOKS_SAME] <= N_PHOTOS / 100);
    count(*state, turn, counts);
    assert_true(counts[CIR__LOOKS_TURNED] >= N_PHOTOS * 9 / 10);
    count(*state, turn_and_mirror_grey, counts);
    assert_true(counts[CIR__LOOKS_TURNED_EDITED] >= N_PHOTOS * 8 / 10);
}

static void test_other_photos_are_others(void **state)
{
    const album *photos = *state;
    size_t n_same = 0;
    for (size_t i = 0; i < photos->n; i++)
        for (size_t j = 0; j < i; j++)
            n_same += cir__looks_compare(&photos->looks[i], &photos->looks[j], NULL, NULL) == CIR__LOOKS_SAME;
    assert_int_equal(n_same, 0);
}

static void test_sharpness(void **state)
{
    const album *photos = *state;
    for (size_t i = 0; i < 20; i++) {
        cir_image small;
        cir_image blurred;
        const cir_image *image = &photos->images[i];
        assert_int_equal(cir_image_resize(image, 12, 12, CIR_FILTER_BILINEAR, &small, NULL), CIR_OK);
        assert_int_equal(
            cir_image_resize(&small, image->width_px, image->height_px, CIR_FILTER_BICUBIC, &blurred, NULL),
            CIR_OK);
        cir__looks looks;
        assert_int_equal(cir__looks_fit(&blurred, &looks, NULL), CIR_OK);
        assert_true(looks.sharpness < 15);
        assert_true(photos->looks[i].sharpness > 15);
        cir_image_done(&small);
        cir_image_done(&blurred);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_are_the_same_picture),
        cmocka_unit_test(test_changes_of_colour_and_light_are_kept),
        cmocka_unit_test(test_mirrored_and_turned_ones_are_told),
        cmocka_unit_test(test_other_photos_are_others),
        cmocka_unit_test(test_sharpness),
    };
    return cmocka_run_group_tests(tests, open_album, close_album);
}
