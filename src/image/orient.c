#include "image/orient.h"

#include <string.h>

bool cir__orient_swaps(int orientation)
{
    return orientation >= 5 && orientation <= 8;
}

/* Blocks of this side keep the rows that a rotated column touches in the cache. */
#define BLOCK 32

void cir__orient_rows(const uint8_t *stored, size_t first_row, size_t n_rows, size_t width_px,
                      size_t height_px, int orientation, uint8_t *picture)
{
    bool swaps = cir__orient_swaps(orientation);
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    size_t row_bytes = (swaps ? height_px : width_px) * 3;
    size_t step_x = swaps ? row_bytes : 3;
    size_t step_y = swaps ? 3 : row_bytes;
    for (size_t y0 = 0; y0 < n_rows; y0 += BLOCK)
        for (size_t x0 = 0; x0 < width_px; x0 += BLOCK)
            for (size_t y = y0; y < n_rows && y < y0 + BLOCK; y++) {
                size_t row = first_row + y;
                uint8_t *base = picture + (from_bottom ? height_px - 1 - row : row) * step_y;
                for (size_t x = x0; x < width_px && x < x0 + BLOCK; x++)
                    memcpy(base + (from_right ? width_px - 1 - x : x) * step_x,
                           stored + (y * width_px + x) * 3, 3);
            }
}
