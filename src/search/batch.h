/* Many queries over the same rows: their distinct forms, and the products of all of them with a block of
 * rows. Queries that share a form (the same photo with several words) share its product. */
#ifndef CIR_SEARCH_BATCH_H
#define CIR_SEARCH_BATCH_H

#include "base/mapped.h"
#include "cir/search.h"
#include "kernels/kernels.h"

/* Lends the rows. End with cir__batch_done, also where its making failed. */
typedef struct cir__batch {
    const cir_rows *rows;
    const cir__kernels *kernels;
    const cir__mapped *mapped; /* the rows' file; NULL: they are in memory */
    size_t n_queries;
    size_t n_forms;
    float *weights; /* [n_forms, dim] */
    float *offsets; /* [n_forms] */
    size_t *forms;  /* [n_queries, 2] which form is a query's image and text score; SIZE_MAX: none */
} cir__batch;

/* Query i is at queries + i·query_bytes, so that queries may lie in larger structures. Checks them and copies
 * their distinct forms. Errors: those of cir_search_scores. */
CIR_MUST_CHECK cir_status cir__batch_init(cir__batch *batch, const cir_rows *rows, const cir_query *queries,
                                          size_t n_queries, size_t query_bytes, cir_error *err);
void cir__batch_done(cir__batch *batch);

/* Scores of rows first to first + n for every form: form s of row first + r goes to out[s·out_stride + r];
 * NaN where their file has become shorter, which cir__scan_check_read says after the pass. */
void cir__batch_scores(const cir__batch *batch, size_t first, size_t n, float *out, size_t out_stride);

/* Copies one form's scores [n] out of those of a block; 0 for a form that the query lacks. */
void cir__batch_form_scores(const float *block, size_t stride, size_t form, size_t n, float *out);

#endif
