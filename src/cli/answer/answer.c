/* An answer as a table for people and as JSON for programs. */
#include "cli/answer/answer.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/common/output.h"
#include "cli/common/session.h"
#include "shared/json_encode.h"

/* How the answers were found. */
static void print_report(const cir__answer *answer)
{
    const cir_search_report *report = &answer->report;
    char n_images[32], n_candidates[32], n_rescored[32];
    if (report->used_codes)
        printf("found by compact codes of %s photos: %s of %s candidates were looked at themselves, %.1f ms "
               "and %.1f ms\n",
               cir__count_text(answer->n_images, n_images), cir__count_text(report->n_rescored, n_rescored),
               cir__count_text(report->n_candidates, n_candidates), report->codes_ms, report->rescore_ms);
    else
        printf("exact search over %s photos\n", cir__count_text(answer->n_images, n_images));
}

void cir__answer_print_table(const cir__answer *answer)
{
    if (answer->n_hits == 0)
        return;
    printf("rank     score%s%s%s  path\n", cir__answer_has_image_score(answer) ? "     image" : "",
           cir__answer_has_text_score(answer) ? "      text" : "",
           answer->has_ranks ? "  by image   by text" : "");
    for (size_t i = 0; i < answer->n_hits; i++) {
        const cir_answer_hit *one = &answer->hits[i];
        printf("%4zu  %8.4f", i + 1, (double)one->score);
        if (cir__answer_has_image_score(answer))
            printf("  %8.4f", (double)one->image_score);
        if (cir__answer_has_text_score(answer))
            printf("  %8.4f", (double)one->text_score);
        if (answer->has_ranks)
            printf("  %8zu  %8zu", one->image_rank, one->text_rank);
        printf("  ");
        cir__put_text(stdout, one->record->path);
        if (one->n_duplicates > 0)
            printf("  (+%zu)", one->n_duplicates);
        putchar('\n');
    }
    if (answer->has_ranks)
        print_report(answer);
}

void cir__answer_print_json(const cir__answer *answer)
{
    json_t *document = cir__answer_json(answer);
    for (size_t i = 0; i < answer->n_hits && answer->is_folded && document != NULL; i++) {
        const cir_answer_hit *hit = &answer->hits[i];
        json_t *ids = json_array();
        for (size_t j = 0; j < hit->n_duplicates; j++)
            json_array_append_new(ids, cir__json_size(hit->duplicates[j]));
        json_object_set_new(json_array_get(json_object_get(document, "hits"), i), "folded", ids);
    }
    cir__json_print(document);
}
