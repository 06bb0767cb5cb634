#include "image/kind.h"

#include <string.h>

#define MAGIC(offset, text) offset, sizeof(text) - 1, text

static const struct {
    size_t offset;
    size_t size;
    const char *bytes;
    cir__kind kind;
    const char *name;
    const char *ending; /* of files of a kind that is not handled; NULL: no picture nor film */
} magics[] = {
    {MAGIC(0, "\xff\xd8\xff"), CIR__KIND_JPEG, "jpeg", NULL},
    {MAGIC(0, "\x89PNG\r\n\x1a\n"), CIR__KIND_PNG, "png", NULL},
    {MAGIC(8, "WEBPVP8"), CIR__KIND_WEBP, "webp", NULL},
    {MAGIC(0, "II*\0"), CIR__KIND_TIFF, "tiff", NULL},
    {MAGIC(0, "MM\0*"), CIR__KIND_TIFF, "tiff", NULL},
    {MAGIC(0, "II+\0"), CIR__KIND_TIFF, "tiff", NULL},
    {MAGIC(0, "MM\0+"), CIR__KIND_TIFF, "tiff", NULL},
    {MAGIC(0, "GIF87a"), CIR__KIND_GIF, "gif", NULL},
    {MAGIC(0, "GIF89a"), CIR__KIND_GIF, "gif", NULL},
    {MAGIC(4, "ftypavif"), CIR__KIND_AVIF, "avif", NULL},
    {MAGIC(4, "ftypavis"), CIR__KIND_AVIF, "avif", NULL},
    {MAGIC(4, "ftyphe"), CIR__KIND_HEIF, "heif", NULL},
    {MAGIC(4, "ftypmif1"), CIR__KIND_HEIF, "heif", NULL},
    {MAGIC(4, "ftypmsf1"), CIR__KIND_HEIF, "heif", NULL},
    {MAGIC(0, "\xff\x0a"), CIR__KIND_OTHER, "a JPEG XL picture", "jxl"},
    {MAGIC(4, "JXL \r\n\x87\n"), CIR__KIND_OTHER, "a JPEG XL picture", "jxl"},
    {MAGIC(4, "jP  \r\n\x87\n"), CIR__KIND_OTHER, "a JPEG 2000 picture", "jp2"},
    {MAGIC(0, "\xff\x4f\xff\x51"), CIR__KIND_OTHER, "a JPEG 2000 picture", "jp2"},
    {MAGIC(4, "ftypcrx "), CIR__KIND_RAW, "cr3", NULL},
    {MAGIC(4, "ftyp"), CIR__KIND_OTHER, "a film or a raw photo", "mp4"},
    {MAGIC(0, "\x1a\x45\xdf\xa3"), CIR__KIND_OTHER, "a film", "mkv"},
    {MAGIC(0, "8BPS"), CIR__KIND_OTHER, "a Photoshop document", "psd"},
    {MAGIC(0, "%PDF"), CIR__KIND_OTHER, "a PDF document", "pdf"},
    {MAGIC(0, "%!PS"), CIR__KIND_OTHER, "a PostScript document", "eps"},
    {MAGIC(0, "<svg"), CIR__KIND_OTHER, "an SVG drawing", "svg"},
    {MAGIC(0, "<?xml"), CIR__KIND_OTHER, "an XML document", NULL},
    {MAGIC(0, "<!DOCTYPE"), CIR__KIND_OTHER, "a web page", NULL},
    {MAGIC(0, "<html"), CIR__KIND_OTHER, "a web page", NULL},
    {MAGIC(0, "BM"), CIR__KIND_OTHER, "a BMP picture", "bmp"},
    {MAGIC(0, "PK\3\4"), CIR__KIND_OTHER, "a ZIP archive", NULL},
};

cir__kind cir__kind_find(const uint8_t *bytes, size_t size, const char **name_out)
{
    *name_out = NULL;
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (size >= magics[i].offset + magics[i].size &&
            memcmp(bytes + magics[i].offset, magics[i].bytes, magics[i].size) == 0) {
            *name_out = magics[i].name;
            return magics[i].kind;
        }
    return CIR__KIND_UNKNOWN;
}

/* Two letters begin many a text: a BMP has four zeros further on. */
static bool is_like_text(const uint8_t *bytes, size_t size)
{
    return bytes[0] == 'B' && (size < 10 || memcmp(bytes + 6, "\0\0\0", 4) != 0);
}

