#include "image/rgb.h"

#include <assert.h>
#include <string.h>

bool cir__rgb_has_rule(const cir__layout *layout)
{
    if (layout->n_bands == 0 || layout->sample >= CIR__N_SAMPLES)
        return false;
    if (layout->is_cmyk && layout->n_bands < 4)
        return false;
    return layout->sample == CIR__SAMPLE_U8 || layout->sample == CIR__SAMPLE_U16 || layout->n_bands == 1;
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
    else if (n == 1)
        for (size_t i = 0; i < n_px; i++)
            put_grey(clip(in[i]), rgb + i * 3);
    else
        for (size_t i = 0; i < n_px; i++)
            for (size_t c = 0; c < 3; c++)
                rgb[i * 3 + c] = (uint8_t)(in[i * n + (n == 2 ? 0 : c)] >> 8);
}

static inline uint8_t clip_float(float value)
{
    /* The comparisons are so put that NaN becomes 0: C leaves its conversion undefined. */
    return !(value > 0) ? 0 : value >= 255 ? 255 : (uint8_t)value;
}

void cir__rgb_convert(const cir__layout *layout, const void *samples, size_t n_px, uint8_t *rgb)
{
    assert(cir__rgb_has_rule(layout));
    switch (layout->sample) {
    case CIR__SAMPLE_U8:
        convert_u8(layout, samples, n_px, rgb);
        break;
    case CIR__SAMPLE_U16:
        convert_u16(layout, samples, n_px, rgb);
        break;
    case CIR__SAMPLE_I16:
        for (size_t i = 0; i < n_px; i++)
            put_grey(clip(((const int16_t *)samples)[i]), rgb + i * 3);
        break;
    case CIR__SAMPLE_I32:
        for (size_t i = 0; i < n_px; i++)
            put_grey(clip(((const int32_t *)samples)[i]), rgb + i * 3);
        break;
    case CIR__SAMPLE_F32:
        for (size_t i = 0; i < n_px; i++)
            put_grey(clip_float(((const float *)samples)[i]), rgb + i * 3);
        break;
    case CIR__N_SAMPLES:
        break;
    }
}
