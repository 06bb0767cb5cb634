#include "curate/judge/curated_set.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

/* The change that a picture is positive for. false: it is not in the database. */
static bool place(const cir__set_instance *instance, size_t i, cir_two_texts two_texts, size_t *i_change_out,
                  bool *is_unseen_out, bool *has_two_texts_out)
{
    const cir__candidate *item = &instance->candidates.items[i];
    const cir__label *label = &instance->labels.items[i];
    size_t n_positive = 0;
    bool is_seen = true;
    *i_change_out = CIR__NEGATIVE;
    for (size_t c = 0; c < instance->candidates.n_changes; c++) {
        if (label->verdicts[c] == CIR__VERDICT_YES && n_positive++ == 0)
            *i_change_out = c;
        is_seen = is_seen && label->verdicts[c] != CIR__VERDICT_NONE;
    }
    is_seen = is_seen || n_positive > 0;
    const bool is_out = !item->is_kept || label->is_removed || label->is_ambiguous || label->is_query;
    *is_unseen_out = !is_out && item->is_in_pool && !is_seen;
    *has_two_texts_out = !is_out && n_positive > 1;
    return !is_out && is_seen && (n_positive < 2 || two_texts != CIR_TWO_TEXTS_DROP);
}

static int compare_rows(const void *a, const void *b)
{
    const cir__set_row *x = a;
    const cir__set_row *y = b;
    if (x->i_change != y->i_change)
        return x->i_change < y->i_change ? -1 : 1;
    return (x->i_candidate > y->i_candidate) - (x->i_candidate < y->i_candidate);
}

static cir_status fill(cir_curation *curation, cir__set_instance *to, cir_two_texts two_texts, cir_error *err)
{
    to->rows = cir__new(to->candidates.n, sizeof *to->rows);
    to->queries = cir__new(to->candidates.n, sizeof *to->queries);
    to->n_positives = cir__new(to->candidates.n_changes, sizeof *to->n_positives);
    if (to->rows == NULL || to->queries == NULL || to->n_positives == NULL)
        return cir__fail_memory(err, curation->path);
    for (size_t i = 0; i < to->candidates.n; i++) {
        size_t i_change;
        bool is_unseen;
        bool has_two_texts;
        const cir__label *label = &to->labels.items[i];
        if (label->is_query && !label->is_removed && to->candidates.items[i].is_kept)
            to->queries[to->n_queries++] = i;
        const bool is_in = place(to, i, two_texts, &i_change, &is_unseen, &has_two_texts);
        to->n_unseen += is_unseen;
        to->n_two_texts += has_two_texts;
        if (!is_in)
            continue;
        to->rows[to->n_rows++] = (cir__set_row){i, i_change};
        if (i_change != CIR__NEGATIVE)
            to->n_positives[i_change]++;
    }
    qsort(to->rows, to->n_rows, sizeof *to->rows, compare_rows);
    return CIR_OK;
}

cir_status cir__curated_set_load(cir_curation *curation, cir_two_texts two_texts, int64_t until,
                                 cir__curated_set *set_out, cir_error *err)
{
    *set_out = (cir__curated_set){0};
    int64_t *ids = NULL;
    size_t n = 0;
    size_t n_queries = 0;
    cir_status status = cir__curation_begin(curation, false, err);
    if (status != CIR_OK)
        return status;
    status = cir__candidates_list_instances(curation, NULL, 0, &ids, &n, err);
    if (status == CIR_OK) {
        set_out->instances = cir__new(n, sizeof *set_out->instances);
        if (set_out->instances == NULL)
            status = cir__fail_memory(err, curation->path);
    }
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        cir__set_instance *instance = &set_out->instances[set_out->n++];
        status = cir__candidates_load(curation, ids[i], true, &instance->candidates, err);
        if (status == CIR_OK)
            status = cir__labels_load(curation, &instance->candidates, until, &instance->labels, err);
        if (status == CIR_OK)
            status = fill(curation, instance, two_texts, err);
        for (size_t c = 0; status == CIR_OK && c < instance->candidates.n_changes; c++)
            n_queries += cir__set_has_query(instance, c) ? instance->n_queries : 0;
    }
    free(ids);
    status = cir__curation_end(curation, status, err);
    if (status == CIR_OK && n_queries == 0)
        status = cir__fail(
            err, CIR_ARGUMENT,
            "%s: no instance has both a query image and a positive; judge first: cir curate decide %s",
            curation->path, curation->path);
    return status;
}

void cir__curated_set_done(cir__curated_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        cir__candidates_done(&set->instances[i].candidates);
        cir__labels_done(&set->instances[i].labels);
        free(set->instances[i].rows);
        free(set->instances[i].queries);
        free(set->instances[i].n_positives);
    }
    free(set->instances);
    *set = (cir__curated_set){0};
}

bool cir__set_has_query(const cir__set_instance *instance, size_t i_change)
{
    return instance->n_queries > 0 && instance->n_positives[i_change] > 0;
}
