/* After the TIFF 6.0, TIFF/EP and DNG 1.6 specifications, and public descriptions of CR2 and CR3 (an ISO base media
 * file: ISO/IEC 14496-12). */
#include "image/raw_preview.h"

#include <string.h>

#include "image/tiff.h"

#define MAX_DIRECTORIES 64
#define MAX_BOXES 64
#define MAX_SUB_DIRECTORIES 16
#define JPEG_HEAD_BYTES ((size_t)1 << 20) /* its frame's header lies within */

enum {
    TAG_COMPRESSION = 259,
    TAG_PHOTOMETRIC = 262,
    TAG_MAKER = 271,
    TAG_MODEL = 272,
    TAG_STRIP_OFFSETS = 273,
    TAG_ORIENTATION = 274,
    TAG_STRIP_BYTES = 279,
    TAG_SUB_DIRECTORIES = 330,
    TAG_JPEG_OFFSET = 513,
    TAG_JPEG_BYTES = 514,
    TAG_EXIF = 34665,
    TAG_TAKEN = 36867,
    TAG_DNG_VERSION = 50706,
    COMPRESSION_OLD_JPEG = 6,
    COMPRESSION_JPEG = 7,
    PHOTOMETRIC_FILTER = 32803,
    PHOTOMETRIC_LINEAR = 34892
};

