#include "index/check/check_features.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/folder.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "index/check/check_codes.h"
#include "index/codes/codes_file.h"
#include "index/store/catalogue.h"
#include "index/store/checksums.h"
#include "index/store/image_rows.h"
#include "index/store/layout.h"
#include "index/store/lock.h"
#include "index/store/vectors.h"

#define MAX_ROWS_NAMED 20

enum { SOUND, WRONG_CHECKSUM, NOT_UNIT };

typedef struct check {
    const cir__place *place;
    cir__store *store;
    size_t i_model;
    const cir_index_model *model;
    size_t n_rows;
    bool repair;
    cir__findings *findings;
    cir__folder *folder; /* NULL: there is none */
    char *path;
    cir__checksums checksums;
    cir__vectors_map map;
    uint8_t *verdicts; /* [n_rows] */
} check;

static cir_status load_checksums(check *c, cir_error *err)
{
    bool has_foreign = false;
    cir_status status = cir__store_begin(c->store, false, err);
    if (status == CIR_OK)
        status = cir__image_rows_count(c->store, &c->n_rows, err);
    if (status == CIR_OK)
        status = cir__checksums_load(c->store, c->i_model, c->n_rows, &has_foreign, &c->checksums, err);
    cir__store_rollback(c->store);
    if (status == CIR_OK && has_foreign)
        cir__findings_add(c->findings, c->repair, "%s: features of images that the catalogue does not hold",
                          c->model->key);
    return status;
}

/* File, header, length. *is_readable_out: the rows can be looked at. */
static cir_status check_file(check *c, bool *is_readable_out, cir_error *err)
{
    const char *finding;
    bool has_left_over = false;
    size_t n_needed = cir__checksums_n_needed(&c->checksums);
    cir_error why;
    cir_status status = cir__layout_open_model(c->place, c->model->key, false, &c->folder, &why);
    if (status == CIR_OK)
        status = cir__vectors_examine(c->folder, c->model->dim, c->n_rows, n_needed, &finding, &has_left_over,
                                      &why);
    *is_readable_out = status == CIR_OK && finding == NULL;
    if (status == CIR_NOT_FOUND)
        finding = "is missing";
    else if (status == CIR_FORMAT && !c->repair)
        return CIR_OK; /* a link or the like, which was told of */
    else if (status != CIR_OK)
        return cir__fail(err, status, "%s", why.message);
    /* While another process updates, the file may well be ahead of the catalogue. */
    if (finding == NULL && has_left_over && (c->repair || !cir__lock_is_held(c->place->folder)))
        finding = "it is longer than the catalogue says, as an interrupted update leaves it";
    if (finding == NULL)
        return CIR_OK;
    if (c->repair) {
        if (c->folder == NULL)
            status = cir__layout_open_model(c->place, c->model->key, true, &c->folder, err);
        else
            status = CIR_OK;
        if (status == CIR_OK)
            status = cir__vectors_repair(c->folder, c->model->dim, c->n_rows, err);
        if (status != CIR_OK)
            return status;
        *is_readable_out = true;
    }
    cir__findings_add(c->findings, c->repair, "%s: %s", c->path, finding);
    return CIR_OK;
}

static uint8_t judge(const check *c, size_t id)
{
    uint64_t sum = cir__checksums_get(&c->checksums, id);
    const uint16_t *row = c->map.rows + id * c->model->dim;
    if (sum == 0)
        return SOUND;
    if (cir__vectors_checksum(row, c->model->dim) != sum)
        return WRONG_CHECKSUM;
    return cir__vectors_is_unit(row, c->model->dim) ? SOUND : NOT_UNIT;
}

static void judge_block(void *context, size_t i_block, size_t i_thread)
{
    (void)i_thread;
    check *c = context;
    size_t first = i_block * CIR__BLOCK_ROWS;
    for (size_t id = first; id < first + CIR__BLOCK_ROWS && id < c->n_rows; id++)
        c->verdicts[id] = judge(c, id);
}

/* Rows that another process replaced while they were looked at get a second look. */
static cir_status look_again(check *c, cir_error *err)
{
    if (c->repair || memchr(c->verdicts, WRONG_CHECKSUM, c->n_rows) == NULL)
        return CIR_OK;
    cir__checksums_done(&c->checksums);
    cir_status status =
        cir__checksums_load(c->store, c->i_model, SIZE_MAX - CIR__BLOCK_ROWS, NULL, &c->checksums, err);
    for (size_t id = 0; status == CIR_OK && id < c->n_rows; id++)
        if (c->verdicts[id] == WRONG_CHECKSUM)
            c->verdicts[id] = judge(c, id);
    return status;
}

