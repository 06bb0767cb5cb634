/* The inner loops, one table of functions for each instruction set.
 *
 * The plain C table (scalar) is the definition of right; each instruction set overrides it, and every entry
 * of every table is tested against it. Any length ≥ 1, any alignment that the item's type allows. All entries
 * are thread-safe and neither allocate nor fail. Within one table results are reproducible to the bit: a
 * row's dot product depends on the row and the query alone, not on its neighbours, the number of rows in the
 * call, or whether one query or two are asked. Between tables they differ by rounding. */
#ifndef CIR_KERNELS_KERNELS_H
#define CIR_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Instruction sets; of one processor family, the later includes the earlier. */
typedef enum cir__level {
    CIR__SCALAR,
    CIR__AVX2,   /* x86-64 with AVX2, FMA, F16C */
    CIR__AVX512, /* x86-64 with AVX-512 F, BW, DQ, VL */
    CIR__NEON,   /* aarch64 */
    CIR__N_LEVELS
} cir__level;

/* Dot products of n_rows rows with one vector, or two in one pass; float accumulation.
 * rows: [n_rows, dim], row r begins stride items (≥ dim) after row r − 1. a, b: [dim]. out_a, out_b:
 * [n_rows]. Error of each: at most (dim + 2)·2⁻²⁴·Σ|aᵢxᵢ|, in practice far less, as at least 16 partial sums
 * are kept. NaN and infinity travel as IEEE says. */
typedef void cir__dot1_f16(const uint16_t *rows, size_t n_rows, size_t dim, size_t stride, const float *a,
                           float *out_a);
typedef void cir__dot2_f16(const uint16_t *rows, size_t n_rows, size_t dim, size_t stride, const float *a,
                           const float *b, float *out_a, float *out_b);
typedef void cir__dot1_f32(const float *rows, size_t n_rows, size_t dim, size_t stride, const float *a,
                           float *out_a);
typedef void cir__dot2_f32(const float *rows, size_t n_rows, size_t dim, size_t stride, const float *a,
                           const float *b, float *out_a, float *out_b);

/* Dot products of n_rows rows with n_queries vectors, queries: [n_queries, dim], each query_stride (≥ dim)
 * items after the one before; out: that of row r with query q goes to out[q·out_stride + r]. Rows and queries
 * are taken in tiles that stay in registers and in blocks that stay in the nearest caches, so that memory
 * bounds few queries and arithmetic many. Error: as above, with one register of partial sums. Reproducible as
 * above, but not with the bits of the entries above. */
typedef void cir__product_f16(const uint16_t *rows, size_t n_rows, size_t dim, size_t stride,
                              const float *queries, size_t n_queries, size_t query_stride, float *out,
                              size_t out_stride);
typedef void cir__product_f32(const float *rows, size_t n_rows, size_t dim, size_t stride,
                              const float *queries, size_t n_queries, size_t query_stride, float *out,
                              size_t out_stride);

/* Sums over rows of products of columns, in double:  out[i, j] = scale · Σ_r a[r, i]·b[r, j],  i < n_a, j <
 * n_b, at most CIR__COLUMNS_MAX each. Row r of a and b begins r·stride items after the first, row i of out
 * i·out_stride. scratch:
 * [CIR__COLUMNS_SCRATCH]. Each of out is summed row by row in chunks of 128, whatever lies beside it, so that
 * it is the same however columns are cut. Error: at most n_rows·2⁻⁵²·Σ|a·b|. */
#define CIR__COLUMNS_MAX 128
#define CIR__COLUMNS_SCRATCH (2 * CIR__COLUMNS_MAX * 128)
typedef void cir__columns_f64(const double *a, const double *b, size_t n_rows, size_t stride, size_t n_a,
                              size_t n_b, double scale, double *scratch, double *out, size_t out_stride);

/* Halves to floats, exactly; floats to halves, to nearest even. in and out: [n], not overlapping. The same
 * bits at every level. */
typedef void cir__half_to_float_n(const uint16_t *in, size_t n, float *out);
typedef void cir__half_from_float_n(const float *in, size_t n, uint16_t *out);

