/* A GIF's first frame: where it lies, and the colour that Pillow shows where libvips shows nothing.
 *
 * libvips makes transparent pixels black; Pillow's convert("RGB") shows the colour that the palette holds for
 * the transparent index. Outside of the frame Pillow shows the transparent index' colour, or index 0's. And
 * libvips distrusts some canvas sizes (640 × 480, anything beyond 2048) and takes the frames' common extent
 * instead. */
#ifndef CIR_IMAGE_GIF_H
#define CIR_IMAGE_GIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cir__gif_frame {
    size_t canvas_width_px, canvas_height_px; /* large enough for the frame */
    size_t left_px, top_px, width_px, height_px;
    uint8_t hidden_rgb[3];
    bool is_grey; /* its colours are the numbers themselves, or there are none */
} cir__gif_frame;

/* Finds the first frame; false where the bytes end before it or are no GIF. */
bool cir__gif_find_frame(const uint8_t *bytes, size_t size, cir__gif_frame *frame_out);

/* A frame that fills a canvas of that size: what libvips gives where no frame is found. */
void cir__gif_frame_init(cir__gif_frame *frame, size_t width_px, size_t height_px);

/* Puts Pillow's colour where row `row` of the canvas shows nothing: where the decoded samples (n_bands a
 * pixel, 4 having alpha) are transparent, and outside of the frame. samples may be shorter than the canvas,
 * and NULL, where that is outside of the frame. rgb: [canvas_width_px, 3]. */
void cir__gif_patch_row(const cir__gif_frame *frame, const uint8_t *samples, size_t n_bands, size_t row,
                        uint8_t *rgb);

#endif
