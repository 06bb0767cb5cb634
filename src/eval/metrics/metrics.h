/* Metrics of one query's ranking (doc/method.md, Metrics), as their expected value over all orders of rows with equal
 * scores. Knows places alone.
 *
 * In a group of t rows with r relevant ones (ties.h), each of its places holds a relevant row with
 * probability r/t, and then p·(r − 1)/(t − 1) relevant rows are expected on the p places before it
 * (hypergeometric). A precision is linear in that number, so that its expectation needs no more than these
 * two, and sums over places are differences of harmonic numbers: closed forms, exact, in time that does not
 * grow with the group. Where every group holds relevant rows alone there is one order, and the metrics are
 * its own to the bit. */
#ifndef CIR_EVAL_METRICS_H
#define CIR_EVAL_METRICS_H

#include <stddef.h>

#include "eval/metrics/ties.h"

/* Average precision by the trapezoid rule, as the reference computes it (and cirtorch before it). ties:
 * [n_ties] groups of the relevant rows, best first; n_relevant, at least those of all groups, counts those
 * that were not found too. Without any relevant row: 0. */
double cir__metrics_ap(const cir__tie *ties, size_t n_ties, size_t n_relevant);

/* Average precision in the paper's wording: the mean, over all relevant rows, of the precision at their ranks
 * (0 for one that was not found). Without any relevant row: 0. */
double cir__metrics_ap_paper(const cir__tie *ties, size_t n_ties, size_t n_relevant);

/* The same over the k best places alone, divided by min(n_relevant, k), as CIRCO has it. k ≥ 1, n_relevant
 * ≥ 1. Cost: k. */
double cir__metrics_ap_at(const cir__tie *ties, size_t n_ties, size_t n_relevant, size_t k);

/* The part of the relevant rows that is among the k best: found / (n_relevant + 1e-5). */
double cir__metrics_recall(const cir__tie *ties, size_t n_ties, size_t n_relevant, size_t k);

/* Relevant rows among the k best, by how many there could be: found / (min(n_relevant, k) + 1e-5). */
double cir__metrics_precision(const cir__tie *ties, size_t n_ties, size_t n_relevant, size_t k);

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
