#include "curate/mine/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "curate/looks/looks.h"
#include "curate/store/sql.h"
#include "index/open/opened.h"
#include "index/store/image_rows.h"

enum { BATCH = 64 }; /* pictures between two commits */

typedef struct measured {
    int64_t picture;
    int64_t index_id;
    uint8_t hash[CIR__HASH_SIZE];
    cir_status status;
    cir_error why;
    cir__looks looks;
    size_t width_px, height_px;
} measured;

typedef struct measuring {
    const cir_mining_options *options;
    measured *items;
} measuring;

static cir_status read_looks(const cir_mining_options *options, measured *item, cir_error *err)
{
    cir_image_record record;
    cir_image image = {0};
    cir_image_facts facts;
    uint8_t *bytes = NULL;
    uint8_t hash[CIR__HASH_SIZE];
    size_t size;
    cir_status status = cir_index_get_record(options->index, (size_t)item->index_id, &record, err);
    if (status == CIR_OK)
        status = cir_index_read_photo(options->index, &record, &bytes, &size, err);
    if (status == CIR_OK) {
        cir__hash128(bytes, size, hash);
        if (memcmp(hash, item->hash, sizeof hash) != 0)
            status = cir__fail(err, CIR_MISMATCH, "%s: has other bytes now", record.path);
    }
    if (status == CIR_OK)
        status = cir_image_parse_thumbnail(bytes, size, record.path, CIR__LOOKS_PX, CIR__LOOKS_PX,
                                           options->image, &image, &facts, err);
    if (status == CIR_OK) {
        item->width_px = facts.width_px;
        item->height_px = facts.height_px;
        status = cir__looks_fit(&image, &item->looks, err);
    }
    cir_image_done(&image);
    cir_bytes_free(bytes);
    cir_image_record_done(&record);
    return status;
}

static void measure_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    const measuring *self = context;
    measured *item = &self->items[i_task];
    item->status = read_looks(self->options, item, &item->why);
}

static cir_status list(cir_curation *curation, int64_t instance, measured *items, size_t *n_out,
                       cir_error *err)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    *n_out = 0;
    cir_status status = cir__curation_begin(curation, false, err);
    if (status != CIR_OK)
        return status;
    status = cir__sql_prepare(
        curation->store, &statement, err,
        "SELECT DISTINCT p.id, p.hash, p.index_id FROM found f JOIN seed s ON s.id = f.seed JOIN "
        "picture p ON p.id = f.picture WHERE s.instance = ?1 AND p.looks IS NULL AND p.state <> "
        "'gone' AND p.index_id IS NOT NULL ORDER BY p.id LIMIT ?2",
        "ii", instance, (int64_t)BATCH);
    while (status == CIR_OK &&
           (status = cir__store_step(curation->store, statement, &has_row, err)) == CIR_OK && has_row) {
        measured *item = &items[(*n_out)++];
        *item = (measured){.picture = sqlite3_column_int64(statement, 0),
                           .index_id = sqlite3_column_int64(statement, 2)};
        if (!cir__sql_copy_bytes(statement, 1, item->hash, sizeof item->hash)) {
            status = cir__store_fail_damaged(curation->store, "a picture's hash is out of range", err);
            break;
        }
    }
    (void)sqlite3_finalize(statement);
    return cir__curation_end(curation, status, err);
}

static cir_status keep(cir_curation *curation, const measured *items, size_t n, cir_mining_report *report,
                       cir_error *err)
{
    cir_status status = cir__curation_begin(curation, true, err);
    if (status != CIR_OK)
        return status;
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        const measured *item = &items[i];
        if (item->status == CIR_OK) {
            report->n_measured++;
            status = cir__sql_run(curation->store, err,
                                  "UPDATE picture SET looks = ?2, width = ?3, height = ?4 WHERE id = ?1",
                                  "ibii", item->picture, (const void *)&item->looks, sizeof item->looks,
                                  (int64_t)item->width_px, (int64_t)item->height_px);
        } else {
            report->n_gone++;
            status = cir__sql_run(curation->store, err,
                                  "UPDATE picture SET state = 'gone', reason = ?2 WHERE id = ?1", "it",
                                  item->picture, item->why.message);
        }
    }
    return cir__curation_end(curation, status, err);
}

/* What is the machine's, and not the picture's, ends the run. */
static cir_status find_failure(const measured *items, size_t n, cir_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].status == CIR_NO_MEMORY || items[i].status == CIR_GONE || items[i].status == CIR_BUSY)
            return cir__fail(err, items[i].status, "%s", items[i].why.message);
    return CIR_OK;
}

cir_status cir__measure_all(cir_curation *curation, const cir_mining_options *options, int64_t instance,
                            cir_mining_report *report, cir_error *err)
{
    measured *items = cir__new(BATCH, sizeof *items);
    if (items == NULL)
        return cir__fail_memory(err, curation->path);
    size_t n = 0;
    cir_status status = list(curation, instance, items, &n, err);
    while (status == CIR_OK && n > 0) {
        measuring self = {options, items};
        cir__pool_run(options->pool, n, measure_task, &self);
        status = find_failure(items, n, err);
        if (status == CIR_OK)
            status = keep(curation, items, n, report, err);
        if (status == CIR_OK && options->watch != NULL &&
            !options->watch(options->context, CIR_MINING_MEASURES, report->n_measured, 0))
            status = cir__fail(err, CIR_INTERRUPTED, "%s: mining was stopped; what was found is kept",
                               curation->path);
        if (status == CIR_OK)
            status = list(curation, instance, items, &n, err);
    }
    free(items);
    return status;
}
