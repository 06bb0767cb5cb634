/* Mining: neighbours of the seeds, measured and filtered. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "cir/search.h"
#include "curate/mine/candidates.h"
#include "curate/mine/filters.h"
#include "curate/mine/measure.h"
#include "curate/mine/seed_search.h"
#include "curate/store/sql.h"
#include "index/open/opened.h"

typedef struct mining {
    cir_curation *curation;
    const cir_mining_options *options;
    cir__mined_seeds seeds;
    cir_mining_report report;
    cir_error *err;
} mining;

static cir_status stop(const mining *self)
{
    return cir__fail(self->err, CIR_INTERRUPTED,
                     "%s: mining was stopped; what was found is kept, and the next run "
                     "continues",
                     self->curation->path);
}

static bool goes_on(const mining *self, cir_mining_stage stage, size_t n_done, size_t n_total)
{
    return self->options->watch == NULL ||
           self->options->watch(self->options->context, stage, n_done, n_total);
}

/* The picture of an index' row, new or known by its bytes. */
static cir_status get_picture(mining *self, size_t index_id, int64_t *picture_out)
{
    cir__store *store = self->curation->store;
    const cir_index *index = self->options->index;
    cir_image_record record;
    uint8_t hash[CIR__HASH_SIZE];
    bool is_known;
    int64_t n_new = 0;
    cir_status status = cir_index_get_record(index, index_id, &record, self->err);
    if (status == CIR_OK)
        status = cir__opened_get_hash(index, index_id, hash, &is_known, self->err);
    if (status == CIR_OK && !is_known) { /* an index of an older format, before its first update */
        uint8_t *bytes;
        size_t size;
        status = cir_index_read_photo(index, &record, &bytes, &size, self->err);
        if (status == CIR_OK)
            cir__hash128(bytes, size, hash);
        cir_bytes_free(bytes);
    }
    if (status == CIR_OK)
        status = cir__sql_run(
            store, self->err,
            "INSERT INTO picture(hash, index_id, path, width, height, size, state, reason, flags) "
            "VALUES(?1, ?2, ?3, ?4, ?5, ?6, 'kept', '', '') ON CONFLICT(hash) DO NOTHING",
            "bibiii", (const void *)hash, sizeof hash, (int64_t)index_id, (const void *)record.path,
            strlen(record.path), (int64_t)record.width_px, (int64_t)record.height_px,
            (int64_t)record.size_bytes);
    n_new = sqlite3_changes(store->db);
    self->report.n_new += status == CIR_OK && n_new > 0;
    /* Where it is now; a file that was gone is looked at again. Of several copies the first counts, which
     * searches list by id. */
    if (status == CIR_OK && n_new == 0)
        status = cir__sql_run(
            store, self->err,
            "UPDATE picture SET index_id = ?2, path = ?3, state = CASE state WHEN 'gone' THEN 'kept' ELSE "
            "state END, reason = CASE state WHEN 'gone' THEN '' ELSE reason END WHERE hash = ?1 AND "
            "(index_id IS NOT ?2 OR path IS NOT ?3 OR state = 'gone')",
            "bib", (const void *)hash, sizeof hash, (int64_t)index_id, (const void *)record.path,
            strlen(record.path));
    if (status == CIR_OK)
        status = cir__sql_get(store, 0, picture_out, self->err, "SELECT id FROM picture WHERE hash = ?1", "b",
                              (const void *)hash, sizeof hash);
    cir_image_record_done(&record);
    return status;
}

static cir_status put_hits(mining *self, const cir__mined_seed *seed, const cir_hit *hits, size_t n)
{
    cir__store *store = self->curation->store;
    const uint64_t state = cir_index_get_info(self->options->index)->state;
    sqlite3_stmt *statement = NULL;
    cir_status status = cir__sql_run(store, self->err, "DELETE FROM found WHERE seed = ?1 AND run = ?2", "ii",
                                     seed->id, self->seeds.run);
    if (status == CIR_OK)
        status = cir__sql_prepare(
            store, &statement, self->err,
            "INSERT INTO found(seed, picture, run, rank, similarity) VALUES(?1, ?2, ?3, ?4, ?5)", "");
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        int64_t picture = 0;
        status = get_picture(self, hits[i].id, &picture);
        if (status != CIR_OK)
            break;
        cir__sql_bind(statement, "iiiid", seed->id, picture, self->seeds.run, (int64_t)(i + 1),
                      (double)hits[i].score);
        status = cir__store_finish(store, statement, self->err);
    }
    (void)sqlite3_finalize(statement);
    if (status == CIR_OK)
        status = cir__sql_run(
            store, self->err,
            "INSERT OR REPLACE INTO depth(seed, run, per_seed, index_state) VALUES(?1, ?2, ?3, ?4)", "iiii",
            seed->id, self->seeds.run, (int64_t)seed->k, (int64_t)state);
    return status;
}

