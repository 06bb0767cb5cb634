/* AVX-512 F, BW, DQ, VL: one row at a time as one stream of memory, four registers of partial sums a vector,
 * the tail by masks; products with many queries in tiles of 4 rows and 6 queries. */
#include <immintrin.h>
#include <stdbool.h>

#include "kernels/code_mask.h"
#include "kernels/codes_256.h"
#include "kernels/tables.h"

#define LANES 16
#define N_SUMS 4
#define TILE_QUERIES 6 /* 24 registers of sums, 4 of rows, 1 of a query */

CIR__ALWAYS_INLINE __m512 load(const void *row, size_t i, bool is_half)
{
    return is_half ? _mm512_cvtph_ps(_mm256_loadu_si256((const void *)((const uint16_t *)row + i)))
                   : _mm512_loadu_ps((const float *)row + i);
}

CIR__ALWAYS_INLINE __m512 load_tail(const void *row, size_t i, __mmask16 mask, bool is_half)
{
    return is_half ? _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, (const uint16_t *)row + i))
                   : _mm512_maskz_loadu_ps(mask, (const float *)row + i);
}

/* Asks for the cache line CIR__PREFETCH_BYTES after item i + s·LANES, once a line. */
CIR__ALWAYS_INLINE void prefetch(const void *row, size_t i, size_t s, bool is_half)
{
    size_t item_bytes = is_half ? sizeof(uint16_t) : sizeof(float);
    if (s * LANES * item_bytes % 64 == 0)
        _mm_prefetch((const char *)row + (i + s * LANES) * item_bytes + CIR__PREFETCH_BYTES, _MM_HINT_T1);
}

CIR__ALWAYS_INLINE float sum_lanes(const __m512 *sums)
{
    return _mm512_reduce_add_ps(
        _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

CIR__ALWAYS_INLINE void dot_rows(const void *rows, bool is_half, size_t n_rows, size_t dim, size_t stride,
                                 const float *a, const float *b, float *out_a, float *out_b)
{
    size_t row_bytes = stride * (is_half ? sizeof(uint16_t) : sizeof(float));
    __mmask16 mask = (__mmask16)((1u << dim % LANES) - 1);
    for (size_t r = 0; r < n_rows; r++) {
        const void *row = (const char *)rows + r * row_bytes;
        __m512 sum_a[N_SUMS], sum_b[N_SUMS];
        for (size_t s = 0; s < N_SUMS; s++)
            sum_a[s] = sum_b[s] = _mm512_setzero_ps();
        size_t i = 0;
        for (; i + N_SUMS * LANES <= dim; i += N_SUMS * LANES)
            for (size_t s = 0; s < N_SUMS; s++) {
                prefetch(row, i, s, is_half);
                __m512 x = load(row, i + s * LANES, is_half);
                sum_a[s] = _mm512_fmadd_ps(x, _mm512_loadu_ps(a + i + s * LANES), sum_a[s]);
                if (b != NULL)
                    sum_b[s] = _mm512_fmadd_ps(x, _mm512_loadu_ps(b + i + s * LANES), sum_b[s]);
            }
        for (; i + LANES <= dim; i += LANES) {
            __m512 x = load(row, i, is_half);
            sum_a[0] = _mm512_fmadd_ps(x, _mm512_loadu_ps(a + i), sum_a[0]);
            if (b != NULL)
                sum_b[0] = _mm512_fmadd_ps(x, _mm512_loadu_ps(b + i), sum_b[0]);
        }
        if (mask != 0) {
            __m512 x = load_tail(row, i, mask, is_half);
            sum_a[1] = _mm512_fmadd_ps(x, _mm512_maskz_loadu_ps(mask, a + i), sum_a[1]);
            if (b != NULL)
                sum_b[1] = _mm512_fmadd_ps(x, _mm512_maskz_loadu_ps(mask, b + i), sum_b[1]);
        }
        out_a[r] = sum_lanes(sum_a);
        if (b != NULL)
            out_b[r] = sum_lanes(sum_b);
    }
}

/* The sums of the lanes of four registers. */
CIR__ALWAYS_INLINE __m128 sum_lanes_of_4(__m512 a, __m512 b, __m512 c, __m512 d)
{
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512 sum = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, _MM_SHUFFLE(1, 0, 1, 0)),
                               _mm512_shuffle_ps(ab, cd, _MM_SHUFFLE(3, 2, 3, 2)));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(sum), _mm512_extractf32x8_ps(sum, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

/* n is known to the compiler: 4·n registers of sums, 4 of rows. */
CIR__ALWAYS_INLINE void tile_of(const void *const *rows, bool is_half, size_t dim, const float *queries,
                                size_t n, size_t query_stride, const char *next,
                                float (*sums)[CIR__TILE_ROWS])
{
    const size_t item_bytes = is_half ? sizeof(uint16_t) : sizeof(float);
    __mmask16 mask = (__mmask16)((1u << dim % LANES) - 1);
    __m512 sum[TILE_QUERIES][CIR__TILE_ROWS], x[CIR__TILE_ROWS];
    for (size_t q = 0; q < n; q++)
        for (size_t k = 0; k < CIR__TILE_ROWS; k++)
            sum[q][k] = _mm512_setzero_ps();
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES) {
        for (size_t k = 0; k < CIR__TILE_ROWS; k++) {
            if (k * LANES * item_bytes % 64 == 0) /* as many bytes as are read, in the order of memory */
                _mm_prefetch(next + (i * CIR__TILE_ROWS + k * LANES) * item_bytes, _MM_HINT_T1);
            x[k] = load(rows[k], i, is_half);
        }
        for (size_t q = 0; q < n; q++) {
            __m512 query = _mm512_loadu_ps(queries + q * query_stride + i);
            for (size_t k = 0; k < CIR__TILE_ROWS; k++)
                sum[q][k] = _mm512_fmadd_ps(x[k], query, sum[q][k]);
        }
    }
    if (mask != 0) {
        for (size_t k = 0; k < CIR__TILE_ROWS; k++)
            x[k] = load_tail(rows[k], i, mask, is_half);
        for (size_t q = 0; q < n; q++) {
            __m512 query = _mm512_maskz_loadu_ps(mask, queries + q * query_stride + i);
            for (size_t k = 0; k < CIR__TILE_ROWS; k++)
                sum[q][k] = _mm512_fmadd_ps(x[k], query, sum[q][k]);
        }
    }
    for (size_t q = 0; q < n; q++)
        _mm_storeu_ps(sums[q], sum_lanes_of_4(sum[q][0], sum[q][1], sum[q][2], sum[q][3]));
}

CIR__ALWAYS_INLINE void tile(const void *const *rows, bool is_half, size_t dim, const float *queries,
                             size_t n_queries, size_t query_stride, const char *next,
                             float (*sums)[CIR__TILE_ROWS])
{
    switch (n_queries) {
    case 6:
        tile_of(rows, is_half, dim, queries, 6, query_stride, next, sums);
        break;
    case 5:
        tile_of(rows, is_half, dim, queries, 5, query_stride, next, sums);
        break;
    case 4:
        tile_of(rows, is_half, dim, queries, 4, query_stride, next, sums);
        break;
    case 3:
        tile_of(rows, is_half, dim, queries, 3, query_stride, next, sums);
        break;
    case 2:
        tile_of(rows, is_half, dim, queries, 2, query_stride, next, sums);
        break;
    default:
        tile_of(rows, is_half, dim, queries, 1, query_stride, next, sums);
    }
}

static void half_to_float(const uint16_t *in, size_t n, float *out)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm512_storeu_ps(out + i, load(in, i, true));
    __mmask16 mask = (__mmask16)((1u << (n - i)) - 1);
    _mm512_mask_storeu_ps(out + i, mask, load_tail(in, i, mask, true));
}

