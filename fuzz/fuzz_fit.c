/* Bytes → a fit, with length and checksum made right where the first byte is odd; one that is read can be
 * written, read again and composed with. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "cir/image.h"
#include "method/composer.h"
#include "method/fit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A query of both sides, for families that need no model. */
static void compose(const cir_fit *fit)
{
    const cir_method method = fit->family == CIR_FAMILY_BASIC ? CIR_METHOD_BASIC : CIR_METHOD_SUM;
    cir_composer *composer;
    cir_composed composed;
    float feature[64];
    if (fit->dim > 64 || (fit->family != CIR_FAMILY_BASIC && fit->family != CIR_FAMILY_BASELINE))
        return;
    for (size_t i = 0; i < 64; i++)
        feature[i] = 1.0f / (float)(i + 1);
    const cir_rows rows = {.n_rows = 1, .dim = fit->dim, .f32 = feature};
    if (cir__composer_new(fit, NULL, &rows, NULL, method, NULL, &composer, NULL) != CIR_OK)
        return;
    if (cir_composer_compose_features(composer, NULL, feature, feature, NULL, &composed, NULL) == CIR_OK)
        cir_composed_done(&composed);
    cir_composer_free(composer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir_fit *fit, *again;
    if (size < 25)
        return 0;
    const size_t n = size - 1;
    uint8_t *const bytes = malloc(n), *out;
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data + 1, n);
    if (data[0] % 2 == 1) {
        const uint64_t said = n;
        memcpy(bytes + 8, &said, sizeof said);
        const uint64_t hash = cir__hash64(bytes, n - 8);
        memcpy(bytes + n - 8, &hash, sizeof hash);
    }
    const cir_status status = cir_fit_parse(bytes, n, "input", &fit, NULL);
    free(bytes);
    if (status != CIR_OK)
        return 0;
    size_t n_out;
    if (cir_fit_format(fit, &out, &n_out, NULL) == CIR_OK) {
        if (cir_fit_parse(out, n_out, "output", &again, NULL) != CIR_OK)
            __builtin_trap();
        cir_fit_free(again);
        cir_bytes_free(out);
    }
    compose(fit);
    cir_fit_free(fit);
    return 0;
}
