#include "image/pictures_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

const char *data_path(const char *name)
{
    static _Thread_local char path[1024];
    (void)snprintf(path, sizeof path, "%s/image/%s", getenv("CIR_TEST_DATA"), name);
    return path;
}

cir_image read_ppm(const char *name)
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

void assert_same(const cir_image *image, const cir_image *expected, const char *name)
{
    if (image->width_px != expected->width_px || image->height_px != expected->height_px)
        fail_msg("%s: is %zu × %zu, should be %zu × %zu", name, image->width_px, image->height_px,
                 expected->width_px, expected->height_px);
    for (size_t i = 0; i < image->width_px * image->height_px * 3; i++)
        if (image->rgb[i] != expected->rgb[i])
            fail_msg("%s: byte %zu is %d, should be %d", name, i, image->rgb[i], expected->rgb[i]);
}

void find_golden(const char *name, char golden[300])
{
    (void)snprintf(golden, 300, "%s.ppm", name);
    char *dot = strchr(golden, '.');
    *dot = '-';
}

cir_status parse_copy(const void *bytes, size_t size, const cir_image_options *options, cir_error *err)
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
