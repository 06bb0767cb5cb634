#include "method/baseline.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/centre.h"
#include "method/composed.h"
#include "method/fit.h"
#include "method/fuse.h"

cir_status cir__baseline_query(cir_method method, const cir_settings *settings, size_t dim,
                               const float *image, const float *text, cir_composed *composed_out,
                               cir_error *err)
{
    const cir_method_info *const info = cir_method_get_info(method);
    const bool has_image = image != NULL && info->photo != CIR_INPUT_UNUSED;
    const bool has_text = text != NULL && info->words != CIR_INPUT_UNUSED;

    memset(composed_out, 0, sizeof *composed_out);
    if (!has_image && !has_text)
        return cir__fail(err, CIR_ARGUMENT, "method %s: the query has no %s; add it or choose another method",
                         info->name, info->words != CIR_INPUT_UNUSED ? "words" : "photo");

    double *q = cir__new(2 * dim, sizeof *q);
    if (q == NULL)
        return cir__fail_memory(err, "a query");
    const cir__linear_form v = {dim, q, 0.0}, t = {dim, q + dim, 0.0};
    if (has_image)
        cir__centre(dim, image, NULL, v.weights);
    if (has_text)
        cir__centre(dim, text, NULL, t.weights);
    const cir_status status =
        cir__composed_new(dim, has_image ? &v : NULL, has_text ? &t : NULL,
                          cir__fuse_baseline(method, settings, has_image, has_text), composed_out, err);
    free(q);
    return status;
}

cir_status cir__baseline_compose(const cir__compose_context *context, const cir__query_set *set,
                                 cir_composed *composed_out, cir_error *err)
{
    cir_status status = CIR_OK;

    for (size_t i = 0; i < set->n && status == CIR_OK; i++)
        status = cir__baseline_query(context->method, context->settings, context->fit->dim,
                                     set->image_of[i] != SIZE_MAX ? set->images[set->image_of[i]] : NULL,
                                     set->text_of[i] != SIZE_MAX ? set->texts[set->text_of[i]] : NULL,
                                     &composed_out[i], err);
    return status;
}
