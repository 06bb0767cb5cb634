/* NEON of aarch64 (its baseline converts halves): one row at a time, four registers of partial sums a vector,
 * the tail padded with zeros; products with many queries in tiles of 4 rows and 4 queries. */
#include <arm_neon.h>
#include <stdbool.h>

#include "kernels/code_mask.h"
#include "kernels/columns_plain.h"
#include "kernels/half.h"
#include "kernels/tables.h"

#define LANES 4
#define N_SUMS 4
#define TILE_QUERIES 4 /* 16 registers of sums, 4 of queries, 1 of a row */
#define CODE_SIDES 4

CIR__ALWAYS_INLINE float32x4_t load(const void *row, size_t i, bool is_half)
{
    return is_half ? vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)row + i)))
                   : vld1q_f32((const float *)row + i);
}

CIR__ALWAYS_INLINE float32x4_t load_tail(const void *row, size_t i, size_t n, bool is_half)
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

CIR__ALWAYS_INLINE float sum_lanes(const float32x4_t *sums)
{
    return vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3])));
}

CIR__ALWAYS_INLINE void dot_rows(const void *rows, bool is_half, size_t n_rows, size_t dim, size_t stride,
                                 const float *a, const float *b, float *out_a, float *out_b)
{
    size_t row_bytes = stride * (is_half ? sizeof(uint16_t) : sizeof(float));
    size_t n_tail = dim % LANES;
    float32x4_t tail_a = load_tail(a, dim - n_tail, n_tail, false);
    float32x4_t tail_b = b != NULL ? load_tail(b, dim - n_tail, n_tail, false) : tail_a;
    for (size_t r = 0; r < n_rows; r++) {
        const void *row = (const char *)rows + r * row_bytes;
        float32x4_t sum_a[N_SUMS], sum_b[N_SUMS];
        for (size_t s = 0; s < N_SUMS; s++)
            sum_a[s] = sum_b[s] = vdupq_n_f32(0);
        size_t i = 0;
        for (; i + N_SUMS * LANES <= dim; i += N_SUMS * LANES)
            for (size_t s = 0; s < N_SUMS; s++) {
                float32x4_t x = load(row, i + s * LANES, is_half);
                sum_a[s] = vfmaq_f32(sum_a[s], x, vld1q_f32(a + i + s * LANES));
                if (b != NULL)
                    sum_b[s] = vfmaq_f32(sum_b[s], x, vld1q_f32(b + i + s * LANES));
            }
        for (; i + LANES <= dim; i += LANES) {
            float32x4_t x = load(row, i, is_half);
            sum_a[0] = vfmaq_f32(sum_a[0], x, vld1q_f32(a + i));
            if (b != NULL)
                sum_b[0] = vfmaq_f32(sum_b[0], x, vld1q_f32(b + i));
        }
        if (n_tail != 0) {
            float32x4_t x = load_tail(row, i, n_tail, is_half);
            sum_a[1] = vfmaq_f32(sum_a[1], x, tail_a);
            if (b != NULL)
                sum_b[1] = vfmaq_f32(sum_b[1], x, tail_b);
        }
        out_a[r] = sum_lanes(sum_a);
        if (b != NULL)
            out_b[r] = sum_lanes(sum_b);
    }
}

/* n is known to the compiler. */
CIR__ALWAYS_INLINE void tile_of(const void *const *rows, bool is_half, size_t dim, const float *queries,
                                size_t n, size_t query_stride, float (*sums)[CIR__TILE_ROWS])
{
    const size_t n_tail = dim % LANES;
    float32x4_t sum[TILE_QUERIES][CIR__TILE_ROWS], query[TILE_QUERIES];
    for (size_t q = 0; q < n; q++)
        for (size_t k = 0; k < CIR__TILE_ROWS; k++)
            sum[q][k] = vdupq_n_f32(0);
    for (size_t i = 0; i < dim; i += LANES) {
        const bool is_whole = i + LANES <= dim;
        for (size_t q = 0; q < n; q++)
            query[q] = is_whole ? vld1q_f32(queries + q * query_stride + i)
                                : load_tail(queries + q * query_stride, i, n_tail, false);
        for (size_t k = 0; k < CIR__TILE_ROWS; k++) {
            float32x4_t x = is_whole ? load(rows[k], i, is_half) : load_tail(rows[k], i, n_tail, is_half);
            for (size_t q = 0; q < n; q++)
                sum[q][k] = vfmaq_f32(sum[q][k], x, query[q]);
        }
    }
    for (size_t q = 0; q < n; q++)
        for (size_t k = 0; k < CIR__TILE_ROWS; k++)
            sums[q][k] = vaddvq_f32(sum[q][k]);
}

