/* The eight EXIF orientations: where a stored pixel belongs in the picture as it is to be seen. */
#ifndef CIR_IMAGE_ORIENT_H
#define CIR_IMAGE_ORIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether width and height change places. orientation: 1–8 as in EXIF; anything else counts as 1. */
bool cir__orient_swaps(int orientation);

/* Copies stored rows to their places. stored: [n_rows, width_px, 3], the stored picture's rows from first_row
 * on; picture: [height_px, width_px, 3], or [width_px, height_px, 3] where the orientation swaps, height_px
 * being that of the whole stored picture. */
void cir__orient_rows(const uint8_t *stored, size_t first_row, size_t n_rows, size_t width_px,
                      size_t height_px, int orientation, uint8_t *picture);

#endif
