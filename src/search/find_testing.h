/* Shared by the tests of cir_search_find. */
#ifndef CIR_SEARCH_FIND_TESTING_H
#define CIR_SEARCH_FIND_TESTING_H

#include "search/search_testing.h"

/* BASIC's: scores as min-normalisation makes them. */
cir_query basic_query(const testing_rows *t);

void assert_hits_equal(const cir_hit *hits, const cir_hit *right, size_t n);

cir_search_report find(const cir_rows *rows, const cir_query *query, size_t k, double recall, cir_pool *pool,
                       cir_hit *hits, size_t *n);

/* recall = exact gives what reading all rows gives, to the bit; *n_by_codes counts where codes did it. */
void check_exact(const cir_rows *rows, const cir_query *query, size_t k, cir_pool *pool, size_t *n_by_codes);

#endif
