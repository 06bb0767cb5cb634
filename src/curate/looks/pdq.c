#include "curate/looks/pdq.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { SAMPLES = 64, FREQUENCIES = 16, LEAST_SIDE_PX = 5, N_PASSES = 2 };

/* A moving mean over n values that lie stride apart: the window holds `window` values where it fits, and
 * fewer at the ends. One running sum in float, in the reference's order: bits near the median depend on its
 * rounding. */
static void blur_line(const float *in, float *out, size_t n, size_t stride, size_t window)
{
    const size_t half = (window + 2) / 2;
    float sum = 0;
    size_t n_in = 0;
    size_t first = 0;
    size_t next = 0;
    for (size_t i = 0; i + 1 < half; i++, n_in++)
        sum += in[stride * next++];
    size_t at = 0;
    for (size_t i = 0; i < window - half + 1; i++) {
        sum += in[stride * next++];
        n_in++;
        out[stride * at++] = sum / (float)n_in;
    }
    while (next < n) {
        sum += in[stride * next++];
        sum -= in[stride * first++];
        out[stride * at++] = sum / (float)n_in;
    }
    while (at < n) {
        sum -= in[stride * first++];
        n_in--;
        out[stride * at++] = sum / (float)n_in;
    }
}

/* The window that leaves two samples a blur. */
static size_t window_of(size_t side_px)
{
    return (side_px + 2 * SAMPLES - 1) / (2 * SAMPLES);
}

static void blur(float *luma, float *scratch, size_t width, size_t height)
{
    for (int pass = 0; pass < N_PASSES; pass++) {
        for (size_t y = 0; y < height; y++)
            blur_line(luma + y * width, scratch + y * width, width, 1, window_of(width));
        for (size_t x = 0; x < width; x++)
            blur_line(scratch + x, luma + x, height, width, window_of(height));
    }
}

static void sample(const float *luma, size_t width, size_t height, float samples_out[SAMPLES][SAMPLES])
{
    for (size_t i = 0; i < SAMPLES; i++) {
        const size_t y = (2 * i + 1) * height / (2 * SAMPLES);
        for (size_t j = 0; j < SAMPLES; j++)
            samples_out[i][j] = luma[y * width + (2 * j + 1) * width / (2 * SAMPLES)];
    }
}

/* Steps between neighbours, in whole percents, so that small ones count nothing. */
static unsigned measure_quality(float samples[SAMPLES][SAMPLES])
{
    unsigned sum = 0;
    for (int i = 0; i < SAMPLES; i++)
        for (int j = 0; j < SAMPLES; j++) {
            if (i + 1 < SAMPLES)
                sum += (unsigned)abs((int)((samples[i][j] - samples[i + 1][j]) * 100 / 255));
            if (j + 1 < SAMPLES)
                sum += (unsigned)abs((int)((samples[i][j] - samples[i][j + 1]) * 100 / 255));
        }
    return sum / 90 > 100 ? 100 : sum / 90;
}

