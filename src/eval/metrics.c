#include "eval/metrics.h"

#include <math.h>

/* What the reference adds to a number of relevant rows before it divides by it. */
#define EPSILON 1e-5

double cir__metrics_ap(const size_t *ranks, size_t n_found, size_t n_relevant)
{
    const double step = 1.0 / ((double)n_relevant + EPSILON);
    double area = 0.0;

    for (size_t j = 0; j < n_found; j++) {
        const double before = ranks[j] == 0 ? 1.0 : (double)j / (double)ranks[j];
        const double after = (double)(j + 1) / (double)(ranks[j] + 1);
        area += (before + after) * step / 2.0;
    }
    return area;
}

double cir__metrics_ap_paper(const size_t *ranks, size_t n_found, size_t n_relevant)
{
    double sum = 0.0;

    for (size_t j = 0; j < n_found; j++)
        sum += (double)(j + 1) / (double)(ranks[j] + 1);
    return n_relevant == 0 ? 0.0 : sum / (double)n_relevant;
}

static double count_within(const size_t *ranks, size_t n_found, size_t k)
{
    size_t n_within = 0;

    while (n_within < n_found && ranks[n_within] < k)
        n_within++;
    return (double)n_within;
}

double cir__metrics_recall(const size_t *ranks, size_t n_found, size_t n_relevant, size_t k)
{
    return count_within(ranks, n_found, k) / ((double)n_relevant + EPSILON);
}

double cir__metrics_precision(const size_t *ranks, size_t n_found, size_t n_relevant, size_t k)
{
    return count_within(ranks, n_found, k) / ((double)(n_relevant < k ? n_relevant : k) + EPSILON);
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