static size_t read_be(const uint8_t *bytes, size_t n_bytes)
{
    size_t value = 0;
    for (size_t i = 0; i < n_bytes; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Whether it is a JPEG that browsers show: coded with loss, 8 bits, grey or colour. */
static bool read_jpeg_size(const uint8_t *bytes, size_t size, size_t *width_px, size_t *height_px)
{
    size_t at = 2;
    if (size < 4 || bytes[0] != 0xff || bytes[1] != 0xd8)
        return false;
    size = size < JPEG_HEAD_BYTES ? size : JPEG_HEAD_BYTES;
    while (at + 10 <= size) {
        uint8_t marker = bytes[at + 1];
        if (bytes[at] != 0xff || marker == 0xff) {
            at += 1;
            continue;
        }
        if (marker >= 0xc0 && marker <= 0xc2) {
            *height_px = read_be(bytes + at + 5, 2);
            *width_px = read_be(bytes + at + 7, 2);
            return bytes[at + 4] == 8 && (bytes[at + 9] == 1 || bytes[at + 9] == 3) && *height_px > 0 &&
                   *width_px > 0;
        }
        if (marker == 0xda || marker == 0xd9 ||
            (marker >= 0xc3 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc))
            return false;
        at += marker == 0x00 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)
                  ? 2
                  : 2 + read_be(bytes + at + 2, 2);
    }
    return false;
}

/* Takes a JPEG that lies within the file and has more pixels than the last. */
static void offer(cir__raw_preview *best, const uint8_t *bytes, size_t size, uint64_t at, uint64_t n)
{
    size_t width_px, height_px;
    if (at > size || n > size - at || n == 0 ||
        !read_jpeg_size(bytes + at, (size_t)n, &width_px, &height_px) ||
        width_px * height_px <= best->width_px * best->height_px)
        return;
    best->jpeg = bytes + at;
    best->size = (size_t)n;
    best->width_px = width_px;
    best->height_px = height_px;
}

/* -- TIFF -- */

static uint64_t get_number(const cir__tiff *in, uint64_t directory, uint16_t tag)
{
    uint64_t value = 0;
    return cir__tiff_get_numbers(in, directory, tag, &value, 1) > 0 ? value : 0;
}

static void take_facts(const cir__tiff *in, uint64_t directory, cir__raw_preview *out)
{
    uint64_t orientation = get_number(in, directory, TAG_ORIENTATION);
    if (orientation >= 1 && orientation <= 8)
        out->orientation = (int)orientation;
    cir__tiff_get_text(in, directory, TAG_MAKER, out->maker, sizeof out->maker);
    cir__tiff_get_text(in, directory, TAG_MODEL, out->model, sizeof out->model);
}

static void take_jpegs(const cir__tiff *in, uint64_t directory, cir__raw_preview *best)
{
    uint64_t at, n;
    if (cir__tiff_get_numbers(in, directory, TAG_JPEG_OFFSET, &at, 1) == 1 &&
        cir__tiff_get_numbers(in, directory, TAG_JPEG_BYTES, &n, 1) == 1)
        offer(best, in->bytes, in->size, at, n);
    uint64_t compression = get_number(in, directory, TAG_COMPRESSION);
    if ((compression == COMPRESSION_OLD_JPEG || compression == COMPRESSION_JPEG) &&
        cir__tiff_get_numbers(in, directory, TAG_STRIP_OFFSETS, &at, 1) == 1 &&
        cir__tiff_get_numbers(in, directory, TAG_STRIP_BYTES, &n, 1) == 1)
        offer(best, in->bytes, in->size, at, n);
}

static const char *name_kind(bool is_cr2, bool is_dng, const char *maker)
{
    if (is_cr2 || is_dng)
        return is_cr2 ? "cr2" : "dng";
    if (strncmp(maker, "NIKON", 5) == 0 || strncmp(maker, "Nikon", 5) == 0)
        return "nef";
    return strncmp(maker, "SONY", 4) == 0 ? "arw" : "raw";
}

static bool find_in_tiff(const uint8_t *bytes, size_t size, cir__raw_preview *out)
{
    cir__tiff in;
    uint64_t directories[MAX_DIRECTORIES];
    size_t n = 0;
    if (!cir__tiff_open(bytes, size, &in))
        return false;
    const uint64_t first = cir__tiff_first_directory(&in);
    uint64_t version;
    bool is_cr2 = size >= 12 && memcmp(bytes + 8, "CR\2", 3) == 0;
    bool is_dng = cir__tiff_get_numbers(&in, first, TAG_DNG_VERSION, &version, 1) > 0;
    bool is_raw = is_cr2 || is_dng;
    directories[n++] = first;
    for (size_t i = 0; i < n; i++) {
        uint64_t below[MAX_SUB_DIRECTORIES];
        uint64_t photometric = get_number(&in, directories[i], TAG_PHOTOMETRIC);
        is_raw = is_raw || photometric == PHOTOMETRIC_FILTER || photometric == PHOTOMETRIC_LINEAR;
        take_jpegs(&in, directories[i], out);
        size_t n_below =
            cir__tiff_get_numbers(&in, directories[i], TAG_SUB_DIRECTORIES, below, MAX_SUB_DIRECTORIES);
        n_below = n_below < MAX_SUB_DIRECTORIES ? n_below : MAX_SUB_DIRECTORIES;
        for (size_t j = 0; j < n_below && n < MAX_DIRECTORIES; j++)
            directories[n++] = below[j];
        uint64_t next = cir__tiff_next_directory(&in, directories[i]);
        if (next != 0 && n < MAX_DIRECTORIES)
            directories[n++] = next;
    }
    take_facts(&in, first, out);
    cir__tiff_get_text(&in, get_number(&in, first, TAG_EXIF), TAG_TAKEN, out->taken, sizeof out->taken);
    out->kind = name_kind(is_cr2, is_dng, out->maker);
    return is_raw;
}

/* -- CR3: boxes -- */

typedef struct span {
    const uint8_t *bytes;
    size_t size;
} span;

/* The next box of that type (and, of a "uuid", that identifier) in *rest, which goes on behind it. */
static bool take_box(span *rest, const char *type, const char *identifier, span *body_out)
{
    for (size_t i = 0; i < MAX_BOXES && rest->size >= 8; i++) {
        size_t n_head = 8;
        size_t n = read_be(rest->bytes, 4);
        if (n == 1 && rest->size >= 16) {
            n_head = 16;
            n = read_be(rest->bytes + 8, 8);
        } else if (n == 0) {
            n = rest->size; /* up to the end */
        }
        if (n < n_head)
            return false;
        n = n < rest->size ? n : rest->size;
        span box = *rest;
        *rest = (span){rest->bytes + n, rest->size - n};
        if (memcmp(box.bytes + 4, type, 4) != 0)
            continue;
        if (identifier != NULL && (n < n_head + 16 || memcmp(box.bytes + n_head, identifier, 16) != 0))
            continue;
        n_head += identifier != NULL ? 16 : 0;
        *body_out = (span){box.bytes + n_head, n - n_head};
        return true;
    }
    return false;
}

static bool find_box(span within, const char *type, const char *identifier, span *body_out)
{
    return take_box(&within, type, identifier, body_out);
}

/* A track's only sample: the full-size JPEG is one. */
static void take_track(span track, span file, cir__raw_preview *best)
{
    span media, information, table, sizes, offsets;
    if (!find_box(track, "mdia", NULL, &media) || !find_box(media, "minf", NULL, &information) ||
        !find_box(information, "stbl", NULL, &table) || !find_box(table, "stsz", NULL, &sizes) ||
        sizes.size < 12)
        return;
    uint64_t n = read_be(sizes.bytes + 4, 4);
    if (n == 0 && sizes.size >= 16)
        n = read_be(sizes.bytes + 12, 4);
    if (find_box(table, "co64", NULL, &offsets) && offsets.size >= 16)
        offer(best, file.bytes, file.size, read_be(offsets.bytes + 8, 8), n);
    else if (find_box(table, "stco", NULL, &offsets) && offsets.size >= 12)
        offer(best, file.bytes, file.size, read_be(offsets.bytes + 8, 4), n);
}

/* The preview's box has some numbers in front of its JPEG. */
static void take_preview(span preview, span file, cir__raw_preview *best)
{
    span picture;
    if (preview.size < 8)
        return;
    preview = (span){preview.bytes + 8, preview.size - 8};
    if (!find_box(preview, "PRVW", NULL, &picture))
        return;
    for (size_t at = 0; at + 3 <= picture.size && at < 64; at++)
        if (memcmp(picture.bytes + at, "\xff\xd8\xff", 3) == 0) {
            offer(best, file.bytes, file.size, (uint64_t)(picture.bytes + at - file.bytes),
                  picture.size - at);
            return;
        }
}

static bool find_in_cr3(const uint8_t *bytes, size_t size, cir__raw_preview *out)
{
    static const char canon[] = "\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
    static const char preview_id[] = "\xea\xf4\x2b\x5e\x1c\x98\x4b\x88\xb9\xfb\xb7\xdc\x40\x6e\x4d\x16";
    const span file = {bytes, size};
    span film, metadata, directory, track, preview;
    cir__tiff in;
    if (size < 12 || memcmp(bytes + 4, "ftypcrx ", 8) != 0)
        return false;
    out->kind = "cr3";
    if (find_box(file, "uuid", preview_id, &preview))
        take_preview(preview, file, out);
    if (!find_box(file, "moov", NULL, &film))
        return true;
    for (size_t i = 0; i < MAX_BOXES && take_box(&film, "trak", NULL, &track); i++)
        take_track(track, file, out);
    if (!find_box(file, "moov", NULL, &film) || !find_box(film, "uuid", canon, &metadata))
        return true;
    if (find_box(metadata, "CMT1", NULL, &directory) && cir__tiff_open(directory.bytes, directory.size, &in))
        take_facts(&in, cir__tiff_first_directory(&in), out);
    if (find_box(metadata, "CMT2", NULL, &directory) && cir__tiff_open(directory.bytes, directory.size, &in))
        cir__tiff_get_text(&in, cir__tiff_first_directory(&in), TAG_TAKEN, out->taken, sizeof out->taken);
    return true;
}

bool cir__raw_preview_find(const uint8_t *bytes, size_t size, cir__raw_preview *preview_out)
{
    *preview_out = (cir__raw_preview){0};
    if (find_in_cr3(bytes, size, preview_out) || find_in_tiff(bytes, size, preview_out))
        return true;
    *preview_out = (cir__raw_preview){0};
    return false;
}
