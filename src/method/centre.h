/* Centring (doc/method.md, step 1): features are taken relative to the mean feature of their kind. */
#ifndef CIR_METHOD_CENTRE_H
#define CIR_METHOD_CENTRE_H

#include <stddef.h>

/* A query's form while it is being made: for an image's feature x its score is ⟨weights, x⟩ + offset. */
typedef struct cir__linear_form {
    size_t dim;
    double *weights; /* [dim], lent */
    double offset;
} cir__linear_form;

/* centred_out = feature − mean; mean NULL means 0. All [dim]. Nothing is re-normalised. */
void cir__centre(size_t dim, const float *feature, const float *mean, double *centred_out);

/* The form that scores the centred image: ⟨query, x − mean⟩ = ⟨query, x⟩ − ⟨query, mean⟩. Lends query. */
cir__linear_form cir__centre_fold(size_t dim, double *query, const float *mean);

#endif
