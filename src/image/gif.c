#include "image/gif.h"

#include <string.h>

static size_t read_le16(const uint8_t *bytes)
{
    return (size_t)bytes[1] << 8 | bytes[0];
}

/* The offset after a chain of sub-blocks that starts at `at`; size where it does not end. */
static size_t skip_sub_blocks(const uint8_t *bytes, size_t size, size_t at)
{
    while (at < size && bytes[at] != 0)
        at += 1 + (size_t)bytes[at];
    return at < size ? at + 1 : size;
}

/* The size of a colour table announced in a packed field; 0 where it announces none. */
static size_t table_bytes(uint8_t packed)
{
    return packed & 0x80 ? (size_t)3 << ((packed & 7) + 1) : 0;
}

/* Steps over what precedes the first frame: its offset, size where there is none. *hidden gets the index of
 * the transparent colour, where one is named. */
static size_t find_image(const uint8_t *bytes, size_t size, size_t at, size_t *hidden)
{
    while (at < size && bytes[at] != 0x2c && bytes[at] != 0x3b) {
        if (bytes[at] != 0x21) { /* neither frame, end nor extension: Pillow steps over it */
            at++;
            continue;
        }
        bool is_control = size - at >= 8 && bytes[at + 1] == 0xf9 && bytes[at + 2] >= 4;
        if (is_control && bytes[at + 3] & 1)
            *hidden = bytes[at + 6];
        at = size - at >= 2 ? skip_sub_blocks(bytes, size, at + 2) : size;
    }
    return at < size && bytes[at] == 0x2c ? at : size;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

bool cir__gif_find_frame(const uint8_t *bytes, size_t size, cir__gif_frame *frame_out)
{
    *frame_out = (cir__gif_frame){0};
    if (size < 13)
        return false;
    const uint8_t *table = bytes + 13;
    size_t n_table = table_bytes(bytes[10]);
    size_t hidden = 0;
    size_t at = find_image(bytes, size, 13 + n_table, &hidden);
    if (at >= size || size - at < 10)
        return false;
    cir__gif_frame frame = {.left_px = read_le16(bytes + at + 1),
                            .top_px = read_le16(bytes + at + 3),
                            .width_px = read_le16(bytes + at + 5),
                            .height_px = read_le16(bytes + at + 7)};
    frame.canvas_width_px = larger(read_le16(bytes + 6), frame.left_px + frame.width_px);
    frame.canvas_height_px = larger(read_le16(bytes + 8), frame.top_px + frame.height_px);
    if (table_bytes(bytes[at + 9]) != 0) { /* the frame has a table of its own */
        table = bytes + at + 10;
        n_table = table_bytes(bytes[at + 9]);
    }
    if (n_table > size - (size_t)(table - bytes) || frame.width_px == 0 || frame.height_px == 0)
        return false;
    /* Without a table, or beyond its end, Pillow's palette is a ramp of greys. */
    if (hidden * 3 + 3 <= n_table)
        memcpy(frame.hidden_rgb, table + hidden * 3, 3);
    else
        memset(frame.hidden_rgb, (int)hidden, 3);
    frame.is_grey = true;
    for (size_t i = 0; i < n_table && frame.is_grey; i++)
        frame.is_grey = table[i] == i / 3;
    *frame_out = frame;
    return true;
}

void cir__gif_frame_init(cir__gif_frame *frame, size_t width_px, size_t height_px)
{
    *frame = (cir__gif_frame){.canvas_width_px = width_px,
                              .canvas_height_px = height_px,
                              .width_px = width_px,
                              .height_px = height_px};
}

void cir__gif_patch_row(const cir__gif_frame *frame, const uint8_t *samples, size_t n_bands, size_t row,
                        uint8_t *rgb)
{
    bool is_row_inside = row >= frame->top_px && row - frame->top_px < frame->height_px;
    for (size_t x = 0; x < frame->canvas_width_px; x++) {
        bool is_inside = is_row_inside && x >= frame->left_px && x - frame->left_px < frame->width_px;
        if (!is_inside || (n_bands == 4 && samples[x * 4 + 3] == 0))
            memcpy(rgb + x * 3, frame->hidden_rgb, 3);
    }
}
