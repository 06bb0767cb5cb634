#include "search/candidate_filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"

/* A run is a task: enough bytes of codes that starting one costs nothing beside it, few enough that they stay
 * in a second-level cache while several queries go over them; and at least MIN_RUNS, for a fair sample. */
#define RUN_BYTES ((size_t)128 << 10)
#define MIN_RUNS 256

/* The first pass' runs at least, so that threads share them. */
#define MIN_FIRST_RUNS 16

bool cir__candidate_filter_can(const cir_rows *rows)
{
    const cir_codes *const codes = rows->codes;

    return codes != NULL && rows->f16 != NULL && rows->scales == NULL && codes->n_rows > 0 &&
           cir__coder_dim(codes->coder) == rows->dim && rows->n_rows <= CIR__CANDIDATE_FILTER_MAX_ROWS;
}

cir_status cir__candidate_filter_init(cir__candidate_filter *filter, const cir_rows *rows,
                                      const cir_query *queries, size_t n_queries, double deviations,
                                      cir_pool *pool, cir_error *err)
{
    const cir_codes *const codes = rows->codes;
    size_t n_gathered;
    cir_status status = CIR_OK;

    *filter = (cir__candidate_filter){.rows = rows,
                                      .codes = codes,
                                      .kernels = cir__kernels_get(),
                                      .n_coded = codes->n_rows < rows->n_rows ? codes->n_rows : rows->n_rows,
                                      .block_bytes = cir__coder_block_bytes(codes->coder),
                                      .n_threads = cir_pool_get_n_threads(pool),
                                      .n_queries = n_queries};
    const size_t n_blocks = (filter->n_coded + CIR__CODE_ROWS - 1) / CIR__CODE_ROWS;
    const size_t most = n_blocks / MIN_RUNS + 1, wanted = RUN_BYTES / filter->block_bytes + 1;
    filter->run_blocks = wanted < most ? wanted : most;
    filter->n_runs = (n_blocks + filter->run_blocks - 1) / filter->run_blocks;
    filter->lookups = cir__new(n_queries, sizeof *filter->lookups);
    filter->thresholds = cir__new(n_queries, sizeof *filter->thresholds);
    filter->is_left_out = cir__new(n_queries, sizeof *filter->is_left_out);
    if (cir__size_mul(filter->n_threads, n_queries, &n_gathered))
        filter->gathered = cir__new(n_gathered, sizeof *filter->gathered);
    if (filter->lookups == NULL || filter->thresholds == NULL || filter->is_left_out == NULL ||
        filter->gathered == NULL)
        return cir__fail_memory(err, "search");
    for (size_t q = 0; q < n_queries && status == CIR_OK; q++) {
        filter->thresholds[q] = -INFINITY;
        status = cir__lookup_tables_init(&filter->lookups[q], codes->coder, &queries[q], deviations, err);
    }
    return status;
}

void cir__candidate_filter_done(cir__candidate_filter *filter)
{
    for (size_t q = 0; q < filter->n_queries && filter->lookups != NULL; q++)
        cir__lookup_tables_done(&filter->lookups[q]);
    for (size_t i = 0; i < filter->n_threads * filter->n_queries && filter->gathered != NULL; i++)
        free(filter->gathered[i].items);
    free(filter->lookups);
    free(filter->thresholds);
    free(filter->is_left_out);
    free(filter->gathered);
    memset(filter, 0, sizeof *filter);
}

/* ---- lists ---- */

static void push(cir__candidates *to, cir__candidate item)
{
    if (to->is_short)
        return;
    if (to->n == to->capacity &&
        !cir__grow((void **)&to->items, &to->capacity, to->n + 256, sizeof *to->items)) {
        to->is_short = true;
        return;
    }
    to->items[to->n++] = item;
}

