/* Sums over rows of products of columns, in double: rows are gone through in chunks, whose columns are packed in strips
 * as wide as a tile, so that a tile's sums stay in registers while a chunk goes by, one piece of memory after another.
 * The file that includes this has columns_tile first, and how large its tiles are. */
#ifndef CIR_KERNELS_COLUMNS_H
#define CIR_KERNELS_COLUMNS_H

#include <stddef.h>
#include <string.h>

#include "kernels/kernels.h"

#define COLUMNS_CHUNK 128 /* rows: a chunk of both sides takes 256 KiB, which a second-level cache holds */

_Static_assert(CIR__COLUMNS_MAX % COLUMNS_A == 0 && CIR__COLUMNS_MAX % COLUMNS_B == 0,
               "strips fill the scratch");
_Static_assert(CIR__COLUMNS_SCRATCH == 2 * CIR__COLUMNS_MAX * COLUMNS_CHUNK, "the scratch holds both sides");

/* Strips of width columns, each [n_rows, width], zeros beyond the last column. */
static void columns_pack(const double *from, size_t n_rows, size_t stride, size_t n, size_t width,
                         double *out)
{
    for (size_t first = 0; first < n; first += width, out += n_rows * width) {
        const size_t left = n - first < width ? n - first : width;
        for (size_t r = 0; r < n_rows; r++)
            for (size_t k = 0; k < width; k++)
                out[r * width + k] = k < left ? from[r * stride + first + k] : 0;
    }
}

static void columns(const double *a, const double *b, size_t n_rows, size_t stride, size_t n_a, size_t n_b,
                    double scale, double *scratch, double *out, size_t out_stride)
{
    double *const packed_a = scratch, *const packed_b = scratch + CIR__COLUMNS_MAX * COLUMNS_CHUNK;
    for (size_t i = 0; i < n_a; i++)
        memset(out + i * out_stride, 0, n_b * sizeof *out);
    for (size_t first = 0; first < n_rows; first += COLUMNS_CHUNK) {
        const size_t n = n_rows - first < COLUMNS_CHUNK ? n_rows - first : COLUMNS_CHUNK;
        columns_pack(a + first * stride, n, stride, n_a, COLUMNS_A, packed_a);
        columns_pack(b + first * stride, n, stride, n_b, COLUMNS_B, packed_b);
        for (size_t j = 0; j < n_b; j += COLUMNS_B)
            for (size_t i = 0; i < n_a; i += COLUMNS_A) {
                double tile[COLUMNS_A][COLUMNS_B];
                columns_tile(packed_a + i * n, packed_b + j * n, n, tile);
                for (size_t p = 0; p < COLUMNS_A && i + p < n_a; p++)
                    for (size_t q = 0; q < COLUMNS_B && j + q < n_b; q++)
                        out[(i + p) * out_stride + j + q] += tile[p][q];
            }
    }
    for (size_t i = 0; i < n_a; i++)
        for (size_t j = 0; j < n_b; j++)
            out[i * out_stride + j] *= scale;
}

#endif
