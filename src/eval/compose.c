#include "eval/compose.h"

#include <stdbool.h>
#include <string.h>

#include "method/baseline.h"
#include "method/basic.h"
#include "method/weicom.h"

cir_status cir__composing_new(const cir_dataset *dataset, cir_method method, cir_settings *settings,
                              cir_pool *pool, cir__composing *composing_out, cir_error *err)
{
    *composing_out = (cir__composing){.dataset = dataset, .settings = settings, .method = method};
    cir_status status = cir_dataset_check(dataset, method, err);
    if (status == CIR_OK && cir__method_is_freedom(method))
        status = cir__words_new(dataset, settings, pool, &composing_out->words, err);
    if (status == CIR_OK && cir__method_is_basic(method))
        status = cir__fit_new(dataset, settings, pool, &composing_out->fit, err);
    return status;
}

void cir__composing_done(cir__composing *composing)
{
    cir__fit_done(&composing->fit);
    cir__words_done(&composing->words);
    memset(composing, 0, sizeof *composing);
}

/* Composed elsewhere: the score is the plain similarity. */
static cir_status external_compose(const cir_dataset *dataset, size_t q, cir_composed *composed_out,
                                   cir_error *err)
{
    const size_t dim = dataset->composed_dim;
    const cir_settings none = {.weight = 0.5};

    return cir__baseline_compose(CIR_METHOD_IMAGE, &none, dim, dataset->query_composed + q * dim, NULL,
                                 composed_out, err);
}

cir_status cir__compose(const cir__composing *composing, size_t q, const cir_rows *rows, const float *image,
                        cir_composed *composed_out, cir_error *err)
{
    const cir_dataset *const dataset = composing->dataset;
    const cir_settings *const settings = composing->settings;
    const cir_method method = composing->method;
    const float *const text = cir__dataset_get_text(dataset, dataset->query_text, q);

    if (cir__method_is_baseline(method))
        return cir__baseline_compose(method, settings, dataset->info.dim, image, text, composed_out, err);
    if (method == CIR_METHOD_WEICOM)
        return cir__weicom_compose(settings, rows, NULL, image, text, composed_out, err);
    if (cir__method_is_freedom(method))
        return cir__words_compose(&composing->words, dataset, settings, q, composed_out, err);
    if (method == CIR_METHOD_EXTERNAL)
        return external_compose(dataset, q, composed_out, err);
    return cir__basic_compose(
        cir__fit_get(&composing->fit, dataset->queries[q].instance), settings, rows, NULL, image,
        cir__dataset_get_text(dataset, composing->fit.material.query_text, q), composed_out, err);
}

cir_status cir__compose_all(const cir__composing *composing, size_t begin, size_t end, const cir_rows *rows,
                            cir_composed *composed_out, cir_error *err)
{
    const bool expands = cir__method_is_basic(composing->method) && composing->settings->expand;
    const float *before = NULL;
    cir_status status = CIR_OK;

    memset(composed_out, 0, (end - begin) * sizeof *composed_out);
    for (size_t q = begin; q < end && status == CIR_OK; q++) {
        cir_composed *const composed = &composed_out[q - begin];
        const float *const image = cir__dataset_get_image(composing->dataset, q);
        const bool shares = expands && image == before;
        status = cir__compose(composing, q, rows, shares ? NULL : image, composed, err);
        before = image;
        if (!shares || status != CIR_OK)
            continue;
        composed->query.a = composed[-1].query.a;
        composed->query.a0 = composed[-1].query.a0;
        composed->query.fusion = composed[-1].query.fusion;
    }
    return status;
}
