/* RGB to JPEG, for thumbnails and contact sheets. */
#include <stdlib.h>
#include <string.h>

#include <vips/vips.h>

#include "base/error.h"
#include "base/memory.h"
#include "cir/image.h"
#include "image/vips.h"

#define MAX_JPEG_PX 65500 /* libjpeg's own limit */

cir_status cir_image_format_jpeg(const cir_image *image, int quality, uint8_t **bytes_out,
                                 size_t *size_bytes_out, cir_error *err)
{
    *bytes_out = NULL;
    *size_bytes_out = 0;
    cir__error_clear(err);
    if (quality < 1 || quality > 100)
        return cir__fail(err, CIR_ARGUMENT, "JPEG quality: is %d; name one from 1 to 100", quality);
    if (image->rgb == NULL || image->width_px == 0 || image->height_px == 0)
        return cir__fail(err, CIR_ARGUMENT, "picture: has no pixels; read one first");
    if (image->width_px > MAX_JPEG_PX || image->height_px > MAX_JPEG_PX)
        return cir__fail(err, CIR_LIMIT,
                         "picture: is %zu × %zu pixels, a JPEG has at most %d a side; make it smaller",
                         image->width_px, image->height_px, MAX_JPEG_PX);
    cir_status status = cir__vips_start(err);
    if (status != CIR_OK)
        return status;
    void *jpeg = NULL;
    size_t size = 0;
    VipsImage *pixels =
        vips_image_new_from_memory(image->rgb, image->width_px * image->height_px * 3, (int)image->width_px,
                                   (int)image->height_px, 3, VIPS_FORMAT_UCHAR);
    uint8_t *bytes = NULL;
    /* The caller's pool keeps every core busy already. */
    if (pixels != NULL)
        vips_image_set_int(pixels, VIPS_META_CONCURRENCY, 1);
    if (pixels == NULL ||
        vips_jpegsave_buffer(pixels, &jpeg, &size, "Q", quality, "strip", TRUE, NULL) != 0) {
        status = cir__fail_memory(err, "picture as JPEG");
        goto done;
    }
    /* glib's memory must not reach the caller, whose cir_bytes_free is plain free. */
    bytes = malloc(size);
    if (bytes == NULL) {
        status = cir__fail_memory(err, "picture as JPEG");
        goto done;
    }
    memcpy(bytes, jpeg, size);
    *bytes_out = bytes;
    *size_bytes_out = size;
done:
    g_free(jpeg);
    if (pixels != NULL)
        g_object_unref(pixels);
    cir__vips_leave();
    return status;
}

void cir_bytes_free(void *bytes)
{
    free(bytes);
}
