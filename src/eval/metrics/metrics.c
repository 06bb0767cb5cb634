#include "eval/metrics/metrics.h"

#include <math.h>

/* What the reference adds to a number of relevant rows before it divides by it. */
#define EPSILON 1e-5

/* Σ 1/i for begin ≤ i < begin + n; begin ≥ 1. Far from 0 by the asymptotic series of the digamma function,
 * whose next term is below 1e-17 from 64 on. */
static double harmonic_sum(size_t begin, size_t n)
{
    double sum = 0.0;

    for (; n > 0 && (begin < 64 || n < 64); begin++, n--)
        sum += 1.0 / (double)begin;
    if (n == 0)
        return sum;
    const double a = (double)begin, b = (double)(begin + n);
    const double ra = 1.0 / (a * a), rb = 1.0 / (b * b);
    return sum + log(b / a) + 0.5 * (1.0 / a - 1.0 / b) + (ra - rb) / 12.0 - (ra * ra - rb * rb) / 120.0 +
           (ra * ra * ra - rb * rb * rb) / 252.0;
}

/* Relevant rows that are expected on a place before one that holds a relevant row; a group of one has no such
 * place. */
static double density_before(const cir__tie *tie)
{
    return tie->n_rows > 1 ? (double)(tie->n_relevant - 1) / (double)(tie->n_rows - 1) : 0.0;
}

/* What the precisions after the relevant rows of a group are expected to add up to: Σ over its places p of
 * r/t·(n_before + p·density + 1)/(begin + p + 1). */
static double expect_after(const cir__tie *tie, size_t n_before)
{
    const double t = (double)tie->n_rows, density = density_before(tie);
    const double rest = (double)(n_before + 1) - density * (double)(tie->begin + 1);

    return (double)tie->n_relevant / t * (density * t + rest * harmonic_sum(tie->begin + 1, tie->n_rows));
}

/* The same for the precisions just before them, n_before + p·density by begin + p: 1 at the first place of
 * all, where nothing is before. */
static double expect_before(const cir__tie *tie, size_t n_before)
{
    const double t = (double)tie->n_rows, density = density_before(tie), part = (double)tie->n_relevant / t;
    const double rest = (double)n_before - density * (double)tie->begin;

    if (tie->begin == 0)
        return part * (1.0 + density * (t - 1.0));
    return part * (density * t + rest * harmonic_sum(tie->begin, tie->n_rows));
}

double cir__metrics_ap(const cir__tie *ties, size_t n_ties, size_t n_relevant)
{
    const double step = 1.0 / ((double)n_relevant + EPSILON);
    double area = 0.0;
    size_t j = 0;

    for (size_t i = 0; i < n_ties; i++) {
        if (ties[i].n_rows > ties[i].n_relevant) {
            area += (expect_before(&ties[i], j) + expect_after(&ties[i], j)) * step / 2.0;
            j += ties[i].n_relevant;
            continue;
        }
        for (size_t rank = ties[i].begin; rank < ties[i].begin + ties[i].n_relevant; rank++, j++) {
            const double before = rank == 0 ? 1.0 : (double)j / (double)rank;
            const double after = (double)(j + 1) / (double)(rank + 1);
            area += (before + after) * step / 2.0;
        }
    }
    return area;
}

double cir__metrics_ap_paper(const cir__tie *ties, size_t n_ties, size_t n_relevant)
{
    double sum = 0.0;
    size_t j = 0;

    for (size_t i = 0; i < n_ties; i++) {
        if (ties[i].n_rows > ties[i].n_relevant) {
            sum += expect_after(&ties[i], j);
            j += ties[i].n_relevant;
            continue;
        }
        for (size_t rank = ties[i].begin; rank < ties[i].begin + ties[i].n_relevant; rank++, j++)
            sum += (double)(j + 1) / (double)(rank + 1);
    }
    return n_relevant == 0 ? 0.0 : sum / (double)n_relevant;
}

double cir__metrics_ap_at(const cir__tie *ties, size_t n_ties, size_t n_relevant, size_t k)
{
    double sum = 0.0;
    size_t j = 0;

    for (size_t i = 0; i < n_ties; j += ties[i++].n_relevant) {
        const cir__tie *const tie = &ties[i];
        const bool is_mixed = tie->n_rows > tie->n_relevant;
        const double part = (double)tie->n_relevant / (double)tie->n_rows, density = density_before(tie);
        for (size_t p = 0; p < tie->n_rows && tie->begin + p < k; p++) {
            const double rank = (double)(tie->begin + p + 1);
            sum +=
                is_mixed ? part * ((double)(j + 1) + (double)p * density) / rank : (double)(j + p + 1) / rank;
        }
    }
    return sum / (double)(n_relevant < k ? n_relevant : k);
}

static double count_within(const cir__tie *ties, size_t n_ties, size_t k)
{
    double n_within = 0.0;

    for (size_t i = 0; i < n_ties && ties[i].begin < k; i++) {
        const size_t n_places = k - ties[i].begin < ties[i].n_rows ? k - ties[i].begin : ties[i].n_rows;
        n_within += ties[i].n_rows > ties[i].n_relevant
                        ? (double)ties[i].n_relevant * (double)n_places / (double)ties[i].n_rows
                        : (double)n_places;
    }
    return n_within;
}

double cir__metrics_recall(const cir__tie *ties, size_t n_ties, size_t n_relevant, size_t k)
{
    return count_within(ties, n_ties, k) / ((double)n_relevant + EPSILON);
}

double cir__metrics_precision(const cir__tie *ties, size_t n_ties, size_t n_relevant, size_t k)
{
    return count_within(ties, n_ties, k) / ((double)(n_relevant < k ? n_relevant : k) + EPSILON);
}

cir__metrics_means cir__metrics_average(const double *AP, const size_t *instances, size_t n_queries,
                                        size_t n_instances)
{
    cir__metrics_means means = {0};
    size_t n_counted = 0;

    for (size_t i = 0; i < n_instances; i++) {
        double sum = 0.0, smallest = INFINITY;
        size_t n = 0;
        for (size_t q = 0; q < n_queries; q++) {
            if (instances[q] != i)
                continue;
            sum += AP[q];
            smallest = fmin(smallest, AP[q]);
            n++;
        }
        if (n == 0)
            continue;
        means.mAP += sum;
        means.mmAP += sum / (double)n;
        means.minmAP += smallest;
        n_counted++;
    }
    if (n_counted > 0) {
        means.mAP *= 100.0 / (double)n_queries;
        means.mmAP *= 100.0 / (double)n_counted;
        means.minmAP *= 100.0 / (double)n_counted;
    }
    return means;
}
