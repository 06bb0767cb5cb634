#include "server/common/answer_json.h"

#include <stdlib.h>

#include "shared/json_encode.h"

bool cir__answer_init(cir__answer *answer, const cir_collection *collection, const cir_answer *found)
{
    const cir_index *index = cir_collection_get_info(collection)->index;
    const cir_index_info *of_index = cir_index_get_info(index);
    const cir_answer_info *info = cir_answer_get_info(found);
    const size_t n = cir_answer_get_n_hits(found);
    *answer = (cir__answer){.index_path = of_index->path,
                            .model_name = of_index->model->name,
                            .model_fingerprint = of_index->model->fingerprint,
                            .method = info->method,
                            .settings = info->settings,
                            .fusion = info->query->fusion,
                            .n_images = info->n_images,
                            .index = index,
                            .query_image_path = info->image_record != NULL ? info->image_record->path : NULL,
                            .query_record = info->image_record,
                            .n_cut = info->n_cut,
                            .encode_ms = info->image_ms + info->text_ms,
                            .search_ms = info->search_ms,
                            .total_ms = info->total_ms,
                            .report = *info->report,
                            .has_ranks = info->has_ranks,
                            .hits = calloc(n + 1, sizeof *answer->hits)};
    if (answer->hits == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        answer->hits[answer->n_hits++] = *cir_answer_get_hit(found, i);
    return true;
}

void cir__answer_done(cir__answer *answer)
{
    free(answer->hits);
    *answer = (cir__answer){0};
}

bool cir__answer_has_image_score(const cir__answer *answer)
{
    return answer->fusion.kind != CIR_FUSION_TEXT;
}

bool cir__answer_has_text_score(const cir__answer *answer)
{
    return answer->fusion.kind != CIR_FUSION_IMAGE;
}

static json_t *hit_json(const cir__answer *answer, size_t i)
{
    const cir_answer_hit *one = &answer->hits[i];
    json_t *hit = json_pack("{s:I, s:I, s:f}", "rank", (json_int_t)one->rank, "id", (json_int_t)one->id,
                            "score", (double)one->score);
    cir__json_add_path(hit, one->record->path);
    json_object_set_new(hit, "image_score",
                        cir__answer_has_image_score(answer) ? json_real((double)one->image_score)
                                                            : json_null());
    json_object_set_new(hit, "text_score",
                        cir__answer_has_text_score(answer) ? json_real((double)one->text_score)
                                                           : json_null());
    if (answer->has_ranks) {
        json_object_set_new(hit, "image_rank", cir__json_size(one->image_rank));
        json_object_set_new(hit, "text_rank", cir__json_size(one->text_rank));
    }
    return hit;
}

static json_t *times_json(const cir__answer *answer)
{
    json_t *ms = json_pack("{s:f, s:f, s:f}", "encode", answer->encode_ms, "search", answer->search_ms,
                           "total", answer->total_ms);
    for (size_t i = 0; i < answer->n_stages; i++)
        json_object_set_new(ms, answer->stages[i].name, json_real(answer->stages[i].ms));
    return ms;
}

static json_t *report_json(const cir_search_report *report)
{
    return json_pack("{s:b, s:I, s:I, s:f, s:f}", "codes", (int)report->used_codes, "candidates",
                     (json_int_t)report->n_candidates, "rescored", (json_int_t)report->n_rescored, "codes_ms",
                     report->codes_ms, "rescore_ms", report->rescore_ms);
}

json_t *cir__answer_json(const cir__answer *answer)
{
    json_t *hits = json_array();
    for (size_t i = 0; i < answer->n_hits; i++)
        json_array_append_new(hits, hit_json(answer, i));
    json_t *query = json_object();
    json_object_set_new(query, "image", cir__json_text(answer->query_image_path));
    json_object_set_new(query, "text", cir__json_text(answer->query_text));
    return json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o}", "index",
                     cir__json_text(answer->index_path), "model", cir__json_text(answer->model_name),
                     "model_fingerprint", answer->model_fingerprint, "method",
                     cir_method_name(answer->method), "settings", cir__settings_json(answer->settings),
                     "query", query, "n_images", (json_int_t)answer->n_images, "ms", times_json(answer),
                     "search", report_json(&answer->report), "hits", hits);
}
