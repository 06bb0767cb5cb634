/* PDQ against its reference's hashes of the same pixels: test/data/curate/make_pdq.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curate/looks/pdq.h"

/* The reference's order of symmetries, in ours: turned thrice, mirrored twice, and at both diagonals. */
static const int symmetries[CIR__PDQ_N_SYMMETRIES] = {0, 1 | 2, 2 | 4, 1 | 4, 2, 4, 1, 1 | 2 | 4};

static cir_image read_ppm(const char *path)
{
    cir_image image = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "P6 %zu %zu 255", &image.width_px, &image.height_px), 2);
    (void)fgetc(file);
    const size_t n = image.width_px * image.height_px * 3;
    image.rgb = malloc(n);
    assert_non_null(image.rgb);
    assert_int_equal(fread(image.rgb, 1, n, file), n);
    (void)fclose(file);
    return image;
}

static cir_image read_picture(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", getenv("CIR_SOURCE"), name);
    if (strstr(name, ".ppm") != NULL)
        return read_ppm(path);
    cir_image image;
    cir_error err;
    if (cir_image_read(path, NULL, &image, NULL, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return image;
}

static void test_the_reference_agrees_to_the_bit(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/curate/pdq.txt", getenv("CIR_TEST_DATA"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n_pictures = 0;
    unsigned quality;
    while (fscanf(file, "%u", &quality) == 1) {
        char expected[CIR__PDQ_N_SYMMETRIES][CIR__PDQ_TEXT_SIZE];
        char text[CIR__PDQ_TEXT_SIZE];
        char name[1024];
        for (int s = 0; s < CIR__PDQ_N_SYMMETRIES; s++)
            assert_int_equal(fscanf(file, "%64s", expected[s]), 1);
        assert_int_equal(fscanf(file, " %1023[^\n]", name), 1);
        cir_image image = read_picture(name);
        cir__pdq pdq;
        assert_int_equal(cir__pdq_fit(&image, &pdq, NULL), CIR_OK);
        assert_int_equal(pdq.quality, quality);
        for (int s = 0; s < CIR__PDQ_N_SYMMETRIES; s++) {
            cir__pdq_format(pdq.hashes[symmetries[s]], text);
            if (strcmp(text, expected[s]) != 0)
                fail_msg("%s, symmetry %d: %s, not %s", name, s, text, expected[s]);
        }
        cir_image_done(&image);
        n_pictures++;
    }
    (void)fclose(file);
    assert_true(n_pictures >= 40);
}

static void test_sizes_at_the_edges(void **state)
{
    (void)state;
    static const size_t sides[] = {1, 4, 5, 63, 64, 65, 127, 128, 129};
    uint8_t *rgb = malloc((size_t)129 * 129 * 3);
    assert_non_null(rgb);
    for (size_t i = 0; i < (size_t)129 * 129 * 3; i++)
        rgb[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < 9; i++)
        for (size_t j = 0; j < 9; j++) {
            const cir_image image = {.width_px = sides[i], .height_px = sides[j], .rgb = rgb};
            cir__pdq pdq;
            assert_int_equal(cir__pdq_fit(&image, &pdq, NULL), CIR_OK);
            const uint64_t none[CIR__PDQ_WORDS] = {0};
            const unsigned n_bits = cir__pdq_distance(pdq.hashes[0], none);
            assert_true(sides[i] < 5 || sides[j] < 5 ? n_bits == 0 && pdq.quality == 0 : n_bits > 100);
        }
    free(rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_reference_agrees_to_the_bit),
        cmocka_unit_test(test_sizes_at_the_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