void cir__candidate_filter_take(cir__candidate_filter *filter, size_t q, cir__candidates *to)
{
    for (size_t i = 0; i < filter->n_threads; i++) {
        cir__candidates *const from = &filter->gathered[i * filter->n_queries + q];
        to->is_short = to->is_short || from->is_short ||
                       !cir__grow((void **)&to->items, &to->capacity, to->n + from->n, sizeof *to->items);
        if (!to->is_short && from->n > 0) {
            memcpy(to->items + to->n, from->items, from->n * sizeof *from->items);
            to->n += from->n;
        }
        from->n = 0;
        from->is_short = false;
    }
}

void cir__candidate_filter_take_uncoded(const cir__candidate_filter *filter, cir__candidates *to)
{
    const uint8_t *const ready = filter->rows->ready;
    const cir_codes *const codes = filter->codes;

    for (size_t i = 0; i < codes->n_stale && codes->stale[i] < filter->n_coded; i++)
        if (ready == NULL || ready[codes->stale[i]] != 0)
            push(to, (cir__candidate){(uint32_t)codes->stale[i], INFINITY});
    for (size_t row = filter->n_coded; row < filter->rows->n_rows; row++)
        if (ready == NULL || ready[row] != 0)
            push(to, (cir__candidate){(uint32_t)row, INFINITY});
}

static int compare_rows(const void *x, const void *y)
{
    const size_t a = *(const size_t *)x, b = *(const size_t *)y;
    return (a > b) - (a < b);
}

static bool is_stale(const cir_codes *codes, size_t row)
{
    return codes->n_stale > 0 &&
           bsearch(&row, codes->stale, codes->n_stale, sizeof row, compare_rows) != NULL;
}

/* ---- a pass ---- */

/* What is known of some rows: [0] of the image, [1] of the text, zeros for a branch that is not read. */
typedef struct estimates {
    float values[2][CIR__CODE_ROWS], errors[2][CIR__CODE_ROWS];
} estimates;

static void estimate(const cir__candidate_filter *filter, const cir__lookup_tables *lookup,
                     const uint8_t *block, estimates *out)
{
    const uint16_t *const factors = (const void *)(block + lookup->n_groups / 2 * CIR__CODE_ROWS);
    const uint16_t *const std_errors = factors + CIR__CODE_ROWS;
    const size_t first = lookup->query->fusion.kind == CIR_FUSION_TEXT ? 1 : 0;
    uint16_t sums[2 * CIR__CODE_ROWS];

    filter->kernels->code_sums(block, lookup->n_groups, lookup->tables, lookup->n_branches, sums);
    for (size_t s = 0; s < lookup->n_branches; s++) {
        const cir__lookup_branch *const branch = &lookup->branches[s];
        float *const errors = out->errors[first + s];
        filter->kernels->code_estimates(sums + s * CIR__CODE_ROWS, factors, std_errors, branch->base,
                                        branch->step, branch->bottom, branch->error_scale, branch->rounding,
                                        out->values[first + s], errors);
        for (size_t r = 0; r < CIR__CODE_ROWS; r++)
            errors[r] += branch->margin;
    }
}

/* The rows of a mask that are searched by their codes, one after another; how many. */
static size_t pick(const cir__candidate_filter *filter, size_t first, uint64_t mask, const estimates *of,
                   uint32_t *rows_out, estimates *picked_out)
{
    const uint8_t *const ready = filter->rows->ready;
    const size_t left = filter->n_coded - first;
    size_t n = 0;

    if (left < CIR__CODE_ROWS)
        mask &= ((uint64_t)1 << left) - 1;
    for (; mask != 0; mask &= mask - 1) {
        const size_t r = (size_t)__builtin_ctzll(mask), row = first + r;
        if ((ready != NULL && ready[row] == 0) || is_stale(filter->codes, row))
            continue;
        for (size_t s = 0; s < 2; s++) {
            picked_out->values[s][n] = of->values[s][r];
            picked_out->errors[s][n] = of->errors[s][r];
        }
        rows_out[n++] = (uint32_t)row;
    }
    return n;
}

