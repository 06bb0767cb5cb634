#include "image/rgb.h"

#include <assert.h>
#include <float.h>
#include <string.h>

bool cir__rgb_has_rule(const cir__layout *layout, bool follow_pillow)
{
    if (layout->n_bands == 0 || layout->sample >= CIR__N_SAMPLES)
        return false;
    if (layout->is_cmyk && layout->n_bands < 4)
        return false;
    if (layout->sample == CIR__SAMPLE_U8 || layout->sample == CIR__SAMPLE_U16)
        return true;
    return follow_pillow ? layout->n_bands == 1 : !layout->is_cmyk;
}

bool cir__rgb_needs_largest(cir__sample sample)
{
    return sample != CIR__SAMPLE_U8 && sample != CIR__SAMPLE_U16;
}

static inline double read_sample(cir__sample sample, const void *samples, size_t i)
{
    switch (sample) {
    case CIR__SAMPLE_U8:
        return ((const uint8_t *)samples)[i];
    case CIR__SAMPLE_U16:
        return ((const uint16_t *)samples)[i];
    case CIR__SAMPLE_I16:
        return ((const int16_t *)samples)[i];
    case CIR__SAMPLE_U32:
        return ((const uint32_t *)samples)[i];
    case CIR__SAMPLE_I32:
        return ((const int32_t *)samples)[i];
    case CIR__SAMPLE_F32:
        return (double)((const float *)samples)[i];
    case CIR__N_SAMPLES:
        break;
    }
    return 0;
}

double cir__rgb_find_largest(cir__sample sample, const void *samples, size_t n, double largest)
{
    for (size_t i = 0; i < n; i++) {
        double value = read_sample(sample, samples, i);
        if (value > largest && value <= (double)FLT_MAX)
            largest = value;
    }
    return largest;
}

double cir__rgb_find_gain(cir__sample sample, double largest)
{
    const double high_byte = 1.0 / 256; /* as Pillow makes 16-bit colour 8-bit */
    if (sample == CIR__SAMPLE_U8)
        return 1;
    if (sample == CIR__SAMPLE_U16)
        return high_byte;
    if (sample == CIR__SAMPLE_F32 && largest <= 2)
        return 255;
    if (largest <= 255)
        return 1;
    if (sample == CIR__SAMPLE_I16)
        return 2 * high_byte;
    return largest <= 65535 ? high_byte : 255 / largest;
}

static inline uint8_t clip(int64_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* a·b/255, rounded, for a and b in 0–255. */
static inline int multiply(int a, int b)
{
    int product = a * b + 128;
    return (product + (product >> 8)) >> 8;
}

static inline void put_ink(int c, int m, int y, int k, uint8_t *rgb)
{
    int light = 255 - k;
    rgb[0] = clip(light - multiply(c, light));
    rgb[1] = clip(light - multiply(m, light));
    rgb[2] = clip(light - multiply(y, light));
}

static inline void put_grey(uint8_t grey, uint8_t *rgb)
{
    rgb[0] = rgb[1] = rgb[2] = grey;
}

static void convert_u8(const cir__layout *layout, const uint8_t *in, size_t n_px, uint8_t *rgb)
{
    size_t n = layout->n_bands;
    if (layout->is_cmyk)
        for (size_t i = 0; i < n_px; i++)
            put_ink(in[i * n], in[i * n + 1], in[i * n + 2], in[i * n + 3], rgb + i * 3);
    else if (n == 3)
        memcpy(rgb, in, n_px * 3);
    else if (n < 3)
        for (size_t i = 0; i < n_px; i++)
            put_grey(in[i * n], rgb + i * 3);
    else
        for (size_t i = 0; i < n_px; i++)
            memcpy(rgb + i * 3, in + i * n, 3);
}

static void convert_u16(const cir__layout *layout, const uint16_t *in, size_t n_px, uint8_t *rgb)
{
    size_t n = layout->n_bands;
    if (layout->is_cmyk)
        for (size_t i = 0; i < n_px; i++)
            put_ink(in[i * n] >> 8, in[i * n + 1] >> 8, in[i * n + 2] >> 8, in[i * n + 3] >> 8, rgb + i * 3);
    else
        for (size_t i = 0; i < n_px; i++)
            for (size_t c = 0; c < 3; c++)
                rgb[i * 3 + c] = (uint8_t)(in[i * n + (n == 2 ? 0 : c)] >> 8);
}

static inline uint8_t clip_scaled(double value)
{
    /* The comparisons are so put that NaN becomes 0: C leaves its conversion undefined. */
    return !(value > 0) ? 0 : value >= 255 ? 255 : (uint8_t)value;
}

/* The kinds that have a gain: grey, and colour where there are three bands or more. */
static void convert_scaled(const cir__layout *layout, const void *samples, size_t n_px, uint8_t *rgb)
{
    const size_t n = layout->n_bands;
    for (size_t i = 0; i < n_px; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[i * 3 + c] =
                clip_scaled(read_sample(layout->sample, samples, i * n + (n < 3 ? 0 : c)) * layout->gain);
}

void cir__rgb_convert(const cir__layout *layout, const void *samples, size_t n_px, uint8_t *rgb)
{
    assert(cir__rgb_has_rule(layout, false) && layout->gain > 0);
    if (layout->sample == CIR__SAMPLE_U8)
        convert_u8(layout, samples, n_px, rgb);
    else if (layout->sample == CIR__SAMPLE_U16 && (layout->n_bands > 1 || layout->is_cmyk))
        convert_u16(layout, samples, n_px, rgb);
    else
        convert_scaled(layout, samples, n_px, rgb);
}
