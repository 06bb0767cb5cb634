/* An answer as a table for people and as JSON for programs. */
#include "cli/answer.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/output.h"
#include "cli/terminal_text.h"

static bool has_image_score(const cir__answer *answer)
{
    return answer->fusion.kind != CIR_FUSE_TEXT;
}

static bool has_text_score(const cir__answer *answer)
{
    return answer->fusion.kind != CIR_FUSE_IMAGE;
}

void cir__answer_print_table(const cir__answer *answer)
{
    if (answer->n_hits == 0) {
        printf("no photos to search in %s; next: cir index FOLDER -o %s\n", answer->index_path,
               answer->index_path);
        return;
    }
    printf("rank     score%s%s%s  path\n", has_image_score(answer) ? "     image" : "",
           has_text_score(answer) ? "      text" : "", answer->has_ranks ? "  by image   by text" : "");
    for (size_t i = 0; i < answer->n_hits; i++) {
        const cir__answer_hit *one = &answer->hits[i];
        printf("%4zu  %8.4f", i + 1, (double)one->hit.score);
        if (has_image_score(answer))
            printf("  %8.4f", (double)one->hit.image_score);
        if (has_text_score(answer))
            printf("  %8.4f", (double)one->hit.text_score);
        if (answer->has_ranks)
            printf("  %8zu  %8zu", one->rank.by_image, one->rank.by_text);
        char *path = cir__terminal_text_new(one->record.path);
        printf("  %s\n", path != NULL ? path : "");
        free(path);
    }
}

static json_t *hit_json(const cir__answer *answer, size_t i)
{
    const cir__answer_hit *one = &answer->hits[i];
    json_t *hit =
        json_pack("{s:I, s:I, s:o, s:f}", "rank", (json_int_t)(i + 1), "id", (json_int_t)one->hit.id, "path",
                  cir__json_text(one->record.path), "score", (double)one->hit.score);
    json_object_set_new(hit, "image_score",
                        has_image_score(answer) ? json_real((double)one->hit.image_score) : json_null());
    json_object_set_new(hit, "text_score",
                        has_text_score(answer) ? json_real((double)one->hit.text_score) : json_null());
    if (answer->has_ranks) {
        json_object_set_new(hit, "image_rank", json_integer((json_int_t)one->rank.by_image));
        json_object_set_new(hit, "text_rank", json_integer((json_int_t)one->rank.by_text));
    }
    return hit;
}

void cir__answer_print_json(const cir__answer *answer)
{
    json_t *hits = json_array();
    for (size_t i = 0; i < answer->n_hits; i++)
        json_array_append_new(hits, hit_json(answer, i));
    json_t *query = json_object();
    json_object_set_new(query, "image",
                        answer->query_image_path != NULL ? cir__json_text(answer->query_image_path)
                                                         : json_null());
    json_object_set_new(query, "text", cir__json_text(answer->query_text));
    json_t *document = json_pack(
        "{s:o, s:o, s:s, s:s, s:o, s:o, s:I, s:{s:f, s:f, s:f}, s:o}", "index",
        cir__json_text(answer->index_path), "model", cir__json_text(answer->model_name), "model_fingerprint",
        answer->model_fingerprint, "method", cir_method_name(answer->method), "settings",
        cir__settings_json(answer->settings), "query", query, "n_images", (json_int_t)answer->n_images, "ms",
        "encode", answer->encode_ms, "search", answer->search_ms, "total", answer->total_ms, "hits", hits);
    cir__json_print(document);
}
