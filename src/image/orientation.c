#include "image/orientation.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/memory.h"
#include "image/tiff.h"

#define TAG_ORIENTATION 274
#define MAX_TEXT_BYTES ((size_t)4 << 20) /* of a text that is unpacked: what is beyond is not looked at */

/* What a file says, in the order in which it is heeded; 0: nothing. */
typedef struct findings {
    bool has_exif; /* of its own, whatever it holds */
    int exif, profile, xmp;
} findings;

/* The orientation in EXIF's bytes, with or without the "Exif" before them; 0 where it names none. */
static int parse_exif(const uint8_t *bytes, size_t size)
{
    uint64_t value;
    while (size >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0) {
        bytes += 6;
        size -= 6;
    }
    /* An orientation that is none counts as said: XMP is not asked then. */
    return cir__tiff_find_number(bytes, size, TAG_ORIENTATION, &value)
               ? (int)(value >= 1 && value <= 8 ? value : 9)
               : 0;
}

/* tiff:Orientation="6", or >6<, in XMP's text. */
static int parse_xmp(const uint8_t *text, size_t size)
{
    static const char name[] = "tiff:Orientation";
    const size_t n_name = sizeof name - 1;
    for (size_t at = 0; at + n_name + 2 <= size; at++) {
        const uint8_t *found = memchr(text + at, 't', size - at - n_name - 1);
        if (found == NULL)
            return 0;
        at = (size_t)(found - text);
        if (memcmp(found, name, n_name) != 0)
            continue;
        size_t value = at + n_name + (text[at + n_name] == '>' ? 1 : 2);
        bool is_said = text[at + n_name] == '>' || memcmp(text + at + n_name, "=\"", 2) == 0;
        if (is_said && value < size && text[value] >= '0' && text[value] <= '9')
            return text[value] == '0' ? 9 : text[value] - '0';
    }
    return 0;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\nexif\n  1234\n4578696600004d4d…": the bytes are in hexadecimal from the fourth line on. */
static int parse_profile(const uint8_t *text, size_t size)
{
    size_t at = 0;
    for (int n_lines = 0; n_lines < 3; n_lines++) {
        const uint8_t *end = at < size ? memchr(text + at, '\n', size - at) : NULL;
        if (end == NULL)
            return 0;
        at = (size_t)(end - text) + 1;
    }
    uint8_t *bytes = cir__new((size - at) / 2 + 1, 1);
    if (bytes == NULL)
        return 0;
    size_t n_digits = 0;
    for (; at < size; at++) {
        int digit = hex_digit(text[at]);
        if (digit < 0)
            continue;
        bytes[n_digits / 2] = (uint8_t)(bytes[n_digits / 2] << 4 | digit);
        n_digits++;
    }
    int orientation = parse_exif(bytes, n_digits / 2);
    free(bytes);
    return orientation;
}

/* Unpacks as much as there is, up to MAX_TEXT_BYTES; NULL where there is nothing. Free with free(). */
static uint8_t *unpack(const uint8_t *bytes, size_t size, size_t *size_out)
{
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)bytes, .avail_in = (uInt)size};
    uint8_t *text = cir__new_unset(MAX_TEXT_BYTES, 1);
    *size_out = 0;
    if (text == NULL || inflateInit(&stream) != Z_OK) {
        free(text);
        return NULL;
    }
    stream.next_out = text;
    stream.avail_out = (uInt)MAX_TEXT_BYTES;
    (void)inflate(&stream, Z_FINISH);
    *size_out = MAX_TEXT_BYTES - stream.avail_out;
    (void)inflateEnd(&stream);
    return text;
}

/* Steps over a text and the zero byte behind it; false where none follows. */
static bool skip_string(const uint8_t *bytes, size_t size, size_t *at)
{
    const uint8_t *end = *at < size ? memchr(bytes + *at, '\0', size - *at) : NULL;
    if (end != NULL)
        *at = (size_t)(end - bytes) + 1;
    return end != NULL;
}

/* One of PNG's three kinds of text chunks. */
static void look_at_text(const uint8_t *data, size_t size, const uint8_t *type, findings *found)
{
    static const char profile[] = "Raw profile type exif", xmp[] = "XML:com.adobe.xmp";
    size_t at = 0;
    bool is_packed = memcmp(type, "zTXt", 4) == 0;
    if (!skip_string(data, size, &at))
        return;
    bool is_profile = at == sizeof profile && memcmp(data, profile, at) == 0;
    bool is_xmp = at == sizeof xmp && memcmp(data, xmp, at) == 0;
    if (!is_profile && !is_xmp)
        return;
    if (memcmp(type, "iTXt", 4) == 0) {
        is_packed = at < size && data[at] != 0;
        at += 2; /* whether it is packed, and how; then its language, and its name in that */
        if (!skip_string(data, size, &at) || !skip_string(data, size, &at))
            return;
    } else if (is_packed) {
        at++; /* how */
    }
    if (at > size)
        return;
    const uint8_t *text = data + at;
    size_t n_text = size - at;
    uint8_t *unpacked = is_packed ? unpack(text, n_text, &n_text) : NULL;
    if (is_packed)
        text = unpacked;
    if (text != NULL && is_profile)
        found->profile = parse_profile(text, n_text);
    else if (text != NULL)
        found->xmp = parse_xmp(text, n_text);
    free(unpacked);
}

/* All chunks: what is said may stand behind the pixels, where libvips does not look. */
static void look_at_png(const uint8_t *bytes, size_t size, findings *found)
{
    for (size_t at = 8; size >= 12 && at <= size - 12;) {
        size_t n = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 |
                   bytes[at + 3];
        const uint8_t *type = bytes + at + 4;
        const uint8_t *data = bytes + at + 8;
        if (n > size - at - 12)
            return;
        if (memcmp(type, "eXIf", 4) == 0) {
            found->has_exif = true;
            found->exif = parse_exif(data, n);
        } else if (memcmp(type + 1, "TXt", 3) == 0 || memcmp(type, "tEXt", 4) == 0) {
            look_at_text(data, n, type, found);
        }
        at += 12 + n;
    }
}

static void look_at_metadata(VipsImage *image, bool is_tiff, findings *found)
{
    const void *data;
    size_t size;
    if (vips_image_get_typeof(image, VIPS_META_EXIF_NAME) != 0 &&
        vips_image_get_blob(image, VIPS_META_EXIF_NAME, &data, &size) == 0) {
        found->has_exif = true;
        found->exif = parse_exif(data, size);
    }
    /* What libexif reads of a damaged block; of a TIFF libvips always names one. */
    if (found->exif == 0 && !is_tiff && vips_image_get_typeof(image, VIPS_META_ORIENTATION) != 0)
        found->exif = vips_image_get_orientation(image);
    if (vips_image_get_typeof(image, VIPS_META_XMP_NAME) != 0 &&
        vips_image_get_blob(image, VIPS_META_XMP_NAME, &data, &size) == 0)
        found->xmp = parse_xmp(data, size);
}

int cir__orientation_find(const uint8_t *bytes, size_t size, cir__kind kind, VipsImage *image)
{
    findings found = {0};
    if (kind == CIR__KIND_HEIF || kind == CIR__KIND_AVIF)
        return 1;
    if (kind == CIR__KIND_PNG)
        look_at_png(bytes, size, &found);
    else
        look_at_metadata(image, kind == CIR__KIND_TIFF, &found);
    if (kind == CIR__KIND_TIFF)
        found.exif = parse_exif(bytes, size);
    int orientation = found.has_exif || found.exif != 0 ? found.exif : found.profile;
    if (orientation == 0)
        orientation = found.xmp;
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}
