/* The tables, and what every file of kernels shares: how its dot_rows becomes the four entries of dot
 * products, and its tile the two of products with many queries. */
#ifndef CIR_KERNELS_TABLES_H
#define CIR_KERNELS_TABLES_H

#include <stdbool.h>

#include "kernels/kernels.h"

/* Which of them exist depends on the processor family built for. */
extern const cir__kernels cir__kernels_scalar;
extern const cir__kernels cir__kernels_avx2;
extern const cir__kernels cir__kernels_avx512;
extern const cir__kernels cir__kernels_neon;

#define CIR__ALWAYS_INLINE static inline __attribute__((always_inline))

/* How far ahead of what is read memory is asked for, of codes and of rows: they follow one another, so that
 * it is the next ones'. Rows are asked for into the second-level cache: asking for them into the first holds
 * Zen 4 up (two threads, halves, two dot products: 43 % of the read bandwidth of 57 GB/s with AVX-512 and 68
 * % with AVX2; into the second 85 % and 94 %; 16 KiB ahead is no better). There, not asking at all is as fast
 * but for AVX2 with two dot products; elsewhere it was slower (87 %). Rows side by side, which load the
 * queries less often, make several streams of memory: 66 %. */
#define CIR__PREFETCH_BYTES 8192

/* Rows of a tile of products, which are in registers at a time. */
#define CIR__TILE_ROWS 4

/* Rows, and queries, that are gone through together: 64 rows of 768 floats are 192 KiB, 48 queries 144 KiB,
 * which a second-level cache of 1 MiB holds together. */
#define CIR__PRODUCT_ROWS 64
#define CIR__PRODUCT_QUERIES 48

/* Products of CIR__TILE_ROWS rows with n_queries vectors, at most as many as the file's tiles take: row k
 * with query q goes to sums[q][k]. As many bytes as the rows have are asked for from next on, in the order of
 * memory: the rows themselves are read side by side, which the processor's own look-ahead takes for several
 * streams (measured with one query: 57 % of the read bandwidth without, 88 % with it). */
typedef void cir__tile(const void *const rows[CIR__TILE_ROWS], size_t dim, const float *queries,
                       size_t n_queries, size_t query_stride, const char *next, float sums[][CIR__TILE_ROWS]);

/* All rows of a block with all queries of a block; tile_queries: the most that a tile takes. */
CIR__ALWAYS_INLINE void cir__product_block(cir__tile *tile, size_t tile_queries, const char *rows,
                                           size_t n_rows, size_t row_bytes, size_t dim, const float *queries,
                                           size_t n_queries, size_t query_stride, float *out,
                                           size_t out_stride)
{
    for (size_t r = 0; r < n_rows; r += CIR__TILE_ROWS) {
        const size_t n = n_rows - r < CIR__TILE_ROWS ? n_rows - r : CIR__TILE_ROWS;
        const void *some[CIR__TILE_ROWS];
        for (size_t k = 0; k < CIR__TILE_ROWS; k++) /* past the end, the last row again */
            some[k] = rows + (r + (k < n ? k : n - 1)) * row_bytes;
        for (size_t q = 0; q < n_queries; q += tile_queries) {
            const size_t m = n_queries - q < tile_queries ? n_queries - q : tile_queries;
            float sums[CIR__PRODUCT_QUERIES][CIR__TILE_ROWS];
            tile(some, dim, queries + q * query_stride, m, query_stride,
                 (const char *)some[0] + (q == 0 ? CIR__TILE_ROWS * row_bytes : 0), sums);
            for (size_t i = 0; i < m; i++)
                for (size_t k = 0; k < n; k++)
                    out[(q + i) * out_stride + r + k] = sums[i][k];
        }
    }
}

CIR__ALWAYS_INLINE void cir__product_rows(cir__tile *tile, size_t tile_queries, const void *rows,
                                          size_t n_rows, size_t row_bytes, size_t dim, const float *queries,
                                          size_t n_queries, size_t query_stride, float *out,
                                          size_t out_stride)
{
    for (size_t r = 0; r < n_rows; r += CIR__PRODUCT_ROWS)
        for (size_t q = 0; q < n_queries; q += CIR__PRODUCT_QUERIES)
            cir__product_block(tile, tile_queries, (const char *)rows + r * row_bytes,
                               n_rows - r < CIR__PRODUCT_ROWS ? n_rows - r : CIR__PRODUCT_ROWS, row_bytes,
                               dim, queries + q * query_stride,
                               n_queries - q < CIR__PRODUCT_QUERIES ? n_queries - q : CIR__PRODUCT_QUERIES,
                               query_stride, out + q * out_stride + r, out_stride);
}

