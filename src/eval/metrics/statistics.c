#include "eval/metrics/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/draw.h"

cir_status cir__groups_new(const double *values, const size_t *groups, size_t n_values, size_t n_groups,
                           cir__groups *groups_out, cir_error *err)
{
    cir__groups all = {.n_values = n_values};

    all.sums = cir__new(n_groups, sizeof *all.sums);
    all.counts = cir__new(n_groups, sizeof *all.counts);
    *groups_out = all;
    if (all.sums == NULL || all.counts == NULL)
        return cir__fail_memory(err, "sums over instances");
    for (size_t i = 0; i < n_values; i++) {
        all.sums[groups[i]] += values[i];
        all.counts[groups[i]]++;
    }
    for (size_t g = 0; g < n_groups; g++) {
        if (all.counts[g] == 0)
            continue;
        all.sums[all.n] = all.sums[g];
        all.counts[all.n++] = all.counts[g];
    }
    groups_out->n = all.n;
    return CIR_OK;
}

void cir__groups_done(cir__groups *groups)
{
    free(groups->sums);
    free(groups->counts);
    memset(groups, 0, sizeof *groups);
}

double cir__groups_micro(const cir__groups *groups)
{
    double sum = 0;
    for (size_t g = 0; g < groups->n; g++)
        sum += groups->sums[g];
    return groups->n_values == 0 ? 0 : 100.0 * sum / (double)groups->n_values;
}

double cir__groups_macro(const cir__groups *groups)
{
    double sum = 0;
    for (size_t g = 0; g < groups->n; g++)
        sum += groups->sums[g] / (double)groups->counts[g];
    return groups->n == 0 ? 0 : 100.0 * sum / (double)groups->n;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* values: [CIR_N_RESAMPLES], sorted here. */
static cir_interval cut_interval(double *values)
{
    const double at[2] = {0.025 * (CIR_N_RESAMPLES - 1), 0.975 * (CIR_N_RESAMPLES - 1)};
    double ends[2];

    qsort(values, CIR_N_RESAMPLES, sizeof *values, compare_doubles);
    for (size_t i = 0; i < 2; i++) {
        const size_t below = (size_t)at[i];
        ends[i] = values[below] + (at[i] - (double)below) * (values[below + 1] - values[below]);
    }
    return (cir_interval){ends[0], ends[1]};
}

cir_status cir__groups_resample(const cir__groups *groups, uint64_t seed, cir_interval *micro_out,
                                cir_interval *macro_out, cir_error *err)
{
    *micro_out = *macro_out = (cir_interval){0, 0};
    if (groups->n == 0)
        return CIR_OK;
    double *values = cir__new_unset(2 * CIR_N_RESAMPLES, sizeof *values);
    double *means = cir__new_unset(groups->n, sizeof *means);
    if (values == NULL || means == NULL) {
        free(values);
        free(means);
        return cir__fail_memory(err, "an interval");
    }
    for (size_t g = 0; g < groups->n; g++)
        means[g] = groups->sums[g] / (double)groups->counts[g];
    double *const micro = values, *const macro = values + CIR_N_RESAMPLES;
    uint64_t state = cir__draw_start(seed, CIR__DRAW_RESAMPLES);
    for (size_t r = 0; r < CIR_N_RESAMPLES; r++) {
        double sum = 0, sum_means = 0;
        size_t count = 0;
        for (size_t i = 0; i < groups->n; i++) {
            const size_t g = cir__draw_below(&state, groups->n);
            sum += groups->sums[g];
            count += groups->counts[g];
            sum_means += means[g];
        }
        micro[r] = 100.0 * sum / (double)count;
        macro[r] = 100.0 * sum_means / (double)groups->n;
    }
    *micro_out = cut_interval(micro);
    *macro_out = cut_interval(macro);
    free(means);
    free(values);
    return CIR_OK;
}

/* Adds n ≤ 64 groups from first on, with a minus where the bit is set. */
static void add_signed(const cir__groups *groups, size_t first, size_t n, uint64_t bits, double *micro,
                       double *macro)
{
    for (size_t i = 0; i < n; i++, bits >>= 1) {
        const double sum = groups->sums[first + i], mean = sum / (double)groups->counts[first + i];
        *micro += (bits & 1) != 0 ? -sum : sum;
        *macro += (bits & 1) != 0 ? -mean : mean;
    }
}

/* One pattern: given whole where all are tried, else drawn. */
static void sum_pattern(const cir__groups *groups, uint64_t pattern, uint64_t *state, double *micro,
                        double *macro)
{
    *micro = *macro = 0;
    if (state == NULL) {
        add_signed(groups, 0, groups->n, pattern, micro, macro);
        return;
    }
    for (size_t first = 0; first < groups->n; first += 64)
        add_signed(groups, first, groups->n - first < 64 ? groups->n - first : 64, cir__draw_next(state),
                   micro, macro);
}

void cir__groups_flip(const cir__groups *groups, uint64_t seed, double *micro_p_out, double *macro_p_out,
                      bool *is_exact_out)
{
    const bool is_exact = groups->n <= CIR__EXACT_GROUPS;
    const size_t n_patterns = is_exact ? (size_t)1 << groups->n : CIR_N_PERMUTATIONS;
    uint64_t state = cir__draw_start(seed, CIR__DRAW_SIGNS);
    double real_micro = 0, real_macro = 0, size_micro = 0, size_macro = 0, micro, macro;
    size_t n_micro = 0, n_macro = 0;

    for (size_t g = 0; g < groups->n; g++) {
        size_micro += fabs(groups->sums[g]);
        size_macro += fabs(groups->sums[g] / (double)groups->counts[g]);
    }
    for (size_t g = 0; g < groups->n; g++)
        add_signed(groups, g, 1, 0, &real_micro, &real_macro);
    /* Equal sums, added up otherwise, may differ by rounding: they count as equal. */
    const double least_micro = fabs(real_micro) - 1e-12 * size_micro;
    const double least_macro = fabs(real_macro) - 1e-12 * size_macro;
    for (size_t i = 0; i < n_patterns; i++) {
        sum_pattern(groups, i, is_exact ? NULL : &state, &micro, &macro);
        n_micro += fabs(micro) >= least_micro;
        n_macro += fabs(macro) >= least_macro;
    }
    const size_t extra = is_exact ? 0 : 1; /* the real signs are one of the patterns */
    *micro_p_out = (double)(n_micro + extra) / (double)(n_patterns + extra);
    *macro_p_out = (double)(n_macro + extra) / (double)(n_patterns + extra);
    *is_exact_out = is_exact;
}
