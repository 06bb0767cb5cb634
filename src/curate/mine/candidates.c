#include "curate/mine/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "curate/store/sql.h"

static cir_status load_instance(cir_curation *curation, cir__candidates *to, cir_error *err)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    cir_status status =
        cir__sql_prepare(curation->store, &statement, err,
                         "SELECT key, name, category, kind FROM instance WHERE id = ?1", "i", to->instance);
    if (status == CIR_OK)
        status = cir__store_step(curation->store, statement, &has_row, err);
    if (status == CIR_OK && !has_row)
        status = cir__fail(err, CIR_NOT_FOUND, "%s: an instance was removed meanwhile", curation->path);
    if (status == CIR_OK) {
        to->key = cir__sql_copy_text(statement, 0);
        to->name = cir__sql_copy_text(statement, 1);
        to->category = cir__sql_copy_text(statement, 2);
        to->kind = cir__sql_copy_text(statement, 3);
        if (to->key == NULL || to->name == NULL || to->category == NULL || to->kind == NULL)
            status = cir__fail_memory(err, curation->path);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static cir_status load_changes(cir_curation *curation, cir__candidates *to, cir_error *err)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    size_t capacity = 0;
    cir_status status = cir__sql_prepare(
        curation->store, &statement, err,
        "SELECT id, text, kind FROM change WHERE instance = ?1 ORDER BY position, id", "i", to->instance);
    while (status == CIR_OK &&
           (status = cir__store_step(curation->store, statement, &has_row, err)) == CIR_OK && has_row) {
        if (!cir__grow((void **)&to->changes, &capacity, to->n_changes + 1, sizeof *to->changes)) {
            status = cir__fail_memory(err, curation->path);
            break;
        }
        cir__change *change = &to->changes[to->n_changes++];
        *change = (cir__change){sqlite3_column_int64(statement, 0), cir__sql_copy_text(statement, 1),
                                cir__sql_copy_text(statement, 2)};
        if (change->text == NULL || change->kind == NULL)
            status = cir__fail_memory(err, curation->path);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static cir_status load_picture(cir_curation *curation, sqlite3_stmt *statement, bool with_looks,
                               cir__candidates *to, cir_error *err)
{
    if (!cir__grow((void **)&to->items, &to->capacity, to->n + 1, sizeof *to->items))
        return cir__fail_memory(err, curation->path);
    cir__candidate *item = &to->items[to->n++];
    *item = (cir__candidate){.picture = sqlite3_column_int64(statement, 0),
                             .index_id = sqlite3_column_int64(statement, 2),
                             .path = cir__sql_copy_text(statement, 3),
                             .width_px = (size_t)sqlite3_column_int64(statement, 4),
                             .height_px = (size_t)sqlite3_column_int64(statement, 5),
                             .size_bytes = (uint64_t)sqlite3_column_int64(statement, 11),
                             .is_kept = strcmp(cir__sql_text(statement, 6), "kept") == 0,
                             .reason = cir__sql_copy_text(statement, 7),
                             .flags = cir__sql_copy_text(statement, 8),
                             .is_in_pool = sqlite3_column_int(statement, 9) != 0,
                             .has_looks = sqlite3_column_type(statement, 10) != SQLITE_NULL,
                             .best_rank = SIZE_MAX,
                             .kinds = cir__new(to->n_changes, 1)};
    if (item->path == NULL || item->reason == NULL || item->flags == NULL || item->kinds == NULL)
        return cir__fail_memory(err, curation->path);
    if (!cir__sql_copy_bytes(statement, 1, item->hash, sizeof item->hash))
        return cir__store_fail_damaged(curation->store, "a picture's hash is out of range", err);
    if (!with_looks || !item->has_looks)
        return CIR_OK;
    item->looks = cir__new(1, sizeof *item->looks);
    if (item->looks == NULL)
        return cir__fail_memory(err, curation->path);
    return cir__sql_copy_bytes(statement, 10, item->looks, sizeof *item->looks)
               ? CIR_OK
               : cir__store_fail_damaged(curation->store, "what was measured of a picture is out of range",
                                         err);
}

static cir_status load_pictures(cir_curation *curation, bool with_looks, cir__candidates *to, cir_error *err)
{
    static const char sql[] =
        "SELECT p.id, p.hash, coalesce(p.index_id, -1), p.path, p.width, p.height, p.state, p.reason, p.flags, "
        "EXISTS (SELECT 1 FROM pool WHERE instance = ?1 AND picture = p.id), p.looks, p.size FROM picture p WHERE p.id IN ("
        "SELECT coalesce(q.same_as, q.id) FROM found f JOIN seed s ON s.id = f.seed JOIN picture q ON q.id = f.picture "
        "WHERE s.instance = ?1 UNION "
        "SELECT coalesce(q.same_as, q.id) FROM judgement j JOIN picture q ON q.id = j.picture WHERE j.instance = ?1) "
        "ORDER BY p.id";
    sqlite3_stmt *statement;
    bool has_row = false;
    cir_status status = cir__sql_prepare(curation->store, &statement, err, sql, "i", to->instance);
    while (status == CIR_OK &&
           (status = cir__store_step(curation->store, statement, &has_row, err)) == CIR_OK && has_row)
        status = load_picture(curation, statement, with_looks, to, err);
    (void)sqlite3_finalize(statement);
    return status;
}

static size_t find_change(const cir__candidates *candidates, int64_t id)
{
    size_t i = 0;
    while (i < candidates->n_changes && candidates->changes[i].id != id)
        i++;
    return i;
}

static cir_status load_kinds(cir_curation *curation, cir__candidates *to, cir_error *err)
{
    static const char sql[] =
        "SELECT coalesce(p.same_as, p.id), s.change, s.role, min(f.rank) FROM found f JOIN seed s ON s.id = f.seed "
        "JOIN picture p ON p.id = f.picture WHERE s.instance = ?1 GROUP BY 1, 2, 3";
    sqlite3_stmt *statement;
    bool has_row = false;
    cir_status status = cir__sql_prepare(curation->store, &statement, err, sql, "i", to->instance);
    while (status == CIR_OK &&
           (status = cir__store_step(curation->store, statement, &has_row, err)) == CIR_OK && has_row) {
        cir__candidate *item = cir__candidates_find(to, sqlite3_column_int64(statement, 0));
        const int64_t change = sqlite3_column_int64(statement, 1);
        const size_t i_change = find_change(to, change);
        const size_t rank = (size_t)sqlite3_column_int64(statement, 3);
        const unsigned kind = cir__source_kind(cir__seed_role_parse(cir__sql_text(statement, 2)));
        if (item == NULL || (change != 0 && i_change == to->n_changes)) {
            status = cir__store_fail_damaged(curation->store,
                                             "what was found belongs to no picture or change", err);
            break;
        }
        if (rank < item->best_rank)
            item->best_rank = rank;
        uint8_t *kinds = change != 0 ? &item->kinds[i_change] : &item->own_kinds;
        *kinds = (uint8_t)(*kinds | kind);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

cir_status cir__candidates_load(cir_curation *curation, int64_t instance, bool with_looks,
                                cir__candidates *candidates_out, cir_error *err)
{
    *candidates_out = (cir__candidates){.instance = instance};
    cir_status status = load_instance(curation, candidates_out, err);
    if (status == CIR_OK)
        status = load_changes(curation, candidates_out, err);
    if (status == CIR_OK)
        status = load_pictures(curation, with_looks, candidates_out, err);
    if (status == CIR_OK)
        status = load_kinds(curation, candidates_out, err);
    return status;
}

void cir__candidates_done(cir__candidates *candidates)
{
    for (size_t i = 0; i < candidates->n; i++) {
        free(candidates->items[i].path);
        free(candidates->items[i].reason);
        free(candidates->items[i].flags);
        free(candidates->items[i].kinds);
        free(candidates->items[i].looks);
    }
    for (size_t i = 0; i < candidates->n_changes; i++) {
        free(candidates->changes[i].text);
        free(candidates->changes[i].kind);
    }
    free(candidates->items);
    free(candidates->changes);
    free(candidates->key);
    free(candidates->name);
    free(candidates->category);
    free(candidates->kind);
    *candidates = (cir__candidates){0};
}

cir__candidate *cir__candidates_find(const cir__candidates *candidates, int64_t picture)
{
    size_t low = 0;
    size_t high = candidates->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (candidates->items[middle].picture < picture)
            low = middle + 1;
        else
            high = middle;
    }
    return low < candidates->n && candidates->items[low].picture == picture ? &candidates->items[low] : NULL;
}

cir_source_type cir__candidate_type(const cir__candidate *candidate, size_t i_change)
{
    return cir__source_type(candidate->own_kinds | candidate->kinds[i_change]);
}

cir_source_type cir__candidate_type_of_all(const cir__candidate *candidate, size_t n_changes)
{
    cir_source_type type = CIR_SOURCE_OTHER;
    for (size_t c = 0; c < n_changes; c++) {
        const cir_source_type one = cir__candidate_type(candidate, c);
        type = one > type ? one : type;
    }
    return type;
}

cir_status cir__candidates_list_instances(cir_curation *curation, const char *const *keys, size_t n_keys,
                                          int64_t **ids_out, size_t *n_out, cir_error *err)
{
    size_t capacity = 0;
    *ids_out = NULL;
    *n_out = 0;
    cir_status status = CIR_OK;
    if (keys != NULL) {
        int64_t *ids = cir__new(n_keys, sizeof *ids);
        if (ids == NULL)
            return cir__fail_memory(err, curation->path);
        for (size_t i = 0; i < n_keys && status == CIR_OK; i++)
            status = cir__curation_find_instance(curation, keys[i], &ids[i], err);
        *ids_out = ids;
        *n_out = n_keys;
        return status;
    }
    sqlite3_stmt *statement;
    bool has_row = false;
    status = cir__sql_prepare(curation->store, &statement, err, "SELECT id FROM instance ORDER BY id", "");
    while (status == CIR_OK &&
           (status = cir__store_step(curation->store, statement, &has_row, err)) == CIR_OK && has_row) {
        if (!cir__grow((void **)ids_out, &capacity, *n_out + 1, sizeof **ids_out))
            status = cir__fail_memory(err, curation->path);
        else
            (*ids_out)[(*n_out)++] = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return status;
}
