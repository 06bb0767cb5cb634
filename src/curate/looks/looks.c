#include "curate/looks/looks.h"

#include <math.h>
#include <stdbool.h>

#include "base/error.h"

enum { DEFAULT_DISTANCE = 31, DEFAULT_QUALITY = 50, TILES = 3, SHARPNESS_PX = 256 };
#define DEFAULT_RMS 3.0

/* BT.601, full range, as JPEG has it. */
static void convert(const uint8_t *rgb, double out[CIR__LOOKS_CHANNELS])
{
    const double y = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    out[0] = y;
    out[1] = 128 + (rgb[2] - y) / 1.772;
    out[2] = 128 + (rgb[0] - y) / 1.402;
}

/* Every pixel belongs to a cell, and every cell of a picture of at least 4 × 4 has one. */
static void measure_colours(const cir_image *image, cir__looks *looks_out)
{
    double sums[CIR__LOOKS_GRID][CIR__LOOKS_GRID][CIR__LOOKS_CHANNELS] = {0};
    size_t counts[CIR__LOOKS_GRID][CIR__LOOKS_GRID] = {0};
    for (size_t y = 0; y < image->height_px; y++)
        for (size_t x = 0; x < image->width_px; x++) {
            const size_t i = y * CIR__LOOKS_GRID / image->height_px;
            const size_t j = x * CIR__LOOKS_GRID / image->width_px;
            double ycc[CIR__LOOKS_CHANNELS];
            convert(image->rgb + 3 * (y * image->width_px + x), ycc);
            for (int c = 0; c < CIR__LOOKS_CHANNELS; c++)
                sums[i][j][c] += ycc[c];
            counts[i][j]++;
        }
    for (int i = 0; i < CIR__LOOKS_GRID; i++)
        for (int j = 0; j < CIR__LOOKS_GRID; j++)
            for (int c = 0; c < CIR__LOOKS_CHANNELS; c++)
                looks_out->colours[i][j][c] =
                    counts[i][j] > 0 ? (float)(sums[i][j][c] / (double)counts[i][j]) : 0;
}