CIR__ALWAYS_INLINE void tile(const void *const *rows, bool is_half, size_t dim, const float *queries,
                             size_t n_queries, size_t query_stride, const char *next,
                             float (*sums)[CIR__TILE_ROWS])
{
    (void)next;
    switch (n_queries) {
    case 4:
        tile_of(rows, is_half, dim, queries, 4, query_stride, sums);
        break;
    case 3:
        tile_of(rows, is_half, dim, queries, 3, query_stride, sums);
        break;
    case 2:
        tile_of(rows, is_half, dim, queries, 2, query_stride, sums);
        break;
    default:
        tile_of(rows, is_half, dim, queries, 1, query_stride, sums);
    }
}

static void half_to_float(const uint16_t *in, size_t n, float *out)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vst1q_f32(out + i, load(in, i, true));
    for (; i < n; i++)
        out[i] = cir__half_to_float(in[i]);
}

static void half_from_float(const float *in, size_t n, uint16_t *out)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(in + i))));
    for (; i < n; i++)
        out[i] = cir__half_from_float(in[i]);
}

/* Adds to bytes [n] the entries that a quarter of a line's groups choose, two of each side; has_high: or only
 * one. */
CIR__ALWAYS_INLINE void add_line(const uint8_t *line, const uint8_t *tables, size_t n, size_t n_sides,
                                 bool has_high, uint8x16_t *bytes)
{
    const uint8x16_t both = vld1q_u8(line), low = vandq_u8(both, vdupq_n_u8(15)), high = vshrq_n_u8(both, 4);
    for (size_t s = 0; s < n; s++) {
        bytes[s] = vaddq_u8(bytes[s], vqtbl1q_u8(vld1q_u8(tables + s * 16), low));
        if (has_high)
            bytes[s] = vaddq_u8(bytes[s], vqtbl1q_u8(vld1q_u8(tables + (n_sides + s) * 16), high));
    }
}

/* n is known to the compiler; a quarter of a line at a time. The entries of two lines are added in bytes, as
 * four of them fit. */
CIR__ALWAYS_INLINE void code_sums_of(const uint8_t *lines, size_t n_groups, const uint8_t *tables, size_t n,
                                     size_t n_sides, uint16_t *sums_out)
{
    const size_t group_bytes = n_sides * 16;
    for (size_t r = 0; r < CIR__CODE_ROWS; r += sizeof(uint8x16_t)) {
        uint16x8_t first[CODE_SIDES], second[CODE_SIDES];
        for (size_t s = 0; s < n; s++)
            first[s] = second[s] = vdupq_n_u16(0);
        for (size_t g = 0; g < n_groups; g += 4) {
            const uint8_t *const line = lines + g / 2 * CIR__CODE_ROWS + r, *const table =
                                                                                tables + g * group_bytes;
            uint8x16_t bytes[CODE_SIDES];
            for (size_t s = 0; s < n; s++)
                bytes[s] = vdupq_n_u8(0);
            if (g + 4 <= n_groups) {
                add_line(line, table, n, n_sides, true, bytes);
                add_line(line + CIR__CODE_ROWS, table + 2 * group_bytes, n, n_sides, true, bytes);
            } else {
                add_line(line, table, n, n_sides, g + 1 < n_groups, bytes);
                if (g + 2 < n_groups)
                    add_line(line + CIR__CODE_ROWS, table + 2 * group_bytes, n, n_sides, false, bytes);
            }
            for (size_t s = 0; s < n; s++) {
                first[s] = vaddw_u8(first[s], vget_low_u8(bytes[s]));
                second[s] = vaddw_high_u8(second[s], bytes[s]);
            }
        }
        for (size_t s = 0; s < n; s++) {
            vst1q_u16(sums_out + s * CIR__CODE_ROWS + r, first[s]);
            vst1q_u16(sums_out + s * CIR__CODE_ROWS + r + 8, second[s]);
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
static void code_estimates(const uint16_t *sums, const uint16_t *factors, const uint16_t *std_errors,
                           float base, float step, float bottom, float error_scale, float rounding,
                           float *values_out, float *errors_out)
{
    for (size_t r = 0; r < CIR__CODE_ROWS; r += LANES) {
        const float32x4_t sum = vcvtq_f32_u32(vmovl_u16(vld1_u16(sums + r)));
        const float32x4_t factor = load(factors, r, true), std_error = load(std_errors, r, true);
        const float32x4_t side = vaddq_f32(vmulq_n_f32(sum, step), vdupq_n_f32(bottom));
        vst1q_f32(values_out + r, vaddq_f32(vdupq_n_f32(base), vmulq_f32(side, factor)));
        vst1q_f32(errors_out + r,
                  vaddq_f32(vmulq_n_f32(std_error, error_scale), vmulq_n_f32(vabsq_f32(factor), rounding)));
    }
}

CIR__DEFINE_KERNELS(neon, CIR__NEON)
