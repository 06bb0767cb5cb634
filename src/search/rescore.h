/* Candidates' exact scores, the most promising first, until no other can be among the k best. */
#ifndef CIR_SEARCH_RESCORE_H
#define CIR_SEARCH_RESCORE_H

#include <stddef.h>
#include <stdint.h>

#include "cir/search.h"
#include "kernels/kernels.h"
#include "search/candidate_filter.h"
#include "search/top.h"

/* Buffers for one batch of rows and its scores; lends the rows. */
typedef struct cir__rescorer {
    const cir_rows *rows;
    const cir__kernels *kernels;
    size_t batch_rows;
    uint16_t *features; /* [batch_rows, dim] */
    uint64_t *offsets;  /* [batch_rows] in the rows' file */
    float *scores;      /* [3, batch_rows] image, text, fused */
} cir__rescorer;

/* End with cir__rescorer_done, also where its making failed. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__rescorer_init(cir__rescorer *rescorer, const cir_rows *rows, cir_error *err);
void cir__rescorer_done(cir__rescorer *rescorer); /* a zeroed one is allowed */

/* Scores the n candidates of the highest bounds, or all, with the arithmetic of cir_search_top, offers them
 * to top, and drops them; then drops those whose bounds are below the k-th best score. Candidates change
 * places, and which are scored does not depend on their places. *n_scored gets so many more. Errors: CIR_IO,
 * CIR_DAMAGED (the rows' file), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__rescore(cir__rescorer *rescorer, const cir_query *query,
                                       cir__candidates *candidates, size_t n, cir_pool *pool, cir__top *top,
                                       size_t *n_scored, cir_error *err);

/* The k-th best score; −∞ while there are fewer. */
float cir__rescore_kth(const cir__top *top);

#endif