static cir_status report_rows(check *c, size_t *n_wrong_out, cir_error *err)
{
    size_t n = 0;
    for (size_t id = 0; id < c->n_rows; id++) {
        if (c->verdicts[id] == SOUND)
            continue;
        if (n++ < MAX_ROWS_NAMED)
            cir__findings_add(c->findings, c->repair, "%s: row %zu %s", c->path, id,
                              c->verdicts[id] == NOT_UNIT ? "is not of unit length, or no number"
                                                          : "does not match its checksum");
        if (c->repair && !cir__checksums_set(&c->checksums, id, 0))
            return cir__fail_memory(err, c->path);
    }
    if (n > MAX_ROWS_NAMED)
        cir__findings_add(c->findings, c->repair, "%s: %zu more rows are damaged", c->path,
                          n - MAX_ROWS_NAMED);
    *n_wrong_out = n;
    return CIR_OK;
}

static void visit_derived(void *context, const cir__folder *folder, const char *name,
                          const struct stat *facts)
{
    (void)context;
    /* Codes know which rows they are of, and are dear. */
    if (!S_ISDIR(facts->st_mode) && strcmp(name, CIR__VECTORS_NAME) != 0 &&
        strcmp(name, CIR__CODES_NAME) != 0 && strcmp(name, CIR__CODES_SUMS_NAME) != 0)
        (void)cir__folder_remove(folder, name);
}

static cir_status save(check *c, size_t n_wrong, cir_error *err)
{
    cir_status status = cir__store_begin(c->store, true, err);
    if (status == CIR_OK)
        status = cir__checksums_store(&c->checksums, c->store, err);
    if (status == CIR_OK && n_wrong > 0)
        status = cir__catalogue_raise_revision(c->store, err);
    if (status == CIR_OK)
        status = cir__store_commit(c->store, err);
    if (status != CIR_OK)
        cir__store_rollback(c->store);
    else if (n_wrong > 0)
        (void)cir__folder_list(c->folder, visit_derived, NULL);
    return status;
}

static cir_status check_rows(check *c, cir_pool *pool, cir_error *err)
{
    c->verdicts = cir__new(c->n_rows, 1);
    if (c->verdicts == NULL)
        return cir__fail_memory(err, c->path);
    cir_status status = cir__vectors_map_open(c->folder, c->model->dim, c->n_rows, 0, &c->map, err);
    if (status != CIR_OK)
        return status;
    cir__pool_run(pool, c->n_rows / CIR__BLOCK_ROWS + 1, judge_block, c);
    status = look_again(c, err);
    if (status == CIR_OK)
        status = cir__mapped_check(c->map.rows, err);
    size_t n_wrong = 0;
    if (status == CIR_OK)
        status = report_rows(c, &n_wrong, err);
    if (status == CIR_OK && c->repair)
        status = save(c, n_wrong, err);
    const cir__check_codes_job job = {.place = c->place,
                                      .folder = c->folder,
                                      .model = c->model,
                                      .checksums = &c->checksums,
                                      .n_rows = c->n_rows,
                                      .rows = c->map.rows,
                                      .repair = c->repair,
                                      .pool = pool};
    return status == CIR_OK ? cir__check_codes(&job, c->findings, err) : status;
}

/* For messages, whether there is such a folder or not. */
static char *make_path(const cir__place *place, const char *key)
{
    char *features = cir__folder_join(place->folder, CIR__FEATURES_NAME);
    char *folder = features != NULL ? cir__path_join(features, key) : NULL;
    char *path = folder != NULL ? cir__path_join(folder, CIR__VECTORS_NAME) : NULL;
    free(folder);
    free(features);
    return path;
}

cir_status cir__check_features(const cir__place *place, cir__store *store, size_t i_model,
                               const cir_index_model *model, bool repair, cir_pool *pool,
                               cir__findings *findings, cir_error *err)
{
    check c = {.place = place,
               .store = store,
               .i_model = i_model,
               .model = model,
               .repair = repair,
               .findings = findings};
    bool is_readable = false;
    c.path = make_path(place, model->key);
    cir_status status = c.path != NULL ? CIR_OK : cir__fail_memory(err, place->index);
    if (status == CIR_OK)
        status = load_checksums(&c, err);
    if (status == CIR_OK)
        status = check_file(&c, &is_readable, err);
    if (status == CIR_OK && is_readable)
        status = check_rows(&c, pool, err);
    cir__vectors_map_close(&c.map);
    cir__checksums_done(&c.checksums);
    free(c.verdicts);
    cir__folder_close(c.folder);
    free(c.path);
    return status;
}