/* One pass over the index for a batch of seeds; what it found is committed together. */
static cir_status search_batch(mining *self, const cir__mined_seed *seeds, size_t n)
{
    const size_t dim = cir_model_get_info(self->options->model)->dim;
    const cir_rows rows = cir_index_get_rows(self->options->index);
    cir_query queries[CIR__SEED_BATCH];
    size_t n_hits[CIR__SEED_BATCH];
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        k = seeds[i].k > k ? seeds[i].k : k;
    k = k > rows.n_rows ? rows.n_rows : k;
    float *features = cir__new(n, dim * sizeof *features);
    cir_hit *hits = NULL;
    size_t n_all;
    if (k > 0 && cir__size_mul(n, k, &n_all))
        hits = cir__new(n_all, sizeof *hits);
    cir_status status = features != NULL && (hits != NULL || k == 0)
                            ? CIR_OK
                            : cir__fail_memory(self->err, self->curation->path);
    if (status == CIR_OK)
        status = cir__mined_seeds_encode(self->curation, self->options, seeds, n, features, self->err);
    for (size_t i = 0; i < n; i++)
        queries[i] = (cir_query){
            .dim = dim, .a = features + i * dim, .fusion = {.kind = CIR_FUSION_IMAGE, .weight = 0.5f}};
    if (status == CIR_OK && k > 0)
        status = cir_search_top_batch(&rows, queries, n, k, self->options->pool, hits, n_hits, self->err);
    if (status == CIR_OK && k > 0)
        status = cir__curation_begin(self->curation, true, self->err);
    if (status == CIR_OK && k > 0) {
        for (size_t i = 0; i < n && status == CIR_OK; i++)
            status = put_hits(self, &seeds[i], hits + i * k, n_hits[i] < seeds[i].k ? n_hits[i] : seeds[i].k);
        status = cir__curation_end(self->curation, status, self->err);
    }
    free(hits);
    free(features);
    return status;
}

static cir_status search_all(mining *self)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; i < self->seeds.n && status == CIR_OK; i += CIR__SEED_BATCH) {
        const size_t left = self->seeds.n - i;
        if (!goes_on(self, CIR_MINING_SEARCHES, i, self->seeds.n))
            return stop(self);
        status = search_batch(self, self->seeds.items + i, left < CIR__SEED_BATCH ? left : CIR__SEED_BATCH);
        if (status == CIR_OK)
            self->report.n_searched += left < CIR__SEED_BATCH ? left : CIR__SEED_BATCH;
    }
    return status;
}

static cir_status check(const mining *self)
{
    const cir_index_model *shown = cir_index_get_info(self->options->index)->model;
    const cir_model_info *model = cir_model_get_info(self->options->model);
    if (strcmp(shown->fingerprint, model->fingerprint) != 0)
        return cir__fail(self->err, CIR_MISMATCH, "%s: shows the features of %s, not of %s",
                         cir_index_get_info(self->options->index)->path, shown->name, model->name);
    return CIR_OK;
}

cir_status cir_curation_mine(cir_curation *curation, const cir_mining_options *options,
                             cir_mining_report *report_out, cir_error *err)
{
    cir__error_clear(err);
    mining self = {.curation = curation, .options = options, .err = err};
    int64_t *instances = NULL;
    size_t n_instances = 0;
    if (report_out != NULL)
        *report_out = (cir_mining_report){0};
    cir_status status = check(&self);
    if (status == CIR_OK)
        status = cir__curation_begin(curation, true, err);
    if (status == CIR_OK) {
        status = cir__candidates_list_instances(curation, options->instances, options->n_instances,
                                                &instances, &n_instances, err);
        if (status == CIR_OK && n_instances == 0)
            status =
                cir__fail(err, CIR_ARGUMENT, "%s: has no plan; give it one with: cir curate plan %s plan.csv",
                          curation->path, curation->path);
        if (status == CIR_OK)
            status = cir__mined_seeds_load(curation, options, instances, n_instances, &self.seeds, err);
        status = cir__curation_end(curation, status, err);
    }
    self.report.n_up_to_date = self.seeds.n_up_to_date;
    if (status == CIR_OK)
        status = search_all(&self);
    for (size_t i = 0; i < n_instances && status == CIR_OK; i++) {
        status = goes_on(&self, CIR_MINING_FILTERS, i, n_instances) ? CIR_OK : stop(&self);
        if (status == CIR_OK)
            status = cir__measure_all(curation, options, instances[i], &self.report, err);
        if (status == CIR_OK)
            status = cir__filters_run(curation, options, instances[i], &self.report, err);
    }
    if (report_out != NULL)
        *report_out = self.report;
    cir__mined_seeds_done(&self.seeds);
    free(instances);
    return status;
}
