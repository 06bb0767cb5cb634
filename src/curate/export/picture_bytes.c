#include "curate/export/picture_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { QUALITY = 95 };

/* Markers of JPEG: metadata are APP1, APP3 to APP13, APP15 and comments. APP0 (JFIF), APP2 (colour profile) and APP14
 * (which colours the channels are) say how pixels are to be read. */
static bool is_metadata_marker(uint8_t marker)
{
    return marker == 0xe1 || (marker >= 0xe3 && marker <= 0xed) || marker == 0xef || marker == 0xfe;
}

/* Segments up to the first scan; what follows the picture's end is not copied. 0: no JPEG that can be walked. */
static size_t strip_jpeg(const uint8_t *bytes, size_t size, uint8_t *out)
{
    size_t at = 2;
    size_t n = 2;
    if (size < 4 || bytes[0] != 0xff || bytes[1] != 0xd8)
        return 0;
    memcpy(out, bytes, 2);
    while (at + 4 <= size && bytes[at] == 0xff) {
        const uint8_t marker = bytes[at + 1];
        if (marker == 0xff) {
            at++;
            continue;
        }
        const size_t length = ((size_t)bytes[at + 2] << 8 | bytes[at + 3]) + 2;
        const bool is_fpxr = marker == 0xe2 && !(length >= 15 && at + 15 <= size &&
                                                 memcmp(bytes + at + 4, "ICC_PROFILE", 11) == 0);
        if (length < 4 || length > size - at)
            return 0;
        if (marker == 0xda) {
            size_t end = size;
            while (end > at + 2 && !(bytes[end - 2] == 0xff && bytes[end - 1] == 0xd9))
                end--;
            if (end <= at + 2)
                return 0;
            memcpy(out + n, bytes + at, end - at);
            return n + (end - at);
        }
        if (!is_metadata_marker(marker) && !is_fpxr) {
            memcpy(out + n, bytes + at, length);
            n += length;
        }
        at += length;
    }
    return 0;
}

static bool is_pixel_chunk(const uint8_t *type)
{
    static const char kept[][5] = {"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA",
                                   "cHRM", "sRGB", "iCCP", "sBIT", "bKGD"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (memcmp(type, kept[i], 4) == 0)
            return true;
    return false;
}

static size_t strip_png(const uint8_t *bytes, size_t size, uint8_t *out)
{
    static const uint8_t head[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    size_t at = sizeof head;
    size_t n = sizeof head;
    if (size < sizeof head || memcmp(bytes, head, sizeof head) != 0)
        return 0;
    memcpy(out, head, sizeof head);
    while (size - at >= 12) {
        const size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                              (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length > size - at - 12)
            return 0;
        if (is_pixel_chunk(bytes + at + 4)) {
            memcpy(out + n, bytes + at, length + 12);
            n += length + 12;
        }
        if (memcmp(bytes + at + 4, "IEND", 4) == 0)
            return n;
        at += length + 12;
    }
    return 0;
}

static bool has_pixels_of(const cir_image *shown, const uint8_t *bytes, size_t size, const char *name,
                          const cir_image_options *options)
{
    cir_image image;
    if (cir_image_parse(bytes, size, name, options, &image, NULL, NULL) != CIR_OK)
        return false;
    const bool is_same = image.width_px == shown->width_px && image.height_px == shown->height_px &&
                         memcmp(image.rgb, shown->rgb, 3 * image.width_px * image.height_px) == 0;
    cir_image_done(&image);
    return is_same;
}

cir_status cir__picture_bytes_make(const uint8_t *bytes, size_t size, const char *name,
                                   const cir_image_options *options, cir__picture_bytes *out, cir_error *err)
{
    *out = (cir__picture_bytes){0};
    cir_image shown;
    cir_status status = cir_image_parse(bytes, size, name, options, &shown, NULL, err);
    if (status != CIR_OK)
        return status;
    out->data = malloc(size);
    if (out->data == NULL) {
        cir_image_done(&shown);
        return cir__fail_memory(err, name);
    }
    out->ending = "jpg";
    out->size = strip_jpeg(bytes, size, out->data);
    if (out->size == 0) {
        out->ending = "png";
        out->size = strip_png(bytes, size, out->data);
    }
    if (out->size == 0 || !has_pixels_of(&shown, out->data, out->size, name, options)) {
        uint8_t *made;
        free(out->data);
        *out = (cir__picture_bytes){.ending = "jpg", .is_reencoded = true};
        status = cir_image_format_jpeg(&shown, QUALITY, &made, &out->size, err);
        if (status == CIR_OK) {
            out->data = malloc(out->size);
            if (out->data != NULL)
                memcpy(out->data, made, out->size);
            else
                status = cir__fail_memory(err, name);
            cir_bytes_free(made);
        }
    }
    cir_image_done(&shown);
    return status;
}
