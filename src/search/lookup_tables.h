/* A query as codes are asked by it: its branches rotated as the rows were, and rounded into tables of what
 * each group of four bits adds to an inner product (coder.h).
 *
 * A branch ⟨a, x⟩ + a0 of a coded row is estimated as
 *
 *   base + (step·Σ entries + bottom)·factor,   base = ⟨a, c⟩ + a0,
 *
 * and lies within error_scale·std_error + rounding·factor + margin of that: error_scale is the code's error,
 * rounding what rounding the tables and the factor adds, margin the rounding of the exact score, which is
 * computed in floats, too. */
#ifndef CIR_SEARCH_LOOKUP_TABLES_H
#define CIR_SEARCH_LOOKUP_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/search.h"
#include "index/codes/coder.h"
#include "search/bound.h"

/* Deviations that stand for a recall of 1: a normal variable exceeds them with a probability of 10⁻⁹. */
#define CIR__LOOKUP_EXACT 6.0

typedef struct cir__lookup_branch {
    float base, step, bottom, error_scale, rounding, margin;
} cir__lookup_branch;

/* Lends the query. */
typedef struct cir__lookup_tables {
    const cir_query *query;
    cir__bound bound;
    bool is_joint; /* bounds are those of both errors together (bound.h) */
    float correlation;
    size_t n_groups;
    size_t n_branches; /* those that the fusion reads: 1 or 2, image before text */
    cir__lookup_branch branches[2];
    uint8_t *tables; /* [n_groups, n_branches, 16] */
} cir__lookup_tables;

/* The deviations that a normal variable stays below with probability recall, [0.5, 1]; CIR__LOOKUP_EXACT at
 * most. */
double cir__lookup_deviations(double recall);

/* Makes tables for intervals of so many deviations; from CIR__LOOKUP_EXACT on, rounding is bounded by its
 * largest value instead of its deviation, and both branches' errors each for itself. End with
 * cir__lookup_tables_done, also where its making failed. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__lookup_tables_init(cir__lookup_tables *lookup, const cir__coder *coder,
                                                  const cir_query *query, double deviations, cir_error *err);
void cir__lookup_tables_done(cir__lookup_tables *lookup); /* a zeroed one is allowed */

#endif
