/* AVX2, FMA, F16C: one row at a time as one stream of memory, four registers of partial sums a vector, the
 * tail padded with zeros; products with many queries in tiles of 4 rows and 3 queries. */
#include <immintrin.h>
#include <stdbool.h>

#include "kernels/half.h"
#include "kernels/tables.h"

#define LANES 8
#define N_SUMS 4
#define TILE_QUERIES 3 /* 12 registers of sums, 3 of queries, 1 of a row */
#define CODE_SIDES 4

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

/* Asks for the cache line PREFETCH_BYTES after item i + s·LANES, once a line. */
CIR__ALWAYS_INLINE void prefetch(const void *row, size_t i, size_t s, bool is_half)
{
    size_t item_bytes = is_half ? sizeof(uint16_t) : sizeof(float);
    if (s * LANES * item_bytes % 64 == 0)
        _mm_prefetch((const char *)row + (i + s * LANES) * item_bytes + CIR__PREFETCH_BYTES, _MM_HINT_T0);
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
    for (size_t i = 0; i < dim; i += LANES) {
        const bool is_whole = i + LANES <= dim;
        for (size_t q = 0; q < n; q++)
            query[q] = is_whole ? _mm256_loadu_ps(queries + q * query_stride + i)
                                : load_tail(queries + q * query_stride, i, n_tail, false);
        for (size_t k = 0; k < CIR__TILE_ROWS; k++) {
            if (k * LANES * item_bytes % 64 == 0)
                _mm_prefetch(next + (i * CIR__TILE_ROWS + k * LANES) * item_bytes, _MM_HINT_T0);
            __m256 x = is_whole ? load(rows[k], i, is_half) : load_tail(rows[k], i, n_tail, is_half);
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

CIR__ALWAYS_INLINE __m256i look_up(const uint8_t *table, __m256i indices)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table)), indices);
}

/* Adds to bytes [n] the entries that half a line's groups choose, two of each side; has_high: or only one. */
CIR__ALWAYS_INLINE void add_line(const uint8_t *line, const uint8_t *tables, size_t n, size_t n_sides,
                                 bool has_high, __m256i *bytes)
{
    const __m256i low_bits = _mm256_set1_epi8(15), both = _mm256_loadu_si256((const void *)line);
    const __m256i low = _mm256_and_si256(both, low_bits);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), low_bits);
    for (size_t s = 0; s < n; s++) {
        bytes[s] = _mm256_add_epi8(bytes[s], look_up(tables + s * 16, low));
        if (has_high)
            bytes[s] = _mm256_add_epi8(bytes[s], look_up(tables + (n_sides + s) * 16, high));
    }
}

/* n is known to the compiler; half a line at a time. The entries of two lines are added in bytes, as four of
 * them fit; odd rows, the high bytes of pairs, are then summed once more by themselves, to be taken from the
 * pairs' sums. */
CIR__ALWAYS_INLINE void code_sums_of(const uint8_t *lines, size_t n_groups, const uint8_t *tables, size_t n,
                                     size_t n_sides, uint16_t *sums_out)
{
    const size_t group_bytes = n_sides * 16;
    for (size_t r = 0; r < CIR__CODE_ROWS; r += sizeof(__m256i)) {
        __m256i pairs[CODE_SIDES], odd[CODE_SIDES];
        for (size_t s = 0; s < n; s++)
            pairs[s] = odd[s] = _mm256_setzero_si256();
        for (size_t g = 0; g < n_groups; g += 4) {
            const uint8_t *const line = lines + g / 2 * CIR__CODE_ROWS + r, *const table =
                                                                                tables + g * group_bytes;
            __m256i bytes[CODE_SIDES];
            for (size_t s = 0; s < n; s++)
                bytes[s] = _mm256_setzero_si256();
            _mm_prefetch((const char *)line + r * 2 + CIR__PREFETCH_BYTES, _MM_HINT_T0);
            if (g + 4 <= n_groups) {
                add_line(line, table, n, n_sides, true, bytes);
                add_line(line + CIR__CODE_ROWS, table + 2 * group_bytes, n, n_sides, true, bytes);
            } else {
                add_line(line, table, n, n_sides, g + 1 < n_groups, bytes);
                if (g + 2 < n_groups)
                    add_line(line + CIR__CODE_ROWS, table + 2 * group_bytes, n, n_sides, false, bytes);
            }
            for (size_t s = 0; s < n; s++) {
                pairs[s] = _mm256_add_epi16(pairs[s], bytes[s]);
                odd[s] = _mm256_add_epi16(odd[s], _mm256_srli_epi16(bytes[s], 8));
            }
        }
        /* Every lane of 128 bits has 16 rows, of which unpacking gives 8 and 8. */
        for (size_t s = 0; s < n; s++) {
            const __m256i even = _mm256_sub_epi16(pairs[s], _mm256_slli_epi16(odd[s], 8));
            const __m256i low = _mm256_unpacklo_epi16(even, odd[s]),
                          high = _mm256_unpackhi_epi16(even, odd[s]);
            uint16_t *const out = sums_out + s * CIR__CODE_ROWS + r;
            _mm256_storeu_si256((void *)out, _mm256_permute2x128_si256(low, high, 0x20));
            _mm256_storeu_si256((void *)(out + 16), _mm256_permute2x128_si256(low, high, 0x31));
        }
    }
}

static void code_sums(const uint8_t *lines, size_t n_groups, const uint8_t *tables, size_t n_sides,
                      uint16_t *sums_out)
{
    for (size_t s = 0; s < n_sides; s += CODE_SIDES) {
        const uint8_t *const some = tables + s * 16;
        uint16_t *const sums = sums_out + s * CIR__CODE_ROWS;
        switch (n_sides - s) {
        case 1:
            code_sums_of(lines, n_groups, some, 1, n_sides, sums);
            break;
        case 2:
            code_sums_of(lines, n_groups, some, 2, n_sides, sums);
            break;
        case 3:
            code_sums_of(lines, n_groups, some, 3, n_sides, sums);
            break;
        default:
            code_sums_of(lines, n_groups, some, CODE_SIDES, n_sides, sums);
        }
    }
}

/* Products and sums rounded one by one, as everywhere. */
static void code_estimates(const uint16_t *sums, const uint16_t *factors, const uint16_t *spreads, float base,
                           float step, float bottom, float reach, float slack, float *values_out,
                           float *reaches_out)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    for (size_t r = 0; r < CIR__CODE_ROWS; r += LANES) {
        const __m256 sum =
            _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(sums + r))));
        const __m256 factor = load(factors, r, true), spread = load(spreads, r, true);
        const __m256 side = _mm256_add_ps(_mm256_mul_ps(_mm256_set1_ps(step), sum), _mm256_set1_ps(bottom));
        _mm256_storeu_ps(values_out + r, _mm256_add_ps(_mm256_set1_ps(base), _mm256_mul_ps(side, factor)));
        _mm256_storeu_ps(reaches_out + r,
                         _mm256_add_ps(_mm256_mul_ps(_mm256_set1_ps(reach), spread),
                                       _mm256_mul_ps(_mm256_set1_ps(slack), _mm256_andnot_ps(sign, factor))));
    }
}

CIR__DEFINE_KERNELS(avx2, CIR__AVX2)