/* Rows of a block of compact codes, whose sums these go for at a time. */
#define CIR__CODE_ROWS 64

/* The largest entry of a table, so that four of them fit into a byte. */
#define CIR__CODE_LEVELS 63

/* The most groups, so that sums of entries fit into 16 bits. */
#define CIR__CODE_MAX_GROUPS 1024

/* For each row of a block of codes and each of n_sides sets of tables the sum of the entries that the row's
 * groups of four bits choose, exactly. lines: [⌈n_groups/2⌉, 64], byte r of line j has group 2j of row r in
 * its low four bits and group 2j + 1 in its high ones, which count for nothing where there is no such group.
 * tables: [n_groups, n_sides, 16], entries ≤ CIR__CODE_LEVELS. sums_out: [n_sides, 64]. n_groups: 1 …
 * CIR__CODE_MAX_GROUPS. Asks for memory CIR__PREFETCH_BYTES after what it reads: blocks follow one
 * another. */
typedef void cir__code_sums(const uint8_t *lines, size_t n_groups, const uint8_t *tables, size_t n_sides,
                            uint16_t *sums_out);

/* What the sums say of one side, see index/codes/coder.h:
 *   values_out[r] = base + (step·sums[r] + bottom)·factors[r]
 *   errors_out[r] = error_scale·std_errors[r] + rounding·|factors[r]|
 *
 * Everything [64], factors and std_errors halves; the same bits at every level. */
typedef void cir__code_estimates(const uint16_t *sums, const uint16_t *factors, const uint16_t *std_errors,
                                 float base, float step, float bottom, float error_scale, float rounding,
                                 float *values_out, float *errors_out);

/* A fused score of two sides in a form whose upper bound over a box is quickly told. Linear:
 * image_weight·v + text_weight·t, weights ≥ 0. Quadratic: v·t − λ(v + t)², λ ≥ 0. Sides below floor, 0 or −∞,
 * count as floor. */
typedef struct cir__code_limit {
    bool is_quadratic;
    float floor;
    float image_weight, text_weight;
    float lambda;
    float ratio; /* of v to t, and of t to v, where the score is largest with the other held */
    /* The errors' share in the quadratic is at most the root of x² + y² and the larger of most·x·y and
     * least·x·y, x and y the shares of each: 2 and −2, or twice their correlation for both. */
    float most, least;
} cir__code_limit;

/* Bit r is 0 only where, whatever lies in v[r] ± v_error[r] and t[r] ± t_error[r], errors ≥ 0, scores less
 * than threshold, rounding of the score included; where one of the four is NaN or infinite it is 1. Some bits
 * are 1 in vain: such rows deserve a closer look (search/bound.h). All: [64]; threshold > 0 where floor is 0.
 * Levels may differ in such bits. */
typedef uint64_t cir__code_mask(const cir__code_limit *limit, const float *v, const float *v_error,
                                const float *t, const float *t_error, float threshold);

typedef struct cir__kernels {
    cir__level level;
    const char *name; /* as CIR_CPU spells it */
    cir__dot1_f16 *dot1_f16;
    cir__dot2_f16 *dot2_f16;
    cir__dot1_f32 *dot1_f32;
    cir__dot2_f32 *dot2_f32;
    cir__product_f16 *product_f16;
    cir__product_f32 *product_f32;
    cir__columns_f64 *columns_f64;
    cir__half_to_float_n *half_to_float;
    cir__half_from_float_n *half_from_float;
    cir__code_sums *code_sums;
    cir__code_estimates *code_estimates;
    cir__code_mask *code_mask;
} cir__kernels;

/* The best table that this processor runs. CIR_CPU=scalar|avx2|avx512|neon in the environment lowers it,
 * never raises it; names of other processor families and unknown ones are ignored. Chosen at the first call;
 * any number of threads may make it at once, as all choose the same. Static storage. */
const cir__kernels *cir__kernels_get(void);

/* The table of one level, NULL where this processor or this build does not have it. For tests and
 * benchmarks. */
const cir__kernels *cir__kernels_at(cir__level level);

#endif
