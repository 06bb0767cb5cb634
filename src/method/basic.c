/* BASIC's seven steps on one screen: an image's feature x enters through two inner products alone, so that
 * all of them fold into the query. Beside it: doc/method.md, whose numbers the steps have, or §4 of the
 * paper. */
#include "method/basic.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/centre.h"
#include "method/composed.h"
#include "method/contextualise.h"
#include "method/expand.h"
#include "method/fuse.h"

/* Photos → sv = ⟨a, x⟩ + a₀ each; q, a: [n, dim]. */
static cir_status image_sides(const cir__basic *basic, const cir_settings *settings, const cir_rows *rows,
                              cir_pool *pool, const float *const *images, size_t n, double *q, double *a,
                              cir__linear_form *forms, cir_error *err)
{
    const size_t dim = basic->dim;
    const float *const mu_v = basic->image_mean;
    cir_status status = CIR_OK;

    for (size_t i = 0; i < n; i++)
        cir__centre(dim, images[i], mu_v, q + i * dim); /* 1: q̄v = qv − μv */
    if (settings->expand)                               /* 4: q̃v = Σ wᵢ x̄ᵢ */
        status = cir__expand(basic->projection, mu_v, settings, rows, pool, q, n, err);
    if (status == CIR_OK) /* 3: a = PPᵀq̃v */
        status = cir__projection_apply(basic->projection, dim, q, n, a, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        forms[i] = cir__centre_fold(dim, a + i * dim, mu_v); /* 5: sv = ⟨a, x − μv⟩ */
        if (settings->normalise)                             /* 6: (sv − mv)/|mv| */
            cir__normalise(&forms[i], basic->minima.image, basic->minima.image);
    }
    return status;
}

/* Words → st = ⟨b, x⟩ + b₀ each; q, b: [n, dim]. Step 2, contextualising, is below. */
static cir_status text_sides(const cir__basic *basic, const cir_settings *settings, const float *const *texts,
                             size_t n, double *q, double *b, cir__linear_form *forms, cir_error *err)
{
    const bool is_projected = basic->text_projection != NULL && basic->text_projection->n_directions > 0;
    const double m_v = basic->minima.image, m_t = basic->minima.text;
    const size_t dim = basic->dim;

    for (size_t i = 0; i < n; i++)
        cir__centre(dim, texts[i], basic->text_mean, q + i * dim); /* 1: q̄t = qt − μt */
    const cir_status status = /* b = q̄t; beyond the paper P′P′ᵀq̄t */
        cir__projection_apply(is_projected ? basic->text_projection : NULL, dim, q, n, b, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        forms[i] = cir__centre_fold(dim, b + i * dim, basic->image_mean); /* 5: st = ⟨b, x − μv⟩ */
        if (settings->normalise) /* 6: (st − mt)/|mt|; the reference divides by |mv| */
            cir__normalise(&forms[i], m_t, settings->variant == CIR_VARIANT_PAPER ? m_t : m_v);
    }
    return status;
}

cir_status cir__basic_compose(const cir__basic *basic, const cir_settings *settings, const cir_rows *rows,
                              cir_pool *pool, const cir__query_set *set, cir_composed *composed_out,
                              cir_error *err)
{
    const size_t n_v = set->n_images, n_t = set->n_texts, n_forms = n_v + n_t;
    double *const q = cir__new(2 * n_forms, basic->dim * sizeof *q), *const folded = q + n_forms * basic->dim;
    cir__linear_form *const v = cir__new(n_forms, sizeof *v), *const t = v + n_v;
    cir_status status = q != NULL && v != NULL ? CIR_OK : cir__fail_memory(err, "a query");

    if (status == CIR_OK)
        status = image_sides(basic, settings, rows, pool, set->images, n_v, q, folded, v, err);
    if (status == CIR_OK)
        status = text_sides(basic, settings, set->texts, n_t, q, folded + n_v * basic->dim, t, err);
    for (size_t i = 0; i < set->n && status == CIR_OK; i++) {
        const cir__linear_form *const image = set->image_of[i] != SIZE_MAX ? &v[set->image_of[i]] : NULL;
        const cir__linear_form *const text = set->text_of[i] != SIZE_MAX ? &t[set->text_of[i]] : NULL;
        const cir_fusion fusion = cir__fuse_basic(settings, image != NULL, text != NULL); /* 7 */
        status = cir__composed_new(basic->dim, image, text, fusion, &composed_out[i], err);
    }
    free(q);
    free(v);
    return status;
}

cir_status cir__basic_encode_text(const cir__text_cache *texts, const cir_settings *settings,
                                  const cir__terms *context, cir_pool *pool, const char *text,
                                  float *feature_out, size_t *n_cut_out, cir_error *err)
{
    if (!settings->contextualise)
        return cir__text_cache_encode(texts, pool, &text, 1, feature_out, n_cut_out, err);
    if (cir__text_cache_read(texts, context->key, text, feature_out, n_cut_out))
        return CIR_OK;
    const cir_status status = /* 2: qt among n terms, in both orders */
        cir__contextualise(texts->model, pool, text, context->texts, context->n, feature_out, n_cut_out, err);
    if (status == CIR_OK)
        cir__text_cache_write(texts, context->key, text, feature_out, *n_cut_out);
    return status;
}
