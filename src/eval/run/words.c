#include "eval/run/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "eval/run/material.h"

/* Queries are inside their database if even the one that is least at home there is. */
static cir_status inside_fill(const cir_dataset *dataset, const cir_settings *settings, cir_pool *pool,
                              cir__words *words, cir_error *err)
{
    words->are_inside = cir__new(dataset->info.n_instances, sizeof *words->are_inside);
    if (words->are_inside == NULL)
        return cir__fail_memory(err, "an evaluation");
    for (size_t i = 0; i < dataset->info.n_instances; i++)
        words->are_inside[i] = true;
    for (size_t q = 0; q < dataset->info.n_queries; q++) {
        const size_t instance = dataset->queries[q].instance;
        const cir_rows rows = cir__dataset_get_rows(dataset, instance);
        const float *const image = cir__dataset_get_image(dataset, q);
        double best;
        if (q > 0 && image == cir__dataset_get_image(dataset, q - 1))
            continue; /* the same photo with other words */
        const cir_status status = cir__freedom_find_best(&rows, settings, image, pool, &best, err);
        if (status != CIR_OK)
            return status;
        words->are_inside[instance] = words->are_inside[instance] && best >= CIR__FREEDOM_INSIDE;
    }
    return CIR_OK;
}

cir_status cir__words_new(const cir_dataset *dataset, const cir_settings *settings, cir_pool *pool,
                          cir__words *words, cir_error *err)
{
    memset(words, 0, sizeof *words);
    cir_status status = cir__terms_read(CIR__CORPUS_OBJECTS, settings, &words->terms, err);
    if (status != CIR_OK)
        return status;
    words->vocabulary.words = words->terms.texts;
    status = cir__material_encode_corpus(dataset, &words->terms, pool, &words->vocabulary.features,
                                         &words->vocabulary.n, err);
    return status == CIR_OK && settings->expand ? inside_fill(dataset, settings, pool, words, err) : status;
}

void cir__words_done(cir__words *words)
{
    cir__terms_done(&words->terms);
    free(words->are_inside);
    memset(words, 0, sizeof *words);
}

cir_status cir__words_compose(const cir__words *words, const cir_dataset *dataset,
                              const cir_settings *settings, size_t q, cir_composed *composed_out,
                              cir_error *err)
{
    const cir__item *const query = &dataset->queries[q];
    const cir_rows rows = cir__dataset_get_rows(dataset, query->instance);
    const bool is_inside = words->are_inside != NULL && words->are_inside[query->instance];
    const cir__recent nothing_kept = {dataset->model, NULL};
    cir__described described;
    const cir_status status = cir__freedom_describe(&words->vocabulary, settings, is_inside, &rows, NULL,
                                                    cir__dataset_get_image(dataset, q), &described, err);

    return status == CIR_OK ? cir__freedom_compose(&nothing_kept, &words->vocabulary, &described, NULL,
                                                   dataset->texts.names[query->text], composed_out, err)
                            : status;
}
