#include "method/contextualise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* "first second" written at *cursor, which moves behind it. */
static const char *join(char **cursor, const char *first, const char *second)
{
    char *const begin = *cursor;
    const size_t n_first = strlen(first), n_second = strlen(second);

    memcpy(begin, first, n_first);
    begin[n_first] = ' ';
    memcpy(begin + n_first + 1, second, n_second + 1);
    *cursor = begin + n_first + n_second + 2;
    return begin;
}

/* The unit average of unit features [n, dim]. */
static cir_status average(const float *features, size_t n, size_t dim, double *sum, float *feature_out,
                          cir_error *err)
{
    double square = 0.0;

    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < dim; i++)
            sum[i] += (double)features[r * dim + i];
    for (size_t i = 0; i < dim; i++)
        square += sum[i] * sum[i];
    if (!(square > 0.0))
        return cir__fail(err, CIR_FORMAT,
                         "contextualised text: its features cancel out; set contextualise=0");
    for (size_t i = 0; i < dim; i++)
        feature_out[i] = (float)(sum[i] / sqrt(square));
    return CIR_OK;
}

cir_status cir__contextualise(const cir_model *model, cir_pool *pool, const char *text,
                              const char *const *terms, size_t n_terms, float *feature_out, size_t *n_cut_out,
                              cir_error *err)
{
    const size_t dim = cir_model_get_info(model)->dim;
    size_t n_texts, n_features, n_bytes, terms_bytes = 0;
    const char **texts = NULL;
    char *joined = NULL;
    float *features = NULL;
    double *sum = NULL;
    cir_status status = CIR_NO_MEMORY;

    *n_cut_out = 0;
    for (size_t i = 0; i < n_terms; i++)
        terms_bytes += strlen(terms[i]) + 2;
    if (cir__size_mul(strlen(text), n_terms, &n_bytes) && cir__size_add(n_bytes, terms_bytes, &n_bytes) &&
        cir__size_mul(n_terms, 2, &n_texts) && cir__size_mul(n_texts, dim, &n_features)) {
        texts = cir__new(n_texts, sizeof *texts);
        joined = cir__new_unset(n_bytes, 2);
        features = cir__new_unset(n_features, sizeof *features);
        sum = cir__new(dim, sizeof *sum);
    }
    if (texts == NULL || joined == NULL || features == NULL || sum == NULL) {
        status = cir__fail_memory(err, "a contextualised text");
        goto exit;
    }

    char *cursor = joined;
    for (size_t i = 0; i < n_terms; i++) {
        texts[i] = join(&cursor, terms[i], text);
        texts[n_terms + i] = join(&cursor, text, terms[i]);
    }
    /* The terms are the same for every query: "term text" begins with what is known already. */
    status = cir_model_cache_prefixes(model, pool, terms, n_terms, err);
    if (status == CIR_OK)
        status = cir_model_encode_texts(model, pool, texts, n_texts, features, n_cut_out, err);
    if (status == CIR_OK)
        status = average(features, n_texts, dim, sum, feature_out, err);
exit:
    free(texts);
    free(joined);
    free(features);
    free(sum);
    return status;
}
