/* AVX2, FMA, F16C: one row at a time as one stream of memory, four registers of partial sums a vector, the
 * tail padded with zeros; products with many queries in tiles of 4 rows and 3 queries. */
#include <immintrin.h>
#include <stdbool.h>

#include "kernels/code_mask.h"
#include "kernels/codes_256.h"
#include "kernels/half.h"
#include "kernels/tables.h"

#define LANES 8
#define N_SUMS 4
#define TILE_QUERIES 3 /* 12 registers of sums, 3 of queries, 1 of a row */

CIR__ALWAYS_INLINE __m256 load(const void *row, size_t i, bool is_half)
{
    return is_half ? _mm256_cvtph_ps(_mm_loadu_si128((const void *)((const uint16_t *)row + i)))
                   : _mm256_loadu_ps((const float *)row + i);
}

CIR__ALWAYS_INLINE __m256 load_tail(const void *row, size_t i, size_t n, bool is_half)
{
    if (is_half) {
        uint16_t padded[LANES] = {0};
        memcpy(padded, (const uint16_t *)row + i, n * sizeof *padded);
        return load(padded, 0, true);
    }
    float padded[LANES] = {0};
    memcpy(padded, (const float *)row + i, n * sizeof *padded);
    return load(padded, 0, false);
}

/* Asks for the cache line CIR__PREFETCH_BYTES after item i + s·LANES, once a line. */
CIR__ALWAYS_INLINE void prefetch(const void *row, size_t i, size_t s, bool is_half)
{
    size_t item_bytes = is_half ? sizeof(uint16_t) : sizeof(float);
    if (s * LANES * item_bytes % 64 == 0)
        _mm_prefetch((const char *)row + (i + s * LANES) * item_bytes + CIR__PREFETCH_BYTES, _MM_HINT_T1);
}

CIR__ALWAYS_INLINE float sum_lanes(const __m256 *sums)
{
    __m256 sum8 = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    __m128 sum4 = _mm_add_ps(_mm256_castps256_ps128(sum8), _mm256_extractf128_ps(sum8, 1));
    __m128 sum2 = _mm_add_ps(sum4, _mm_movehl_ps(sum4, sum4));
    return _mm_cvtss_f32(_mm_add_ss(sum2, _mm_movehdup_ps(sum2)));
}

CIR__ALWAYS_INLINE void dot_rows(const void *rows, bool is_half, size_t n_rows, size_t dim, size_t stride,
                                 const float *a, const float *b, float *out_a, float *out_b)
{
    size_t row_bytes = stride * (is_half ? sizeof(uint16_t) : sizeof(float));
    size_t n_tail = dim % LANES;
    __m256 tail_a = load_tail(a, dim - n_tail, n_tail, false);
    __m256 tail_b = b != NULL ? load_tail(b, dim - n_tail, n_tail, false) : tail_a;
    for (size_t r = 0; r < n_rows; r++) {
        const void *row = (const char *)rows + r * row_bytes;
        __m256 sum_a[N_SUMS], sum_b[N_SUMS];
        for (size_t s = 0; s < N_SUMS; s++)
            sum_a[s] = sum_b[s] = _mm256_setzero_ps();
        size_t i = 0;
        for (; i + N_SUMS * LANES <= dim; i += N_SUMS * LANES)
            for (size_t s = 0; s < N_SUMS; s++) {
                prefetch(row, i, s, is_half);
                __m256 x = load(row, i + s * LANES, is_half);
                sum_a[s] = _mm256_fmadd_ps(x, _mm256_loadu_ps(a + i + s * LANES), sum_a[s]);
                if (b != NULL)
                    sum_b[s] = _mm256_fmadd_ps(x, _mm256_loadu_ps(b + i + s * LANES), sum_b[s]);
            }
        for (; i + LANES <= dim; i += LANES) {
            __m256 x = load(row, i, is_half);
            sum_a[0] = _mm256_fmadd_ps(x, _mm256_loadu_ps(a + i), sum_a[0]);
            if (b != NULL)
                sum_b[0] = _mm256_fmadd_ps(x, _mm256_loadu_ps(b + i), sum_b[0]);
        }
        if (n_tail != 0) {
            __m256 x = load_tail(row, i, n_tail, is_half);
            sum_a[1] = _mm256_fmadd_ps(x, tail_a, sum_a[1]);
            if (b != NULL)
                sum_b[1] = _mm256_fmadd_ps(x, tail_b, sum_b[1]);
        }
        out_a[r] = sum_lanes(sum_a);
        if (b != NULL)
            out_b[r] = sum_lanes(sum_b);
    }
}

