/* What every exact pass over the rows shares: rows in blocks, and a block's dot products.
 *
 * A task is a block. Its arithmetic depends on its rows alone, so whatever joins the blocks in a fixed way
 * depends neither on the threads nor on the size of the blocks. */
#ifndef CIR_SEARCH_SCAN_H
#define CIR_SEARCH_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mapped.h"
#include "cir/search.h"
#include "kernels/kernels.h"

/* One pass; lends rows and query. End with cir__scan_done, also where its making failed. */
typedef struct cir__scan {
    const cir_rows *rows;
    const cir_query *query;
    const cir__kernels *kernels;
    const cir__mapped *mapped; /* the rows' file; NULL: they are in memory */
    size_t block_rows;
    size_t n_blocks;
    size_t n_threads;
    float *scratch; /* [n_threads, 3, block_rows] */
} cir__scan;

/* Rows of a block: a matter of their bytes alone. */
size_t cir__scan_block_rows(const cir_rows *rows);

/* Whether a query can be asked of these rows. Errors: those of cir_search_scores, but for memory. */
CIR_MUST_CHECK cir_status cir__scan_check(const cir_rows *rows, const cir_query *query, cir_error *err);

/* Checks rows against query and takes scratch for the pool's threads. Errors: those of cir_search_scores. */
CIR_MUST_CHECK cir_status cir__scan_init(cir__scan *s, const cir_rows *rows, const cir_query *query,
                                         cir_pool *pool, cir_error *err);
void cir__scan_done(cir__scan *s);

/* Where the rows lie. */
const void *cir__scan_rows(const cir_rows *rows);

/* Whether the rows may be read: where their file has become shorter, a pass reads on none of them. */
bool cir__scan_may_read(const cir__mapped *mapped, const cir_rows *rows, size_t first, size_t n);

/* After a pass: whether all that it read was there. Errors: CIR_DAMAGED. */
CIR_MUST_CHECK cir_status cir__scan_check_read(const cir_rows *rows, cir_error *err);

/* The first row of a block; *n_out gets how many there are. */
size_t cir__scan_block(const cir__scan *s, size_t i_block, size_t *n_out);

/* One of a thread's three scratch arrays [block_rows]. */
float *cir__scan_scratch(const cir__scan *s, size_t i_thread, size_t i_part);

/* v[i] = ⟨a, xᵢ⟩ + a0 and t[i] = ⟨b, xᵢ⟩ + b0 of n rows from first on; 0 for a side that the query lacks, and
 * for all where the rows may not be read. */
void cir__scan_dot(const cir__scan *s, size_t first, size_t n, float *v, float *t);

/* NaN into values[i] where row first + i is not to be searched. */
void cir__scan_mask(const cir_rows *rows, size_t first, size_t n, float *values);

#endif
