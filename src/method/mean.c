#include "method/mean.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "format/npy.h"

cir_status cir__mean_read(const char *path, size_t dim, float **mean_out, cir_error *err)
{
    cir__npy_view view;
    cir_status status = cir__npy_read(path, mean_out, &view, err);

    if (status != CIR_OK)
        return status;
    if (view.n_rows * view.row_items != dim) {
        status = cir__fail(err, CIR_SHAPE,
                           "%s: holds %zu numbers, features have %zu; use the mean of the same model", path,
                           view.n_rows * view.row_items, dim);
        goto exit;
    }
    for (size_t i = 0; i < dim; i++) {
        if (isfinite((*mean_out)[i]))
            continue;
        status = cir__fail(err, CIR_FORMAT, "%s: item %zu is not a number; compute the mean again", path, i);
        goto exit;
    }
    return CIR_OK;
exit:
    free(*mean_out);
    *mean_out = NULL;
    return status;
}
