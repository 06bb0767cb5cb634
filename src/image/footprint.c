/* The numbers are measured (footprint_test.c measures them again), with room above: codecs differ by version.
 *
 * Whatever the kind, the finished picture and some rows of decoded samples are held, since rows come in
 * strips. Beside them a kind holds what it cannot decode in strips. */
#include "image/footprint.h"

#include <stdbool.h>

#include "image/tiff.h"

#define TAG_TILE_WIDTH 322
#define TAG_TILE_HEIGHT 323

enum {
    RGB = 3,
    STRIP_ROWS = 1024, /* what libvips keeps of rows that were read in order: about 700 … */
    GROUP_ROWS = 128,  /* … in four groups, which grow with the threads that libvips is set to */
    N_GROUPS = 4,
    COEFFICIENT = 2, /* bytes of one of a JPEG's, of which there are as many as samples, or fewer */
    WEBP_BYTES = 28, /* a pixel: picture, rows, frame, canvas, codec's own */
    GIF_BYTES = 8,   /* canvas and frame of four bytes each */
    HEIF_PELS = 5,   /* planes of the codec, its reference, planes and rows of libheif, libvips' own */
    TILE_ROWS = 3,   /* rows of tiles, that are read and kept */
    FIXED_BYTES = 4 << 20
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Coded in several scans, a JPEG keeps all coefficients until the last is read, whatever the scale. */
static bool has_scans(VipsImage *image)
{
    int several = 0;
    if (vips_image_get_typeof(image, "jpeg-multiscan") != 0)
        (void)vips_image_get_int(image, "jpeg-multiscan", &several);
    return several != 0;
}

/* The last byte of the header's first chunk. */
static bool is_interlaced(const cir__weighed *picture)
{
    return picture->size > 28 && picture->bytes[28] != 0;
}

/* A number of a TIFF's, at most what fits a side; 0 where it is not there. */
static size_t find_tag(const cir__weighed *picture, uint16_t tag)
{
    uint64_t value = 0;
    if (!cir__tiff_find_number(picture->bytes, picture->size, tag, &value))
        return 0;
    return value < INT32_MAX ? (size_t)value : INT32_MAX;
}

static size_t count_kept_rows(VipsImage *image)
{
    int tile_width, tile_height, group_rows;
    vips_get_tile_size(image, &tile_width, &tile_height, &group_rows);
    return STRIP_ROWS + (group_rows > GROUP_ROWS ? N_GROUPS * (size_t)(group_rows - GROUP_ROWS) : 0);
}

size_t cir__footprint_estimate(const cir__weighed *picture)
{
    VipsImage *image = picture->image;
    if (picture->kind == CIR__KIND_WEBP)
        return FIXED_BYTES + WEBP_BYTES * picture->n_px;
    const size_t pel =
        (size_t)vips_image_get_bands(image) * (size_t)vips_format_sizeof(vips_image_get_format(image));
    const size_t width = (size_t)vips_image_get_width(image);
    const size_t height = (size_t)vips_image_get_height(image);
    const size_t scale = picture->shrink * picture->shrink;
    const size_t n_px = picture->n_px > width * height ? picture->n_px : width * height;
    size_t n_bytes = FIXED_BYTES + RGB * (n_px / scale);
    size_t rows = smaller(height / picture->shrink + 1, count_kept_rows(image));
    switch (picture->kind) {
    case CIR__KIND_JPEG:
        if (has_scans(image))
            n_bytes += COEFFICIENT * (size_t)vips_image_get_bands(image) * (width + 16) * (height + 16);
        break;
    case CIR__KIND_PNG:
        if (is_interlaced(picture))
            n_bytes += pel * n_px;
        break;
    case CIR__KIND_WEBP: /* done above */
    case CIR__KIND_GIF:
        n_bytes += GIF_BYTES * n_px;
        break;
    case CIR__KIND_HEIF:
    case CIR__KIND_AVIF:
        n_bytes += HEIF_PELS * pel * n_px;
        break;
    case CIR__KIND_TIFF: {
        const size_t tile_width = find_tag(picture, TAG_TILE_WIDTH);
        const size_t tile_height = find_tag(picture, TAG_TILE_HEIGHT);
        /* And a whole strip's or tile's stored bytes. */
        n_bytes += TILE_ROWS * pel * tile_height * (width + tile_width) + picture->size;
        break;
    }
    case CIR__KIND_UNKNOWN:
    case CIR__KIND_RAW: /* by its JPEG */
    case CIR__KIND_OTHER:
        break;
    }
    n_bytes += rows * (width / picture->shrink + 1) * pel;
    return n_bytes + n_bytes / 8;
}
