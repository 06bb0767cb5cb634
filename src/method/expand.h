/* Query expansion (doc/method.md, step 4): the photo's feature becomes a weighted mean of itself and of its
 * nearest images. */
#ifndef CIR_METHOD_EXPAND_H
#define CIR_METHOD_EXPAND_H

#include "cir/method.h"
#include "cir/search.h"
#include "method/project.h"

/* query = Σ wᵢ·x̄ᵢ over the K = min(settings->neighbours, searchable rows) best rows by sᵢ = ⟨PPᵀ·query, x̄ᵢ⟩
 * and the query itself (s = 1); w = exp(β·s)/Σ. queries: [n, rows->dim] centred and unprojected, in and out.
 * projection, image_mean: as in cir__basic. One search for all of them, as settings say. Errors: those of
 * cir_search_find. */
CIR_MUST_CHECK cir_status cir__expand(const cir__projection *projection, const float *image_mean,
                                      const cir_settings *settings, const cir_rows *rows, cir_pool *pool,
                                      double *queries, size_t n, cir_error *err);

#endif
