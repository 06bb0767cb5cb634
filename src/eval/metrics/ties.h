/* Tie groups: relevant rows and the rows that score the same as they do. In which order rows of equal scores
 * stand is nobody's merit, so that metrics are taken as their expected value over all orders within the
 * groups (every order as likely as any other), and from their worst and their best order. */
#ifndef CIR_EVAL_TIES_H
#define CIR_EVAL_TIES_H

#include <stdbool.h>
#include <stddef.h>

/* Rows of one score, at least one of which is relevant: places begin … begin + n_rows − 1, counted from 0. A
 * relevant row that shares its score with none is a group of its own. */
typedef struct cir__tie {
    size_t begin;
    size_t n_rows;
    size_t n_relevant; /* from 1 to n_rows */
} cir__tie;

/* Which order is meant within groups that hold relevant and other rows. */
typedef enum cir__tie_order { CIR__ORDER_ANY, CIR__ORDER_WORST, CIR__ORDER_BEST } cir__tie_order;

/* The groups of some rows among all by their scores, best first. relevant: [n_relevant] row numbers, sorted
 * by score on return, those of equal scores by number; ties_out: room for n_relevant. Returns how many groups
 * there are. No sort of all rows: n_rows·log(n_relevant) comparisons. */
size_t cir__ties_find(const float *scores, size_t n_rows, size_t *relevant, size_t n_relevant,
                      cir__tie *ties_out);

/* Whether the order matters: some group holds relevant and other rows. */
bool cir__ties_matter(const cir__tie *ties, size_t n);

/* Writes the relevant rows of each group first, or last: groups of relevant rows alone, for which every
 * metric has one value. resolved_out: [n], may be ties; CIR__ORDER_ANY copies. */
void cir__ties_resolve(const cir__tie *ties, size_t n, cir__tie_order order, cir__tie *resolved_out);

/* How likely one given row of a group is among the k best: (k − begin)/n_rows, between 0 and 1. */
double cir__tie_part_within(const cir__tie *tie, size_t k);

#endif