static void transform(float samples[SAMPLES][SAMPLES], float out[FREQUENCIES][FREQUENCIES])
{
    float matrix[FREQUENCIES][SAMPLES];
    float rows[FREQUENCIES][SAMPLES];
    const float scale = (float)sqrt(2.0 / SAMPLES);
    for (int i = 0; i < FREQUENCIES; i++)
        for (int j = 0; j < SAMPLES; j++)
            matrix[i][j] = (float)((double)scale * cos(M_PI / 2.0 / SAMPLES * (i + 1) * (2 * j + 1)));
    for (int i = 0; i < FREQUENCIES; i++)
        for (int j = 0; j < SAMPLES; j++) {
            float sum = 0;
            for (int k = 0; k < SAMPLES; k++)
                sum += matrix[i][k] * samples[k][j];
            rows[i][j] = sum;
        }
    for (int i = 0; i < FREQUENCIES; i++)
        for (int j = 0; j < FREQUENCIES; j++) {
            float sum = 0;
            for (int k = 0; k < SAMPLES; k++)
                sum += rows[i][k] * matrix[j][k];
            out[i][j] = sum;
        }
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The lower of the two middle values is what the reference takes for the median. */
static void threshold(float values[FREQUENCIES][FREQUENCIES], uint64_t hash_out[CIR__PDQ_WORDS])
{
    float sorted[FREQUENCIES * FREQUENCIES];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, FREQUENCIES * FREQUENCIES, sizeof *sorted, compare_floats);
    const float median = sorted[FREQUENCIES * FREQUENCIES / 2 - 1];
    memset(hash_out, 0, CIR__PDQ_WORDS * sizeof *hash_out);
    for (unsigned k = 0; k < FREQUENCIES * FREQUENCIES; k++)
        if (values[k / FREQUENCIES][k % FREQUENCIES] > median)
            hash_out[k / 64] |= UINT64_C(1) << k % 64;
}

/* Mirroring a picture changes the sign of its odd frequencies, which are those at even places. */
static void turn(float values[FREQUENCIES][FREQUENCIES], int symmetry, float out[FREQUENCIES][FREQUENCIES])
{
    for (int i = 0; i < FREQUENCIES; i++)
        for (int j = 0; j < FREQUENCIES; j++) {
            const float value = symmetry & 1 ? values[j][i] : values[i][j];
            const bool is_negated =
                ((symmetry & 2) != 0 && i % 2 == 0) != ((symmetry & 4) != 0 && j % 2 == 0);
            out[i][j] = is_negated ? -value : value;
        }
}

cir_status cir__pdq_fit(const cir_image *image, cir__pdq *pdq_out, cir_error *err)
{
    const size_t width = image->width_px;
    const size_t height = image->height_px;
    *pdq_out = (cir__pdq){0};
    if (width < LEAST_SIDE_PX || height < LEAST_SIDE_PX)
        return CIR_OK;
    size_t n_px;
    float *luma = cir__size_mul(width, height, &n_px) ? cir__new_unset(n_px, sizeof *luma) : NULL;
    float *scratch = luma != NULL ? cir__new_unset(n_px, sizeof *scratch) : NULL;
    if (scratch == NULL) {
        free(luma);
        return cir__fail_memory(err, "a picture's hash");
    }
    for (size_t i = 0; i < n_px; i++) {
        const uint8_t *rgb = image->rgb + 3 * i;
        luma[i] = (float)(rgb[0] * 0.299 + rgb[1] * 0.587 + rgb[2] * 0.114);
    }
    if (width != SAMPLES || height != SAMPLES)
        blur(luma, scratch, width, height);
    float samples[SAMPLES][SAMPLES];
    float values[FREQUENCIES][FREQUENCIES];
    float turned[FREQUENCIES][FREQUENCIES];
    sample(luma, width, height, samples);
    pdq_out->quality = measure_quality(samples);
    transform(samples, values);
    for (int s = 0; s < CIR__PDQ_N_SYMMETRIES; s++) {
        turn(values, s, turned);
        threshold(turned, pdq_out->hashes[s]);
    }
    free(scratch);
    free(luma);
    return CIR_OK;
}

unsigned cir__pdq_distance(const uint64_t a[CIR__PDQ_WORDS], const uint64_t b[CIR__PDQ_WORDS])
{
    int n = 0;
    for (int i = 0; i < CIR__PDQ_WORDS; i++)
        n += __builtin_popcountll(a[i] ^ b[i]);
    return (unsigned)n;
}

void cir__pdq_format(const uint64_t hash[CIR__PDQ_WORDS], char text_out[CIR__PDQ_TEXT_SIZE])
{
    (void)snprintf(text_out, CIR__PDQ_TEXT_SIZE, "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
                   hash[3], hash[2], hash[1], hash[0]);
}
