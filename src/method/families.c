#include "method/families.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "method/baseline.h"
#include "method/basic.h"
#include "method/freedom.h"
#include "method/weicom.h"

/* ---- the table's functions, where a method's own are not it ---- */

static cir_status plain_encode(const cir__text_cache *texts, const cir_settings *settings,
                               const cir__terms *context, cir_pool *pool, const char *text,
                               float *feature_out, size_t *n_cut_out, cir_error *err)
{
    (void)settings, (void)context;
    return cir__text_cache_encode(texts, pool, &text, 1, feature_out, n_cut_out, err);
}

/* Composed elsewhere: the score is the plain similarity. */
static cir_status external_compose(const cir__compose_context *context, const cir__query_set *set,
                                   cir_composed *composed_out, cir_error *err)
{
    cir__compose_context of_image = *context;
    of_image.method = CIR_METHOD_IMAGE;
    return cir__baseline_compose(&of_image, set, composed_out, err);
}

static cir_status basic_compose(const cir__compose_context *context, const cir__query_set *set,
                                cir_composed *composed_out, cir_error *err)
{
    const cir__basic basic = cir__fit_get_basic(context->fit, context->gallery);
    return cir__basic_compose(&basic, context->settings, context->rows, context->pool, set, composed_out,
                              err);
}

static cir_status freedom_compose(const cir__compose_context *context, const cir__query_set *set,
                                  cir_composed *composed_out, cir_error *err)
{
    const cir_fit *const fit = context->fit;
    const cir__vocabulary vocabulary = {
        .words = fit->terms.texts, .features = fit->vocabulary, .n = fit->terms.n, .dim = fit->dim};
    return cir__freedom_compose(context, &vocabulary, set, composed_out, err);
}

static const cir__family families[] = {
    [CIR_FAMILY_BASELINE] = {NULL, plain_encode, cir__baseline_compose},
    [CIR_FAMILY_WEICOM] = {NULL, plain_encode, cir__weicom_compose},
    [CIR_FAMILY_EXTERNAL] = {NULL, plain_encode, external_compose},
    [CIR_FAMILY_FREEDOM] = {cir__fit_vocabulary, NULL, freedom_compose},
    [CIR_FAMILY_BASIC] = {cir__fit_basic, cir__basic_encode_text, basic_compose},
};
static_assert(sizeof families / sizeof families[0] == CIR_N_FAMILIES, "a family has no row");

const cir__family *cir__family_get(cir_family family)
{
    return &families[family];
}

cir_status cir__fit_new(const cir__fit_source *source, cir_method method, const cir_settings *settings,
                        cir_pool *pool, cir_fit **fit_out, cir_error *err)
{
    const cir_family family = cir_method_get_info(method)->family;
    cir_fit *const fit = *fit_out = cir__new(1, sizeof *fit);
    cir_status status = CIR_OK;

    if (fit == NULL)
        return cir__fail_memory(err, "a fit");
    *fit = (cir_fit){.family = family, .dim = source->rows.dim, .settings = *settings};
    if (source->model != NULL)
        strcpy(fit->model, cir_model_get_info(source->model)->fingerprint); /* of the same size */
    if (families[family].fit != NULL)
        status = families[family].fit(fit, source, pool, err);
    if (status != CIR_OK) {
        cir_fit_free(fit);
        *fit_out = NULL;
    }
    return status;
}
