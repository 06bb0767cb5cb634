/* The k best of many hits: a bounded heap that a thread fills alone, and the order that makes answers
 * unique. */
#ifndef CIR_SEARCH_TOP_H
#define CIR_SEARCH_TOP_H

#include <stddef.h>

#include "cir/search.h"

/* The k best hits pushed so far; the worst of them on top once there are k. Lends its hits. */
typedef struct cir__top {
    size_t k; /* ≥ 1 */
    size_t n;
    cir_hit *hits; /* [k] */
} cir__top;

/* Offers rows first_row … first_row + n − 1; a row whose score is NaN is passed over. */
void cir__top_push(cir__top *top, size_t first_row, size_t n, const float *scores, const float *image_scores,
                   const float *text_scores);

/* Best first, ties by the smaller row: an order without equals, so that the best k are the same set whatever
 * the way to them. */
void cir__top_sort(cir_hit *hits, size_t n);

#endif
