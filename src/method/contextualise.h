/* Contextualised texts (doc/method.md, step 2): words as they read among things, not alone. */
#ifndef CIR_METHOD_CONTEXTUALISE_H
#define CIR_METHOD_CONTEXTUALISE_H

#include "cir/method.h"
#include "cir/model.h"

/* Joins text with each of the terms in both orders, "term text" and "text term", encodes all 2·n_terms of
 * them in one batch, averages the unit features, and makes the average a unit feature again: feature_out
 * [dim], not yet centred. n_terms ≥ 1. n_cut_out gets how many were longer than the model reads. Errors:
 * those of cir_model_encode_texts, CIR_FORMAT (the average vanishes). */
CIR_MUST_CHECK cir_status cir__contextualise(const cir_model *model, cir_pool *pool, const char *text,
                                             const char *const *terms, size_t n_terms, float *feature_out,
                                             size_t *n_cut_out, cir_error *err);

#endif