/* Gathers those of a mask's rows whose bounds reach the threshold. */
static void collect(const cir__candidate_filter *filter, const cir__lookup_tables *lookup, size_t first,
                    uint64_t mask, const estimates *of, float threshold, cir__candidates *to)
{
    uint32_t rows[CIR__CODE_ROWS];
    float bounds[CIR__CODE_ROWS];
    estimates picked;
    const size_t n = pick(filter, first, mask, of, rows, &picked);

    cir__bound_many(&lookup->bound, n, picked.values[0], picked.errors[0], picked.values[1], picked.errors[1],
                    threshold, bounds);
    if (lookup->is_joint)
        cir__bound_jointly(&lookup->bound, lookup->correlation, n, picked.values[0], picked.errors[0],
                           picked.values[1], picked.errors[1], bounds);
    for (size_t i = 0; i < n; i++)
        if (!(bounds[i] < threshold)) /* NaN reaches any */
            push(to, (cir__candidate){rows[i], isnan(bounds[i]) ? INFINITY : bounds[i]});
}

static void run_task(void *context, size_t i_task, size_t i_thread)
{
    const cir__candidate_filter *const filter = context;
    const size_t n_blocks = (filter->n_coded + CIR__CODE_ROWS - 1) / CIR__CODE_ROWS;
    const size_t n_new = CIR__CANDIDATE_FILTER_GROWTH - 1; /* of so many strides, all but the first one */
    const size_t place =
        filter->coarser == 0 ? i_task : i_task / n_new * CIR__CANDIDATE_FILTER_GROWTH + i_task % n_new + 1;
    const size_t first = place * filter->stride * filter->run_blocks, left = n_blocks - first;
    const size_t end = first + (left < filter->run_blocks ? left : filter->run_blocks);

    for (size_t q = 0; q < filter->n_queries; q++) {
        const cir__lookup_tables *const lookup = &filter->lookups[q];
        const float threshold = filter->thresholds[q];
        cir__candidates *const to = &filter->gathered[i_thread * filter->n_queries + q];
        cir__code_limit limit;
        const bool has_limit =
            cir__bound_limit(&lookup->bound, lookup->is_joint, lookup->correlation, threshold, &limit);
        estimates of;
        memset(&of, 0, sizeof of);
        for (size_t b = first; b < end && !filter->is_left_out[q]; b++) {
            estimate(filter, lookup, filter->codes->blocks + b * filter->block_bytes, &of);
            const uint64_t mask = has_limit
                                      ? filter->kernels->code_mask(&limit, of.values[0], of.errors[0],
                                                                   of.values[1], of.errors[1], threshold)
                                      : UINT64_MAX;
            if (mask != 0)
                collect(filter, lookup, b * CIR__CODE_ROWS, mask, &of, threshold, to);
        }
    }
}

size_t cir__candidate_filter_first_stride(const cir__candidate_filter *filter, size_t n_rows)
{
    const size_t n_runs = n_rows / (filter->run_blocks * CIR__CODE_ROWS) + 1;
    size_t stride = 1;

    while (filter->n_runs / (stride * CIR__CANDIDATE_FILTER_GROWTH) >=
           (n_runs > MIN_FIRST_RUNS ? n_runs : MIN_FIRST_RUNS))
        stride *= CIR__CANDIDATE_FILTER_GROWTH;
    return stride;
}

void cir__candidate_filter_run(cir__candidate_filter *filter, size_t stride, bool is_first, cir_pool *pool)
{
    const size_t coarser = is_first ? 0 : stride * CIR__CANDIDATE_FILTER_GROWTH;
    const size_t n_all = (filter->n_runs + stride - 1) / stride;
    const size_t n_before = is_first ? 0 : (filter->n_runs + coarser - 1) / coarser;

    filter->stride = stride;
    filter->coarser = coarser;
    cir__pool_run(pool, n_all - n_before, run_task, filter);
}