static double luma_at(const cir_image *image, size_t x, size_t y)
{
    const uint8_t *rgb = image->rgb + 3 * (y * image->width_px + x);
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

static double measure_tile(const cir_image *image, size_t left, size_t right, size_t top, size_t bottom)
{
    double sum = 0;
    double squares = 0;
    size_t n = 0;
    for (size_t y = top > 0 ? top : 1; y < bottom && y + 1 < image->height_px; y++)
        for (size_t x = left > 0 ? left : 1; x < right && x + 1 < image->width_px; x++, n++) {
            const double value = luma_at(image, x - 1, y) + luma_at(image, x + 1, y) +
                                 luma_at(image, x, y - 1) + luma_at(image, x, y + 1) -
                                 4 * luma_at(image, x, y);
            sum += value;
            squares += value * value;
        }
    return n > 0 ? squares / (double)n - sum / (double)n * (sum / (double)n) : 0;
}

/* With this longer side; *image_out is empty where the picture has it. */
static cir_status resize(const cir_image *image, size_t longer_px, cir_image *image_out, cir_error *err)
{
    const size_t longer = image->width_px > image->height_px ? image->width_px : image->height_px;
    *image_out = (cir_image){0};
    if (longer == longer_px)
        return CIR_OK;
    const size_t width = image->width_px * longer_px / longer;
    const size_t height = image->height_px * longer_px / longer;
    return cir_image_resize(image, width > 0 ? width : 1, height > 0 ? height : 1, CIR_FILTER_BILINEAR,
                            image_out, err);
}

/* The sharpest tile decides, so that a sharp thing before a soft background is sharp. */
static void measure_sharpness(const cir_image *image, cir__looks *looks_out)
{
    double sharpest = 0;
    for (size_t i = 0; i < TILES; i++)
        for (size_t j = 0; j < TILES; j++)
            sharpest = fmax(
                sharpest, measure_tile(image, image->width_px * j / TILES, image->width_px * (j + 1) / TILES,
                                       image->height_px * i / TILES, image->height_px * (i + 1) / TILES));
    looks_out->sharpness = (float)sharpest;
}

cir_status cir__looks_fit(const cir_image *image, cir__looks *looks_out, cir_error *err)
{
    *looks_out = (cir__looks){0};
    cir_image large;
    cir_image small = {0};
    const size_t longer = image->width_px > image->height_px ? image->width_px : image->height_px;
    cir_status status = resize(image, CIR__LOOKS_PX, &large, err);
    if (status == CIR_OK)
        status = cir__pdq_fit(large.rgb != NULL ? &large : image, &looks_out->pdq, err);
    /* Enlarging makes nothing sharper: small pictures are measured as they are. */
    if (status == CIR_OK && longer > SHARPNESS_PX)
        status = resize(image, SHARPNESS_PX, &small, err);
    if (status == CIR_OK) {
        measure_sharpness(small.rgb != NULL ? &small : image, looks_out);
        measure_colours(image, looks_out);
    }
    cir_image_done(&small);
    cir_image_done(&large);
    return status;
}

/* The colours of b in a symmetry of pdq.h, compared with those of a. */
static double compare_colours(const cir__looks *a, const cir__looks *b, int symmetry)
{
    double sum = 0;
    for (int i = 0; i < CIR__LOOKS_GRID; i++)
        for (int j = 0; j < CIR__LOOKS_GRID; j++) {
            const int y = symmetry & 2 ? CIR__LOOKS_GRID - 1 - i : i;
            const int x = symmetry & 4 ? CIR__LOOKS_GRID - 1 - j : j;
            for (int c = 0; c < CIR__LOOKS_CHANNELS; c++) {
                const double other = symmetry & 1 ? b->colours[x][y][c] : b->colours[y][x][c];
                sum += (a->colours[i][j][c] - other) * (a->colours[i][j][c] - other);
            }
        }
    return sqrt(sum / (CIR__LOOKS_GRID * CIR__LOOKS_GRID * CIR__LOOKS_CHANNELS));
}

/* Of b in a symmetry from a, whichever of the two is turned: a turned picture's hash differs by a few bits
 * from its hash turned. What turns back is the same symmetry but for quarter turns, which are each other's.
 */
static unsigned measure_distance(const cir__looks *a, const cir__looks *b, int symmetry)
{
    const int back = symmetry == (1 | 2) ? 1 | 4 : symmetry == (1 | 4) ? 1 | 2 : symmetry;
    const unsigned there = cir__pdq_distance(a->pdq.hashes[0], b->pdq.hashes[symmetry]);
    const unsigned again = cir__pdq_distance(b->pdq.hashes[0], a->pdq.hashes[back]);
    return there < again ? there : again;
}

cir__likeness cir__looks_compare(const cir__looks *a, const cir__looks *b, const cir__looks_options *options,
                                 double *rms_out)
{
    const unsigned max_distance =
        options != NULL && options->max_distance > 0 ? options->max_distance : DEFAULT_DISTANCE;
    const unsigned min_quality =
        options != NULL && options->min_quality > 0 ? options->min_quality : DEFAULT_QUALITY;
    const double max_rms = options != NULL && options->max_rms > 0 ? options->max_rms : DEFAULT_RMS;
    if (rms_out != NULL)
        *rms_out = 0;
    if (a->pdq.quality < min_quality || b->pdq.quality < min_quality)
        return CIR__LOOKS_DIFFERENT;
    int nearest = -1;
    unsigned least = max_distance + 1;
    for (int s = 0; s < CIR__PDQ_N_SYMMETRIES; s++) {
        const unsigned distance = measure_distance(a, b, s);
        if (distance < least) {
            least = distance;
            nearest = s;
        }
        if (s == 0 && nearest == 0) /* upright it is the same: a symmetric picture is not turned as well */
            break;
    }
    if (nearest < 0)
        return CIR__LOOKS_DIFFERENT;
    const double rms = compare_colours(a, b, nearest);
    if (rms_out != NULL)
        *rms_out = rms;
    if (nearest == 0)
        return rms <= max_rms ? CIR__LOOKS_SAME : CIR__LOOKS_EDITED;
    return rms <= max_rms ? CIR__LOOKS_TURNED : CIR__LOOKS_TURNED_EDITED;
}
