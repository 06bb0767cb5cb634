/* BASIC on one screen. Beside it: METHOD §1, or §4 of the paper. */
#include "method/basic.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/centre.h"
#include "method/composed.h"
#include "method/expand.h"
#include "method/fuse.h"

bool cir__method_is_basic(cir_method method)
{
    return method == CIR_METHOD_BASIC || method == CIR_METHOD_BASIC_MINUS;
}

cir_status cir__basic_compose(const cir__basic *basic, const cir_settings *settings, const cir_rows *rows,
                              cir_pool *pool, const float *image, const float *text,
                              cir_composed *composed_out, cir_error *err)
{
    const size_t dim = basic->dim;
    const float *const mu_v = basic->image_mean, *const mu_t = basic->text_mean;
    const double m_v = basic->minima.image, m_t = basic->minima.text;
    double *q = cir__new(3 * dim, sizeof *q), *const q_v = q, *const a = q + dim, *const q_t = q + 2 * dim;
    cir__side v = {0}, t = {0};
    cir_status status = CIR_OK;

    memset(composed_out, 0, sizeof *composed_out);
    if (q == NULL)
        return cir__fail_memory(err, "a query");

    if (image != NULL) {
        cir__centre(dim, image, mu_v, q_v); /* q̄v = qv − μv */
        if (settings->expand)               /* q̃v = Σ wᵢ x̄ᵢ */
            status = cir__expand(basic->projection, mu_v, settings, rows, pool, q_v, err);
        if (status != CIR_OK)
            goto exit;
        cir__projection_apply(basic->projection, dim, q_v, a); /* a = PPᵀq̃v */
        v = cir__centre_fold(dim, a, mu_v);                    /* sv = ⟨a, x − μv⟩ */
        if (settings->normalise)
            cir__normalise(&v, m_v, m_v); /* (sv − mv)/|mv| */
    }
    if (text != NULL) {
        cir__centre(dim, text, mu_t, q_t);    /* q̄t = qt − μt; contextualised before */
        t = cir__centre_fold(dim, q_t, mu_v); /* st = ⟨q̄t, x − μv⟩ */
        if (settings->normalise)              /* (st − mt)/|mt|; the reference divides by |mv| */
            cir__normalise(&t, m_t, settings->variant == CIR_VARIANT_PAPER ? m_t : m_v);
    }
    status = cir__composed_new(dim, image != NULL ? &v : NULL, text != NULL ? &t : NULL,
                               cir__fuse_basic(settings, image != NULL, text != NULL), composed_out, err);
exit:
    free(q);
    return status;
}