/* Defines cir__kernels_<isa> from the file's always-inlined
 *   dot_rows(rows, is_half, n_rows, dim, stride, a, b, out_a, out_b), where b and out_b may be NULL,
 *   tile(rows, is_half, dim, queries, n_queries, query_stride, next, sums), see cir__tile,
 *
 * of which the compiler makes one function for each kind of row and number of queries, and from its
 * TILE_QUERIES, which divides CIR__PRODUCT_QUERIES, half_to_float, half_from_float, code_sums and
 * code_estimates. */
#define CIR__DEFINE_KERNELS(isa, isa_level)                                                                  \
    static void dot1_f16(const uint16_t *rows, size_t n_rows, size_t dim, size_t stride, const float *a,     \
                         float *out_a)                                                                       \
    {                                                                                                        \
        dot_rows(rows, true, n_rows, dim, stride, a, NULL, out_a, NULL);                                     \
    }                                                                                                        \
    static void dot2_f16(const uint16_t *rows, size_t n_rows, size_t dim, size_t stride, const float *a,     \
                         const float *b, float *out_a, float *out_b)                                         \
    {                                                                                                        \
        dot_rows(rows, true, n_rows, dim, stride, a, b, out_a, out_b);                                       \
    }                                                                                                        \
    static void dot1_f32(const float *rows, size_t n_rows, size_t dim, size_t stride, const float *a,        \
                         float *out_a)                                                                       \
    {                                                                                                        \
        dot_rows(rows, false, n_rows, dim, stride, a, NULL, out_a, NULL);                                    \
    }                                                                                                        \
    static void dot2_f32(const float *rows, size_t n_rows, size_t dim, size_t stride, const float *a,        \
                         const float *b, float *out_a, float *out_b)                                         \
    {                                                                                                        \
        dot_rows(rows, false, n_rows, dim, stride, a, b, out_a, out_b);                                      \
    }                                                                                                        \
    static void tile_f16(const void *const rows[CIR__TILE_ROWS], size_t dim, const float *queries,           \
                         size_t n_queries, size_t query_stride, const char *next,                            \
                         float sums[][CIR__TILE_ROWS])                                                       \
    {                                                                                                        \
        tile(rows, true, dim, queries, n_queries, query_stride, next, sums);                                 \
    }                                                                                                        \
    static void tile_f32(const void *const rows[CIR__TILE_ROWS], size_t dim, const float *queries,           \
                         size_t n_queries, size_t query_stride, const char *next,                            \
                         float sums[][CIR__TILE_ROWS])                                                       \
    {                                                                                                        \
        tile(rows, false, dim, queries, n_queries, query_stride, next, sums);                                \
    }                                                                                                        \
    static void product_f16(const uint16_t *rows, size_t n_rows, size_t dim, size_t stride,                  \
                            const float *queries, size_t n_queries, size_t query_stride, float *out,         \
                            size_t out_stride)                                                               \
    {                                                                                                        \
        cir__product_rows(tile_f16, TILE_QUERIES, rows, n_rows, stride * sizeof *rows, dim, queries,         \
                          n_queries, query_stride, out, out_stride);                                         \
    }                                                                                                        \
    static void product_f32(const float *rows, size_t n_rows, size_t dim, size_t stride,                     \
                            const float *queries, size_t n_queries, size_t query_stride, float *out,         \
                            size_t out_stride)                                                               \
    {                                                                                                        \
        cir__product_rows(tile_f32, TILE_QUERIES, rows, n_rows, stride * sizeof *rows, dim, queries,         \
                          n_queries, query_stride, out, out_stride);                                         \
    }                                                                                                        \
    const cir__kernels cir__kernels_##isa = {                                                                \
        .level = isa_level,                                                                                  \
        .name = #isa,                                                                                        \
        .dot1_f16 = dot1_f16,                                                                                \
        .dot2_f16 = dot2_f16,                                                                                \
        .dot1_f32 = dot1_f32,                                                                                \
        .dot2_f32 = dot2_f32,                                                                                \
        .product_f16 = product_f16,                                                                          \
        .columns_f64 = columns,                                                                              \
        .product_f32 = product_f32,                                                                          \
        .half_to_float = half_to_float,                                                                      \
        .half_from_float = half_from_float,                                                                  \
        .code_sums = code_sums,                                                                              \
        .code_estimates = code_estimates,                                                                    \
        .code_mask = code_mask,                                                                              \
    };

#endif