const char *cir__kind_find_ending(const uint8_t *bytes, size_t size)
{
    static const struct {
        size_t offset, size;
        const char *bytes, *ending;
    } finer[] = {
        {MAGIC(0, "IIRO"), "orf"},       {MAGIC(0, "IIRS"), "orf"},
        {MAGIC(0, "IIU\0"), "rw2"},      {MAGIC(0, "FUJIFILMCCD-RAW"), "raf"},
        {MAGIC(0, "FOVb"), "x3f"},       {MAGIC(0, "\0MRM"), "mrw"},
        {MAGIC(4, "ftypqt  "), "mov"},   {MAGIC(4, "ftyp3g"), "3gp"},
        {MAGIC(4, "ftypM4V"), "m4v"},    {MAGIC(8, "AVI "), "avi"},
        {MAGIC(0, "\0\0\1\xba"), "mpg"}, {MAGIC(0, "\0\0\1\xb3"), "mpg"},
        {MAGIC(0, "FLV\1"), "flv"},      {MAGIC(0, "0&\xb2u"), "wmv"},
        {MAGIC(0, "gimp xcf"), "xcf"},   {MAGIC(0, "v/1\1"), "exr"},
        {MAGIC(0, "#?RADIANCE"), "hdr"},
    };
    for (size_t i = 0; i < sizeof finer / sizeof finer[0]; i++)
        if (size >= finer[i].offset + finer[i].size &&
            memcmp(bytes + finer[i].offset, finer[i].bytes, finer[i].size) == 0)
            return finer[i].ending;
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (size >= magics[i].offset + magics[i].size &&
            memcmp(bytes + magics[i].offset, magics[i].bytes, magics[i].size) == 0)
            return is_like_text(bytes, size) ? NULL : magics[i].ending;
    return NULL;
}

static size_t read_le(const uint8_t *bytes, size_t n_bytes)
{
    size_t value = 0;
    for (size_t i = n_bytes; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

void cir__kind_read_webp_size(const uint8_t *bytes, size_t size, size_t *width_px_out, size_t *height_px_out)
{
    *width_px_out = *height_px_out = 0;
    if (size < 30)
        return;
    if (memcmp(bytes + 12, "VP8X", 4) == 0) { /* extended: 24 bits each, less one */
        *width_px_out = read_le(bytes + 24, 3) + 1;
        *height_px_out = read_le(bytes + 27, 3) + 1;
    } else if (memcmp(bytes + 12, "VP8L", 4) == 0) { /* lossless: 14 bits each, less one, after one byte */
        size_t bits = read_le(bytes + 21, 4);
        *width_px_out = (bits & 0x3fff) + 1;
        *height_px_out = (bits >> 14 & 0x3fff) + 1;
    } else if (memcmp(bytes + 12, "VP8 ", 4) ==
               0) { /* lossy: 14 bits each after a frame tag and a start code */
        *width_px_out = read_le(bytes + 26, 2) & 0x3fff;
        *height_px_out = read_le(bytes + 28, 2) & 0x3fff;
    }
}

/* The offset just after the first start-of-scan marker; size where there is none. Segments are stepped over,
 * so that a thumbnail inside one is not taken for the picture, and stray bytes between them, as libjpeg
 * does. */
static size_t find_first_scan(const uint8_t *bytes, size_t size)
{
    size_t at = 2;
    while (size >= 4 && at <= size - 4) {
        uint8_t marker = bytes[at + 1];
        /* Fill bytes, and bytes that belong to nothing. */
        if (bytes[at] != 0xff || marker == 0x00 || marker == 0xff)
            at += 1;
        else if (marker == 0xda)
            return at + 2;
        else if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) /* markers without a body */
            at += 2;
        else
            at += 2 + ((size_t)bytes[at + 2] << 8 | bytes[at + 3]);
    }
    return size;
}

bool cir__kind_is_padded_jpeg(const uint8_t *bytes, size_t size)
{
    enum { MIN_ZEROS = 16 };
    for (size_t i = 1; i <= MIN_ZEROS; i++)
        if (i > size || bytes[size - i] != 0)
            return false;
    size_t start = find_first_scan(bytes, size);
    for (size_t at = size; at >= start + 2; at--)
        if (bytes[at - 2] == 0xff && bytes[at - 1] == 0xd9)
            return false;
    return true;
}
