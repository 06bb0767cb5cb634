/* BASIC on one screen. Beside it: METHOD §1, or §4 of the paper. */
#include "method/basic.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/composed.h"
#include "method/expand.h"
#include "method/fuse.h"

cir_status cir__basic_image_sides(const cir__basic *basic, const cir_settings *settings, const cir_rows *rows,
                                  cir_pool *pool, const float *const *images, size_t n, double *weights_out,
                                  cir__side *sides_out, cir_error *err)
{
    const size_t dim = basic->dim;
    const float *const mu_v = basic->image_mean;
    const double m_v = basic->minima.image;
    double *const q_v = cir__new(n, dim * sizeof *q_v), *const a = weights_out;
    cir_status status = CIR_OK;

    if (q_v == NULL)
        return cir__fail_memory(err, "a query");
    for (size_t i = 0; i < n; i++)
        cir__centre(dim, images[i], mu_v, q_v + i * dim); /* q̄v = qv − μv */
    if (settings->expand)                                 /* q̃v = Σ wᵢ x̄ᵢ */
        status = cir__expand(basic->projection, mu_v, settings, rows, pool, q_v, n, err);
    if (status == CIR_OK) /* a = PPᵀq̃v */
        status = cir__projection_apply(basic->projection, dim, q_v, n, a, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        sides_out[i] = cir__centre_fold(dim, a + i * dim, mu_v); /* sv = ⟨a, x − μv⟩ */
        if (settings->normalise)
            cir__normalise(&sides_out[i], m_v, m_v); /* (sv − mv)/|mv| */
    }
    free(q_v);
    return status;
}

cir_status cir__basic_text_side(const cir__basic *basic, const cir_settings *settings, const float *text,
                                double *weights_out, cir__side *side_out, cir_error *err)
{
    const cir__projection *const P = basic->text_projection;
    const double m_v = basic->minima.image, m_t = basic->minima.text;
    const size_t dim = basic->dim;

    *side_out = (cir__side){0};
    cir__centre(dim, text, basic->text_mean, weights_out); /* q̄t = qt − μt; contextualised before */
    if (P != NULL && P->n_directions > 0) {                /* b = P′P′ᵀq̄t, beyond the paper */
        double *const q_t = cir__new(dim, sizeof *q_t);
        if (q_t == NULL)
            return cir__fail_memory(err, "a query");
        memcpy(q_t, weights_out, dim * sizeof *q_t);
        const cir_status status = cir__projection_apply(P, dim, q_t, 1, weights_out, err);
        free(q_t);
        if (status != CIR_OK)
            return status;
    }
    *side_out = cir__centre_fold(dim, weights_out, basic->image_mean); /* st = ⟨b, x − μv⟩ */
    if (settings->normalise) /* (st − mt)/|mt|; the reference divides by |mv| */
        cir__normalise(side_out, m_t, settings->variant == CIR_VARIANT_PAPER ? m_t : m_v);
    return CIR_OK;
}

cir_status cir__basic_join(const cir__basic *basic, const cir_settings *settings, const cir__side *image,
                           const cir__side *text, cir_composed *composed_out, cir_error *err)
{
    return cir__composed_new(basic->dim, image, text, cir__fuse_basic(settings, image != NULL, text != NULL),
                             composed_out, err);
}

cir_status cir__basic_compose(const cir__basic *basic, const cir_settings *settings, const cir_rows *rows,
                              cir_pool *pool, const float *image, const float *text,
                              cir_composed *composed_out, cir_error *err)
{
    double *const weights = cir__new(2 * basic->dim, sizeof *weights);
    cir__side v = {0}, t = {0};
    cir_status status = CIR_OK;

    memset(composed_out, 0, sizeof *composed_out);
    if (weights == NULL)
        return cir__fail_memory(err, "a query");
    if (image != NULL)
        status = cir__basic_image_sides(basic, settings, rows, pool, &image, 1, weights, &v, err);
    if (status == CIR_OK && text != NULL)
        status = cir__basic_text_side(basic, settings, text, weights + basic->dim, &t, err);
    if (status == CIR_OK)
        status = cir__basic_join(basic, settings, image != NULL ? &v : NULL, text != NULL ? &t : NULL,
                                 composed_out, err);
    free(weights);
    return status;
}
