/* Figures of one query's ranking (METHOD §2). Knows ranks alone. */
#ifndef CIR_EVAL_METRICS_H
#define CIR_EVAL_METRICS_H

#include <stddef.h>

/* Average precision by the trapezoid rule, as the reference computes it (and cirtorch before it). ranks:
 * [n_found] of the relevant rows, counted from 0, ascending; n_relevant ≥ n_found counts those that were not
 * found too. Without any relevant row: 0. */
double cir__metrics_ap(const size_t *ranks, size_t n_found, size_t n_relevant);

/* Average precision in the paper's wording: the mean, over all relevant rows, of the precision at their ranks
 * (0 for one that was not found). Without any relevant row: 0. */
double cir__metrics_ap_paper(const size_t *ranks, size_t n_found, size_t n_relevant);

/* The part of the relevant rows that is among the k best: found / (n_relevant + 1e-5). */
double cir__metrics_recall(const size_t *ranks, size_t n_found, size_t n_relevant, size_t k);

/* Relevant rows among the k best, by how many there could be: found / (min(n_relevant, k) + 1e-5). */
double cir__metrics_precision(const size_t *ranks, size_t n_found, size_t n_relevant, size_t k);

/* Means over queries and over instances, in percent. */
typedef struct cir__metrics_means {
    double mAP;    /* over queries (micro) */
    double mmAP;   /* over instances, of the instance's mean (macro) */
    double minmAP; /* over instances, of the instance's smallest */
} cir__metrics_means;

/* AP: [n_queries], 0–1; instances: [n_queries], each below n_instances; an instance without queries does not
 * count. Cost: n_queries·n_instances. */
cir__metrics_means cir__metrics_average(const double *AP, const size_t *instances, size_t n_queries,
                                        size_t n_instances);

#endif
