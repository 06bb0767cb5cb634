/* JPEGs that come at a fraction of their size: the narrowest ones keep every row and column they have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cir/image.h"

static void test_narrow_jpegs_keep_a_row(void **state)
{
    (void)state;
    enum { LONG = 128 };
    for (size_t shorter = 1; shorter <= 17; shorter++) {
        for (int is_tall = 0; is_tall < 2; is_tall++) {
            cir_image small,
                whole = {.width_px = is_tall ? shorter : LONG, .height_px = is_tall ? LONG : shorter};
            whole.rgb = malloc(LONG * shorter * 3);
            assert_non_null(whole.rgb);
            memset(whole.rgb, 90, LONG * shorter * 3);
            uint8_t *jpeg;
            size_t size;
            cir_error err;
            assert_int_equal(cir_image_format_jpeg(&whole, 95, &jpeg, &size, &err), CIR_OK);
            const cir_image_options options = {.size = sizeof options, .enough_px = 1};
            cir_image_facts facts;
            assert_int_equal(cir_image_parse(jpeg, size, "a.jpg", &options, &small, &facts, &err), CIR_OK);
            size_t shrink = shorter >= 8 ? 8 : shorter >= 4 ? 4 : shorter >= 2 ? 2 : 1;
            assert_int_equal(is_tall ? small.width_px : small.height_px, shorter / shrink);
            assert_int_equal(is_tall ? small.height_px : small.width_px, LONG / shrink);
            assert_int_equal(is_tall ? facts.width_px : facts.height_px, shorter);
            for (size_t i = 0; i < small.width_px * small.height_px * 3; i++)
                assert_in_range(small.rgb[i], 88, 92);
            cir_image_done(&small);
            cir_image_done(&whole);
            cir_bytes_free(jpeg);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_narrow_jpegs_keep_a_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
