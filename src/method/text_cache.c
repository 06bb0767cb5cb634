#include "method/text_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "index/store/texts_file.h"

#define PLAIN "plain" /* a text as it stands */

/* To be raised whenever the text towers' features change by more than rounding. */
#define REVISION 1

enum { KIND_SIZE = 96 };

static void kind_format(const cir__text_cache *cache, const char *key, char kind_out[KIND_SIZE])
{
    snprintf(kind_out, KIND_SIZE, "%d %d %s", REVISION, (int)cir_model_get_info(cache->model)->precision,
             key);
}

bool cir__text_cache_read(const cir__text_cache *cache, const char *key, const char *text, float *feature_out,
                          size_t *n_cut_out)
{
    char kind[KIND_SIZE];

    if (cache->folder == NULL)
        return false;
    kind_format(cache, key, kind);
    return cir__texts_file_find(cache->folder, cir_model_get_info(cache->model)->dim, kind, text, feature_out,
                                n_cut_out);
}

void cir__text_cache_write(const cir__text_cache *cache, const char *key, const char *text,
                           const float *feature, size_t n_cut)
{
    char kind[KIND_SIZE];

    if (cache->folder == NULL)
        return;
    kind_format(cache, key, kind);
    cir__texts_file_put(cache->folder, cir_model_get_info(cache->model)->dim, kind, text, feature, n_cut);
}

cir_status cir__text_cache_encode(const cir__text_cache *cache, cir_pool *pool, const char *const *texts,
                                  size_t n, float *features_out, size_t *n_cut_out, cir_error *err)
{
    const size_t dim = cir_model_get_info(cache->model)->dim;
    size_t n_missing = 0, n_cut;
    cir_status status = CIR_OK;

    *n_cut_out = 0;
    const char **missing = cir__new(n, sizeof *missing);
    size_t *places = cir__new(n, sizeof *places);
    float *made = cir__new(n, dim * sizeof *made);
    if (missing == NULL || places == NULL || made == NULL) {
        status = cir__fail_memory(err, "texts");
        goto exit;
    }
    for (size_t i = 0; i < n; i++) {
        if (cir__text_cache_read(cache, PLAIN, texts[i], features_out + i * dim, &n_cut)) {
            *n_cut_out += n_cut;
            continue;
        }
        places[n_missing] = i;
        missing[n_missing++] = texts[i];
    }
    if (n_missing == 0)
        goto exit;
    status = cir_model_encode_texts(cache->model, pool, missing, n_missing, made, &n_cut, err);
    if (status != CIR_OK)
        goto exit;
    *n_cut_out += n_cut;
    for (size_t i = 0; i < n_missing; i++) {
        memcpy(features_out + places[i] * dim, made + i * dim, dim * sizeof *made);
        /* Which of several were cut is not known. */
        if (n_cut == 0 || n_missing == 1)
            cir__text_cache_write(cache, PLAIN, missing[i], made + i * dim, n_cut);
    }
exit:
    free(missing);
    free(places);
    free(made);
    return status;
}