static void half_from_float(const float *in, size_t n, uint16_t *out)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_si256((void *)(out + i),
                            _mm512_cvtps_ph(_mm512_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
    __mmask16 mask = (__mmask16)((1u << (n - i)) - 1);
    __m256i tail = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(mask, in + i), _MM_FROUND_TO_NEAREST_INT);
    _mm256_mask_storeu_epi16(out + i, mask, tail);
}

/* Products and sums rounded one by one, as everywhere. */
static void code_estimates(const uint16_t *sums, const uint16_t *factors, const uint16_t *std_errors,
                           float base, float step, float bottom, float error_scale, float rounding,
                           float *values_out, float *errors_out)
{
    for (size_t r = 0; r < CIR__CODE_ROWS; r += LANES) {
        const __m512 sum =
            _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(sums + r))));
        const __m512 factor = load(factors, r, true), std_error = load(std_errors, r, true);
        const __m512 side = _mm512_add_ps(_mm512_mul_ps(_mm512_set1_ps(step), sum), _mm512_set1_ps(bottom));
        _mm512_storeu_ps(values_out + r, _mm512_add_ps(_mm512_set1_ps(base), _mm512_mul_ps(side, factor)));
        _mm512_storeu_ps(errors_out + r,
                         _mm512_add_ps(_mm512_mul_ps(_mm512_set1_ps(error_scale), std_error),
                                       _mm512_mul_ps(_mm512_set1_ps(rounding), _mm512_abs_ps(factor))));
    }
}

/* 16 registers of sums. */
#define COLUMNS_A 8
#define COLUMNS_B 16

static void columns_tile(const double *a, const double *b, size_t n_rows, double out[COLUMNS_A][COLUMNS_B])
{
    __m512d sums[COLUMNS_A][COLUMNS_B / 8];
    for (size_t i = 0; i < COLUMNS_A; i++)
        for (size_t j = 0; j < COLUMNS_B / 8; j++)
            sums[i][j] = _mm512_setzero_pd();
    for (size_t r = 0; r < n_rows; r++, a += COLUMNS_A, b += COLUMNS_B) {
        __m512d items[COLUMNS_B / 8];
        for (size_t j = 0; j < COLUMNS_B / 8; j++)
            items[j] = _mm512_loadu_pd(b + 8 * j);
        for (size_t i = 0; i < COLUMNS_A; i++)
            for (size_t j = 0; j < COLUMNS_B / 8; j++)
                sums[i][j] = _mm512_fmadd_pd(_mm512_set1_pd(a[i]), items[j], sums[i][j]);
    }
    for (size_t i = 0; i < COLUMNS_A; i++)
        for (size_t j = 0; j < COLUMNS_B / 8; j++)
            _mm512_storeu_pd(&out[i][8 * j], sums[i][j]);
}

#include "kernels/columns.h"

CIR__DEFINE_KERNELS(avx512, CIR__AVX512)
