#include "curate/mine/filters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "curate/mine/candidates.h"
#include "curate/mine/quota.h"
#include "curate/store/sql.h"

enum { DEFAULT_PER_INSTANCE = 4000, MOST_ASPECT = 4 };
#define LEAST_SHARPNESS 15.0f

/* A seed's photo, of whichever instance. */
typedef struct seed_looks {
    uint8_t hash[CIR__HASH_SIZE];
    cir__looks looks;
} seed_looks;

typedef struct filtering {
    cir_curation *curation;
    const cir_mining_options *options;
    size_t min_side_px;
    cir__candidates candidates;
    seed_looks *seeds;
    size_t n_seeds, seeds_capacity;
    int64_t *asked; /* pictures that a person asked to keep, by id */
    size_t n_asked, asked_capacity;
    size_t *same_as; /* [n] i: stands for itself */
    cir_mining_report *report;
    cir_error *err;
} filtering;

static cir_status load_seeds(filtering *self)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    cir_status status =
        cir__sql_prepare(self->curation->store, &statement, self->err,
                         "SELECT hash, looks FROM seed WHERE hash IS NOT NULL GROUP BY hash", "");
    while (status == CIR_OK &&
           (status = cir__store_step(self->curation->store, statement, &has_row, self->err)) == CIR_OK &&
           has_row) {
        if (!cir__grow((void **)&self->seeds, &self->seeds_capacity, self->n_seeds + 1,
                       sizeof *self->seeds)) {
            status = cir__fail_memory(self->err, self->curation->path);
            break;
        }
        seed_looks *seed = &self->seeds[self->n_seeds++];
        if (!cir__sql_copy_bytes(statement, 0, seed->hash, sizeof seed->hash) ||
            !cir__sql_copy_bytes(statement, 1, &seed->looks, sizeof seed->looks))
            status =
                cir__store_fail_damaged(self->curation->store, "a seed's photo is out of range", self->err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static cir_status load_asked(filtering *self)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    cir_status status =
        cir__sql_prepare(self->curation->store, &statement, self->err,
                         "SELECT picture, value = 'keep' FROM judgement WHERE instance = ?1 AND aspect = "
                         "'filter' ORDER BY picture, clock, uuid",
                         "i", self->candidates.instance);
    while (status == CIR_OK &&
           (status = cir__store_step(self->curation->store, statement, &has_row, self->err)) == CIR_OK &&
           has_row) {
        const int64_t picture = sqlite3_column_int64(statement, 0);
        if (self->n_asked > 0 && self->asked[self->n_asked - 1] == picture)
            self->n_asked--; /* the last word counts */
        if (sqlite3_column_int(statement, 1) == 0)
            continue;
        if (!cir__grow((void **)&self->asked, &self->asked_capacity, self->n_asked + 1, sizeof *self->asked))
            status = cir__fail_memory(self->err, self->curation->path);
        else
            self->asked[self->n_asked++] = picture;
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static bool is_asked(const filtering *self, int64_t picture)
{
    for (size_t i = 0; i < self->n_asked; i++)
        if (self->asked[i] == picture)
            return true;
    return false;
}

/* Why a picture is dropped; false: it is not. */
static bool find_reason(filtering *self, const cir__candidate *item, char reason[128])
{
    const size_t shorter = item->width_px < item->height_px ? item->width_px : item->height_px;
    for (size_t i = 0; i < self->n_seeds; i++) {
        const bool is_seed = memcmp(self->seeds[i].hash, item->hash, sizeof item->hash) == 0;
        if (is_seed || (item->looks != NULL && cir__looks_compare(&self->seeds[i].looks, item->looks, NULL,
                                                                  NULL) == CIR__LOOKS_SAME)) {
            (void)snprintf(reason, 128, is_seed ? "a seed" : "a copy of a seed");
            self->report->n_seeds++;
            return true;
        }
    }
    if (shorter < self->min_side_px) {
        (void)snprintf(reason, 128, "low resolution: %zu x %zu, the shorter side below %zu", item->width_px,
                       item->height_px, self->min_side_px);
        self->report->n_small++;
        return true;
    }
    return false;
}

static void find_flags(const cir__candidate *item, char flags[64])
{
    const size_t longer = item->width_px > item->height_px ? item->width_px : item->height_px;
    const size_t shorter = item->width_px > item->height_px ? item->height_px : item->width_px;
    (void)snprintf(flags, 64, "%s%s", longer > MOST_ASPECT * shorter ? "shape," : "",
                   item->looks != NULL && item->looks->sharpness < LEAST_SHARPNESS ? "blur," : "");
}

static cir_status put_states(filtering *self)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; i < self->candidates.n && status == CIR_OK; i++) {
        cir__candidate *item = &self->candidates.items[i];
        char reason[128] = "";
        char flags[64];
        if (!item->has_looks) /* gone, or found in another index */
            continue;
        const bool is_kept = is_asked(self, item->picture) || !find_reason(self, item, reason);
        find_flags(item, flags);
        status =
            cir__sql_run(self->curation->store, self->err,
                         "UPDATE picture SET state = ?2, reason = ?3, flags = ?4 WHERE id = ?1 AND "
                         "(state, reason, flags) IS NOT (?2, ?3, ?4)",
                         "ittt", item->picture, is_kept ? "kept" : "dropped", is_kept ? "" : reason, flags);
        item->is_kept = is_kept;
    }
    return status;
}

static const char *likeness_name(cir__likeness likeness)
{
    switch (likeness) {
    case CIR__LOOKS_EDITED:
        return "edited";
    case CIR__LOOKS_TURNED:
        return "turned";
    case CIR__LOOKS_TURNED_EDITED:
        return "turned and edited";
    default:
        return "same";
    }
}

static bool is_larger(const cir__candidate *a, const cir__candidate *b)
{
    const size_t a_px = a->width_px * a->height_px;
    const size_t b_px = b->width_px * b->height_px;
    if (a_px != b_px)
        return a_px > b_px;
    return a->size_bytes != b->size_bytes ? a->size_bytes > b->size_bytes : a->picture < b->picture;
}

/* Copies stand behind the largest of them. Others that are one picture are kept, and shown side by side. */
static cir_status compare_all(filtering *self)
{
    cir__candidate *items = self->candidates.items;
    cir_status status = CIR_OK;
    for (size_t i = 0; i < self->candidates.n && status == CIR_OK; i++)
        for (size_t j = 0; j < i && status == CIR_OK; j++) {
            if (!items[i].is_kept || !items[j].is_kept || items[i].looks == NULL || items[j].looks == NULL)
                continue;
            const cir__likeness likeness = cir__looks_compare(items[i].looks, items[j].looks, NULL, NULL);
            if (likeness == CIR__LOOKS_DIFFERENT)
                continue;
            if (likeness != CIR__LOOKS_SAME) {
                self->report->n_linked++;
                status = cir__sql_run(self->curation->store, self->err,
                                      "INSERT OR REPLACE INTO link(a, b, likeness) VALUES(?1, ?2, ?3)", "iit",
                                      items[j].picture, items[i].picture, likeness_name(likeness));
                continue;
            }
            if (is_asked(self, items[i].picture) || is_asked(self, items[j].picture))
                continue;
            const size_t larger = is_larger(&items[i], &items[j]) ? i : j;
            const size_t other = larger == i ? j : i;
            self->same_as[other] = larger;
        }
    return status;
}

static cir_status put_copies(filtering *self)
{
    cir__candidate *items = self->candidates.items;
    cir_status status = CIR_OK;
    for (size_t i = 0; i < self->candidates.n && status == CIR_OK; i++) {
        size_t at = i;
        for (size_t steps = 0; self->same_as[at] != at && steps < self->candidates.n; steps++)
            at = self->same_as[at];
        if (at == i)
            continue;
        self->report->n_copies++;
        items[i].is_kept = false;
        /* What stood behind it stands behind the larger one now. */
        status = cir__sql_run(
            self->curation->store, self->err,
            "UPDATE picture SET same_as = ?2, state = 'dropped', reason = 'a copy of another picture' "
            "WHERE id = ?1 OR same_as = ?1",
            "ii", items[i].picture, items[at].picture);
    }
    return status;
}

static cir_status load(filtering *self, int64_t instance, bool with_looks)
{
    cir__candidates_done(&self->candidates);
    return cir__candidates_load(self->curation, instance, with_looks, &self->candidates, self->err);
}

static cir_status fill_pool(filtering *self)
{
    const cir__candidates *candidates = &self->candidates;
    cir__store *store = self->curation->store;
    const size_t most = self->options->per_instance > 0 ? self->options->per_instance : DEFAULT_PER_INSTANCE;
    cir__quota_item *items = cir__new(candidates->n, sizeof *items);
    size_t *order = cir__new(candidates->n, sizeof *order);
    sqlite3_stmt *statement = NULL;
    cir_status status =
        items != NULL && order != NULL ? CIR_OK : cir__fail_memory(self->err, self->curation->path);
    size_t n = 0;
    for (size_t i = 0; i < candidates->n && status == CIR_OK; i++) {
        int64_t is_judged = 0;
        status = cir__sql_get(store, 0, &is_judged, self->err,
                              "SELECT 1 FROM judgement WHERE instance = ?1 AND picture = ?2 LIMIT 1", "ii",
                              candidates->instance, candidates->items[i].picture);
        if (candidates->items[i].is_kept)
            order[n++] = i;
        items[i] = (cir__quota_item){
            .type = cir__candidate_type_of_all(&candidates->items[i], candidates->n_changes),
            .rank = candidates->items[i].best_rank,
            .is_needed = is_judged != 0};
    }
    for (size_t i = 0; i < n; i++) /* the kept ones alone, in their order */
        items[i] = items[order[i]];
    int64_t *pictures = cir__new(n, sizeof *pictures);
    if (pictures == NULL && status == CIR_OK)
        status = cir__fail_memory(self->err, self->curation->path);
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        pictures[i] = candidates->items[order[i]].picture;
    if (status == CIR_OK) {
        cir__quota_take(items, n, most, order);
        status =
            cir__sql_run(store, self->err, "DELETE FROM pool WHERE instance = ?1", "i", candidates->instance);
    }
    if (status == CIR_OK)
        status = cir__sql_prepare(store, &statement, self->err,
                                  "INSERT INTO pool(instance, picture) VALUES(?1, ?2)", "");
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        if (items[i].is_taken) {
            cir__sql_bind(statement, "ii", candidates->instance, pictures[i]);
            status = cir__store_finish(store, statement, self->err);
            self->report->n_in_pools++;
        }
    (void)sqlite3_finalize(statement);
    free(pictures);
    free(order);
    free(items);
    return status;
}

cir_status cir__filters_run(cir_curation *curation, const cir_mining_options *options, int64_t instance,
                            cir_mining_report *report, cir_error *err)
{
    filtering self = {.curation = curation, .options = options, .report = report, .err = err};
    self.min_side_px =
        options->min_side_px > 0 ? options->min_side_px : cir_model_get_info(options->model)->image_px;
    cir_status status = cir__curation_begin(curation, true, err);
    if (status != CIR_OK)
        return status;
    status = load(&self, instance, true);
    if (status == CIR_OK)
        status = load_seeds(&self);
    if (status == CIR_OK)
        status = load_asked(&self);
    self.same_as = cir__new(self.candidates.n, sizeof *self.same_as);
    if (status == CIR_OK && self.same_as == NULL)
        status = cir__fail_memory(err, curation->path);
    for (size_t i = 0; self.same_as != NULL && i < self.candidates.n; i++)
        self.same_as[i] = i;
    if (status == CIR_OK)
        status = put_states(&self);
    if (status == CIR_OK)
        status = compare_all(&self);
    if (status == CIR_OK)
        status = put_copies(&self);
    if (status == CIR_OK)
        status = load(&self, instance, false); /* copies' ranks and kinds are their standing ones' now */
    if (status == CIR_OK)
        status = fill_pool(&self);
    status = cir__curation_end(curation, status, err);
    cir__candidates_done(&self.candidates);
    free(self.same_as);
    free(self.seeds);
    free(self.asked);
    return status;
}
