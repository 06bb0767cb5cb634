#include "curate/mine/seed_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "curate/store/sql.h"
#include "index/open/opened.h"

enum { FEWEST_NEIGHBOURS = 40, MOST_NEIGHBOURS = 500, INDEX_SHARE = 50 };

static size_t default_depth(const cir_index_info *info)
{
    const size_t k = info->n_ready / INDEX_SHARE;
    return k < FEWEST_NEIGHBOURS ? FEWEST_NEIGHBOURS : k > MOST_NEIGHBOURS ? MOST_NEIGHBOURS : k;
}

static cir_status get_run(cir_curation *curation, const cir_model_info *model, int64_t *run_out,
                          cir_error *err)
{
    cir_status status =
        cir__sql_run(curation->store, err, "INSERT OR IGNORE INTO run(model, fingerprint) VALUES(?1, ?2)",
                     "tt", model->name, model->fingerprint);
    if (status == CIR_OK)
        status = cir__sql_get(curation->store, 0, run_out, err, "SELECT id FROM run WHERE fingerprint = ?1",
                              "t", model->fingerprint);
    return status;
}

static cir_status add_seed(cir_curation *curation, sqlite3_stmt *statement, const cir_mining_options *options,
                           cir__mined_seeds *to, cir_error *err)
{
    const cir_index_info *info = cir_index_get_info(options->index);
    const bool has_depth = sqlite3_column_type(statement, 4) != SQLITE_NULL;
    const size_t depth = has_depth ? (size_t)sqlite3_column_int64(statement, 4) : 0;
    const bool is_current = has_depth && (uint64_t)sqlite3_column_int64(statement, 5) == info->state;
    size_t k = options->per_seed > 0 ? options->per_seed : default_depth(info);
    if (has_depth && options->goes_deeper)
        k = 2 * depth;
    else if (has_depth && depth > k)
        k = depth; /* what was reached is not given up */
    if (is_current && k <= depth) {
        to->n_up_to_date++;
        return CIR_OK;
    }
    if (!cir__grow((void **)&to->items, &to->capacity, to->n + 1, sizeof *to->items))
        return cir__fail_memory(err, curation->path);
    cir__mined_seed *seed = &to->items[to->n++];
    *seed = (cir__mined_seed){.id = sqlite3_column_int64(statement, 0),
                              .role = cir__seed_role_parse(cir__sql_text(statement, 1)),
                              .text = cir__sql_copy_text(statement, 2),
                              .k = k};
    seed->has_hash = cir__sql_copy_bytes(statement, 3, seed->hash, sizeof seed->hash);
    return seed->text != NULL ? CIR_OK : cir__fail_memory(err, curation->path);
}

cir_status cir__mined_seeds_load(cir_curation *curation, const cir_mining_options *options,
                                 const int64_t *instances, size_t n_instances, cir__mined_seeds *seeds_out,
                                 cir_error *err)
{
    *seeds_out = (cir__mined_seeds){0};
    cir_status status = get_run(curation, cir_model_get_info(options->model), &seeds_out->run, err);
    for (size_t i = 0; i < n_instances && status == CIR_OK; i++) {
        sqlite3_stmt *statement;
        bool has_row = false;
        status = cir__sql_prepare(
            curation->store, &statement, err,
            "SELECT s.id, s.role, s.text, s.hash, d.per_seed, d.index_state FROM seed s LEFT JOIN "
            "depth d ON d.seed = s.id AND d.run = ?2 WHERE s.instance = ?1 ORDER BY s.id",
            "ii", instances[i], seeds_out->run);
        while (status == CIR_OK &&
               (status = cir__store_step(curation->store, statement, &has_row, err)) == CIR_OK && has_row)
            status = add_seed(curation, statement, options, seeds_out, err);
        (void)sqlite3_finalize(statement);
    }
    return status;
}

void cir__mined_seeds_done(cir__mined_seeds *seeds)
{
    for (size_t i = 0; i < seeds->n; i++)
        free(seeds->items[i].text);
    free(seeds->items);
    *seeds = (cir__mined_seeds){0};
}

/* A photo of the index is read from there, by its bytes' hash; any other is encoded. */
static cir_status encode_photo(const cir_curation *curation, const cir_mining_options *options,
                               const cir__mined_seed *seed, float *feature_out, cir_error *err)
{
    bool is_found = false;
    size_t id;
    cir_status status =
        seed->has_hash ? cir__opened_find_hash(options->index, seed->hash, &id, &is_found, err) : CIR_OK;
    if (status != CIR_OK)
        return status;
    if (is_found)
        return cir_index_get_feature(options->index, id, feature_out, err);
    if (seed->text[0] == '\0')
        return cir__fail(
            err, CIR_NOT_FOUND,
            "%s: a seed is a photo of another index than %s; name that with --index, or put the photo's "
            "file into the plan",
            curation->path, cir_index_get_info(options->index)->path);
    char *path = cir__path_join(curation->path, seed->text);
    if (path == NULL)
        return cir__fail_memory(err, curation->path);
    const char *const paths[] = {path};
    status = cir_model_encode_files(options->model, options->pool, paths, 1, options->image, feature_out,
                                    NULL, NULL, err);
    free(path);
    return status;
}

cir_status cir__mined_seeds_encode(const cir_curation *curation, const cir_mining_options *options,
                                   const cir__mined_seed *seeds, size_t n, float *features_out,
                                   cir_error *err)
{
    const size_t dim = cir_model_get_info(options->model)->dim;
    const char *sentences[CIR__SEED_BATCH];
    size_t places[CIR__SEED_BATCH];
    size_t n_sentences = 0;
    cir_status status = CIR_OK;
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        if (seeds[i].role == CIR__SEED_IMAGE || seeds[i].role == CIR__SEED_COMPOSED_IMAGE) {
            status = encode_photo(curation, options, &seeds[i], features_out + i * dim, err);
        } else {
            sentences[n_sentences] = seeds[i].text;
            places[n_sentences++] = i;
        }
    }
    if (status != CIR_OK || n_sentences == 0)
        return status;
    float *features = cir__new(n_sentences, dim * sizeof *features);
    if (features == NULL)
        return cir__fail_memory(err, curation->path);
    status =
        cir_model_encode_texts(options->model, options->pool, sentences, n_sentences, features, NULL, err);
    for (size_t i = 0; i < n_sentences && status == CIR_OK; i++)
        memcpy(features_out + places[i] * dim, features + i * dim, dim * sizeof *features);
    free(features);
    return status;
}
