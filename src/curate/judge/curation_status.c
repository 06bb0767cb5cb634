/* How far a project is. */
#include <stdlib.h>

#include "base/error.h"
#include "curate/judge/labels.h"
#include "curate/store/sql.h"

static void count_candidate(const cir__candidates *candidates, const cir__candidate *item,
                            const cir__label *label, cir_instance_status *to)
{
    to->n_found++;
    to->n_in_pool += item->is_in_pool;
    to->n_dropped += !item->is_kept;
    to->n_flagged += item->flags[0] != '\0';
    if (item->is_in_pool)
        to->by_source[cir__candidate_type_of_all(item, candidates->n_changes)]++;
    bool is_judged = false;
    bool is_positive = false;
    for (size_t c = 0; c < candidates->n_changes; c++) {
        is_judged = is_judged || label->verdicts[c] != CIR__VERDICT_NONE;
        is_positive = is_positive || label->verdicts[c] == CIR__VERDICT_YES;
        if (!item->is_kept || label->verdicts[c] != CIR__VERDICT_NO || label->is_removed ||
            label->is_ambiguous || label->is_query)
            continue;
        to->negatives_by_source[cir__candidate_type(item, c)]++;
        to->negatives_by_judged[cir__label_type(label, c)]++;
    }
    to->n_judged += is_judged;
    if (!item->is_kept) /* seeds, copies and the like are never in the set */
        return;
    to->n_positives += is_positive && !label->is_removed && !label->is_ambiguous;
    to->n_ambiguous += label->is_ambiguous;
    to->n_removed += label->is_removed;
    to->n_query_images += label->is_query;
}

static cir_status take_instance(cir_curation *curation, int64_t instance, cir_instance_status_visit *visit,
                                void *context, cir_error *err)
{
    cir__candidates candidates;
    cir__labels labels = {0};
    int64_t n_seeds = 0;
    int64_t n_gone = 0;
    cir_status status = cir__candidates_load(curation, instance, false, &candidates, err);
    if (status == CIR_OK)
        status = cir__labels_load(curation, &candidates, INT64_MAX, &labels, err);
    if (status == CIR_OK)
        status = cir__sql_get(curation->store, 0, &n_seeds, err,
                              "SELECT count(*) FROM seed WHERE instance = ?1", "i", instance);
    if (status == CIR_OK)
        status = cir__sql_get(
            curation->store, 0, &n_gone, err,
            "SELECT count(DISTINCT p.id) FROM found f JOIN seed s ON s.id = f.seed JOIN picture p ON "
            "p.id = f.picture WHERE s.instance = ?1 AND p.state = 'gone'",
            "i", instance);
    if (status == CIR_OK) {
        cir_instance_status one = {.key = candidates.key,
                                   .name = candidates.name,
                                   .n_changes = candidates.n_changes,
                                   .n_seeds = (size_t)n_seeds,
                                   .n_gone = (size_t)n_gone};
        for (size_t i = 0; i < candidates.n; i++)
            count_candidate(&candidates, &candidates.items[i], &labels.items[i], &one);
        visit(context, &one);
    }
    cir__labels_done(&labels);
    cir__candidates_done(&candidates);
    return status;
}

cir_status cir_curation_list_status(cir_curation *curation, cir_instance_status_visit *visit, void *context,
                                    cir_error *err)
{
    cir__error_clear(err);
    int64_t *instances = NULL;
    size_t n = 0;
    cir_status status = cir__curation_begin(curation, false, err);
    if (status != CIR_OK)
        return status;
    status = cir__candidates_list_instances(curation, NULL, 0, &instances, &n, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        status = take_instance(curation, instances[i], visit, context, err);
    free(instances);
    return cir__curation_end(curation, status, err);
}
