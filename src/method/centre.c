#include "method/centre.h"

void cir__centre(size_t dim, const float *feature, const float *mean, double *centred_out)
{
    for (size_t i = 0; i < dim; i++)
        centred_out[i] = (double)feature[i] - (mean == NULL ? 0.0 : (double)mean[i]);
}

cir__linear_form cir__centre_fold(size_t dim, double *query, const float *mean)
{
    double offset = 0.0;

    for (size_t i = 0; mean != NULL && i < dim; i++)
        offset -= query[i] * (double)mean[i];
    return (cir__linear_form){.dim = dim, .weights = query, .offset = offset};
}
