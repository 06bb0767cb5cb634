#include "retrieval/found.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

cir_answer *cir__answer_new(cir_collection *collection)
{
    cir_answer *answer = cir__new(1, sizeof *answer);
    if (answer == NULL)
        return NULL;
    answer->collection = collection;
    answer->info.settings = &answer->settings;
    answer->info.query = &answer->composed.query;
    answer->info.report = &answer->report;
    return answer;
}

void cir_answer_free(cir_answer *answer)
{
    if (answer == NULL)
        return;
    for (size_t i = 0; i < answer->n_hits; i++) {
        cir_image_record_done(&answer->records[i]);
        free((size_t *)(uintptr_t)answer->hits[i].duplicates);
    }
    free(answer->hits);
    free(answer->records);
    free(answer->image_feature);
    cir_image_record_done(&answer->image_record);
    cir_composed_done(&answer->composed);
    cir__collection_return_mask(answer->collection, answer->mask);
    free(answer);
}

size_t cir_answer_get_n_hits(const cir_answer *answer)
{
    return answer != NULL ? answer->n_hits : 0;
}

const cir_answer_hit *cir_answer_get_hit(const cir_answer *answer, size_t i)
{
    return &answer->hits[i];
}

const cir_answer_info *cir_answer_get_info(const cir_answer *answer)
{
    return &answer->info;
}

cir_status cir_answer_get_scores(const cir_answer *answer, float *image_scores_out, float *text_scores_out,
                                 cir_error *err)
{
    cir__error_clear(err);
    if (answer->rows.n_rows == 0)
        return CIR_OK;
    return cir_search_scores(&answer->rows, &answer->composed.query,
                             cir_collection_get_info(answer->collection)->pool, NULL, image_scores_out,
                             text_scores_out, err);
}