/* The sums of the lanes of four registers. */
CIR__ALWAYS_INLINE __m128 sum_lanes_of_4(__m256 a, __m256 b, __m256 c, __m256 d)
{
    __m256 sum = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
}

/* n is known to the compiler. */
CIR__ALWAYS_INLINE void tile_of(const void *const *rows, bool is_half, size_t dim, const float *queries,
                                size_t n, size_t query_stride, const char *next,
                                float (*sums)[CIR__TILE_ROWS])
{
    const size_t item_bytes = is_half ? sizeof(uint16_t) : sizeof(float), n_tail = dim % LANES;
    __m256 sum[TILE_QUERIES][CIR__TILE_ROWS], query[TILE_QUERIES];
    for (size_t q = 0; q < n; q++)
        for (size_t k = 0; k < CIR__TILE_ROWS; k++)
            sum[q][k] = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES) {
        for (size_t q = 0; q < n; q++)
            query[q] = _mm256_loadu_ps(queries + q * query_stride + i);
        for (size_t k = 0; k < CIR__TILE_ROWS; k++) {
            if (k * LANES * item_bytes % 64 == 0)
                _mm_prefetch(next + (i * CIR__TILE_ROWS + k * LANES) * item_bytes, _MM_HINT_T1);
            const __m256 x = load(rows[k], i, is_half);
            for (size_t q = 0; q < n; q++)
                sum[q][k] = _mm256_fmadd_ps(x, query[q], sum[q][k]);
        }
    }
    if (n_tail != 0) {
        for (size_t q = 0; q < n; q++)
            query[q] = load_tail(queries + q * query_stride, i, n_tail, false);
        for (size_t k = 0; k < CIR__TILE_ROWS; k++) {
            const __m256 x = load_tail(rows[k], i, n_tail, is_half);
            for (size_t q = 0; q < n; q++)
                sum[q][k] = _mm256_fmadd_ps(x, query[q], sum[q][k]);
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
        _mm256_storeu_ps(out + i, load(in, i, true));
    for (; i < n; i++)
        out[i] = cir__half_to_float(in[i]);
}

static void half_from_float(const float *in, size_t n, uint16_t *out)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm_storeu_si128((void *)(out + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        out[i] = cir__half_from_float(in[i]);
}

/* Products and sums rounded one by one, as everywhere. */
static void code_estimates(const uint16_t *sums, const uint16_t *factors, const uint16_t *std_errors,
                           float base, float step, float bottom, float error_scale, float rounding,
                           float *values_out, float *errors_out)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    for (size_t r = 0; r < CIR__CODE_ROWS; r += LANES) {
        const __m256 sum =
            _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(sums + r))));
        const __m256 factor = load(factors, r, true), std_error = load(std_errors, r, true);
        const __m256 side = _mm256_add_ps(_mm256_mul_ps(_mm256_set1_ps(step), sum), _mm256_set1_ps(bottom));
        _mm256_storeu_ps(values_out + r, _mm256_add_ps(_mm256_set1_ps(base), _mm256_mul_ps(side, factor)));
        _mm256_storeu_ps(errors_out + r, _mm256_add_ps(_mm256_mul_ps(_mm256_set1_ps(error_scale), std_error),
                                                       _mm256_mul_ps(_mm256_set1_ps(rounding),
                                                                     _mm256_andnot_ps(sign, factor))));
    }
}

/* 8 registers of sums. */
#define COLUMNS_A 4
#define COLUMNS_B 8

static void columns_tile(const double *a, const double *b, size_t n_rows, double out[COLUMNS_A][COLUMNS_B])
{
    __m256d sums[COLUMNS_A][COLUMNS_B / 4];
    for (size_t i = 0; i < COLUMNS_A; i++)
        for (size_t j = 0; j < COLUMNS_B / 4; j++)
            sums[i][j] = _mm256_setzero_pd();
    for (size_t r = 0; r < n_rows; r++, a += COLUMNS_A, b += COLUMNS_B) {
        __m256d items[COLUMNS_B / 4];
        for (size_t j = 0; j < COLUMNS_B / 4; j++)
            items[j] = _mm256_loadu_pd(b + 4 * j);
        for (size_t i = 0; i < COLUMNS_A; i++)
            for (size_t j = 0; j < COLUMNS_B / 4; j++)
                sums[i][j] = _mm256_fmadd_pd(_mm256_set1_pd(a[i]), items[j], sums[i][j]);
    }
    for (size_t i = 0; i < COLUMNS_A; i++)
        for (size_t j = 0; j < COLUMNS_B / 4; j++)
            _mm256_storeu_pd(&out[i][4 * j], sums[i][j]);
}

#include "kernels/columns.h"

CIR__DEFINE_KERNELS(avx2, CIR__AVX2)
