/* A data set from pictures, encoded with a model: in i-CIR's layout (query_files.csv and database_files.csv
 * hold path,text,instance, where paths begin with the data set's folder name; or shards), or from a
 * benchmark's lists, which say where pictures lie. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "eval/data/dataset.h"
#include "eval/read/encode_pictures.h"
#include "eval/read/lists.h"
#include "eval/read/shards.h"

/* The pictures that are encoded: all, or of a data set whose database is an index' those of queries, whose
 * paths come first. */
static size_t count_encoded(const cir_dataset *dataset)
{
    size_t n = 0;

    if (dataset->searched == NULL)
        return dataset->paths.n;
    for (size_t q = 0; q < dataset->info.n_queries && !dataset->shares_images; q++)
        n = dataset->queries[q].path >= n ? dataset->queries[q].path + 1 : n;
    return n;
}

/* Each of them once: features_out [n, dim], free() it. place: the data set's folder. */
static cir_status pictures_encode(const cir_dataset *dataset, const char *place,
                                  const cir_dataset_images_options *options, cir_pool *pool,
                                  cir__feature_cache *cache, float **features_out, cir_error *err)
{
    const size_t n = count_encoded(dataset);
    size_t n_floats;
    cir__picture *pictures = cir__new(n, sizeof *pictures);
    char **paths = cir__new(n, sizeof *paths);
    float *features = NULL;
    cir_status status = CIR_OK;
    /* As published metrics were made, or as a search reads the photo of its query. */
    const cir_image_options reading = {.size = sizeof reading,
                                       .ignore_exif_rotation = options->ignore_exif_rotation,
                                       .follow_pillow = dataset->searched == NULL,
                                       .allow_shrinking = dataset->searched != NULL};

    *features_out = NULL;
    if (cir__size_mul(n, dataset->info.dim, &n_floats))
        features = cir__new(n_floats, sizeof *features);
    if (pictures == NULL || paths == NULL || features == NULL)
        status = cir__fail_memory(err, "a data set's features");
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        if (dataset->shards != NULL)
            pictures[i] = cir__shards_get(dataset, i);
        else if ((paths[i] = cir_dataset_find_picture(dataset, place, dataset->paths.names[i])) == NULL)
            status = cir__fail_memory(err, "a data set's paths");
        else
            pictures[i] = (cir__picture){.path = paths[i], .name = paths[i]};
    }
    if (status == CIR_OK)
        status = cir__encode_pictures(dataset->model, pool, &reading, pictures, n, cache, features,
                                      options->watch, options->context, err);
    for (size_t i = 0; paths != NULL && i < n; i++)
        free(paths[i]);
    free(paths);
    free(pictures);
    if (status != CIR_OK) {
        free(features);
        return status;
    }
    *features_out = features;
    return CIR_OK;
}

/* Rows of a features table [n, dim], one for each item or, by places [n_items], for the items that share
 * it. */
static float *gather(const float *features, const cir__item *items, size_t n_items, const size_t *places,
                     size_t n, size_t dim, bool by_text)
{
    size_t n_floats;
    float *rows = cir__size_mul(n, dim, &n_floats) ? cir__new(n_floats, sizeof *rows) : NULL;

    for (size_t i = 0; rows != NULL && i < n_items; i++)
        memcpy(rows + (places != NULL ? places[i] : i) * dim,
               features + (by_text ? items[i].text : items[i].path) * dim, dim * sizeof *rows);
    return rows;
}

/* The database is rows of the index that is searched. */
static cir_status rows_find(cir_dataset *dataset, const char *place, cir_error *err)
{
    const cir_index_info *const info = cir_index_get_info(dataset->searched);
    const cir_rows rows = cir_index_get_rows(dataset->searched);
    const size_t n = dataset->info.n_database, dim = rows.dim;
    uint16_t *const halves = cir__new_unset(n, dim * sizeof *halves);
    cir_status status = halves != NULL ? CIR_OK : cir__fail_memory(err, "a data set's features");

    dataset->images = (cir__gallery){.rows = {.n_rows = n, .dim = dim, .f16 = halves}, .memory = halves};
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        const char *const listed = dataset->paths.names[dataset->items[i].path];
        char *const path = cir_dataset_find_picture(dataset, place, listed);
        size_t id = 0;
        if (path == NULL)
            status = cir__fail_memory(err, "a data set's paths");
        else if ((status = cir_index_find_path(dataset->searched, path, &id, err)) == CIR_NOT_FOUND ||
                 (status == CIR_OK && rows.ready[id] == 0))
            status =
                cir__fail(err, CIR_NOT_FOUND,
                          "%s: has no feature of %s, which the data set's database lists; next: cir index %s "
                          "-o %s",
                          info->path, path, place, info->path);
        if (status == CIR_OK)
            memcpy(halves + i * dim, rows.f16 + id * dim, dim * sizeof *halves);
        free(path);
    }
    return status == CIR_OK ? cir__mapped_check(rows.f16, err) : status;
}

static cir_status features_fill(cir_dataset *dataset, const float *pictures, cir_pool *pool, cir_error *err)
{
    const size_t dim = dataset->info.dim, n_queries = dataset->info.n_queries,
                 n_database = dataset->info.n_database;
    float *texts = cir__new(dataset->n_query_texts, dim * sizeof *texts);
    cir_status status;

    if (texts == NULL)
        return cir__fail_memory(err, "a data set's texts");
    status = cir_model_encode_texts(dataset->model, pool, (const char *const *)dataset->texts.names,
                                    dataset->n_query_texts, texts, NULL, err);
    if (status != CIR_OK)
        goto exit;
    dataset->query_text =
        gather(texts, dataset->queries, n_queries, dataset->text_rows, dataset->n_text_rows, dim, true);
    if (!dataset->shares_images)
        dataset->query_image = gather(pictures, dataset->queries, n_queries, dataset->image_rows,
                                      dataset->n_image_rows, dim, false);
    if (dataset->searched == NULL) {
        float *const database = gather(pictures, dataset->items, n_database, NULL, n_database, dim, false);
        if (database != NULL)
            cir__gallery_own(&dataset->images, database, n_database, dim);
    }
    if (dataset->query_text == NULL || (!dataset->shares_images && dataset->query_image == NULL) ||
        dataset->images.memory == NULL) {
        status = cir__fail_memory(err, "a data set's features");
        goto exit;
    }
    if (dataset->shares_images)
        status = cir__dataset_copy_images(dataset, err);
exit:
    free(texts);
    return status;
}

static cir_status cache_open(const cir_dataset *dataset, const cir_dataset_images_options *options,
                             cir_cache_report *report, cir__feature_cache **cache_out, cir_error *err)
{
    cir_error own;

    *cache_out = NULL;
    if (options->cache == NULL)
        return CIR_OK;
    const cir_status status =
        cir__feature_cache_open(options->cache, cir_model_get_info(dataset->model),
                                options->ignore_exif_rotation, CIR__CACHE_MAX_BYTES, cache_out, &own);
    if (status != CIR_OK && options->is_cache_optional) {
        snprintf(report->problem, sizeof report->problem, "%.255s", own.message);
        return CIR_OK;
    }
    if (status != CIR_OK && err != NULL)
        *err = own;
    return status;
}

/* Everything behind the lists. */
static cir_status encode(cir_dataset *dataset, const char *folder, const cir_dataset_images_options *options,
                         cir_pool *pool, cir_cache_report *report_out, cir_error *err)
{
    char *const place = realpath(folder, NULL); /* as caches and indexes know pictures by */
    float *pictures = NULL;
    cir__feature_cache *cache = NULL;

    dataset->info.dim = cir_model_get_info(dataset->model)->dim;
    cir_status status = place != NULL ? CIR_OK : cir__fail_errno(err, errno, "%s: cannot be found", folder);
    if (status == CIR_OK && dataset->searched != NULL)
        status = dataset->shards == NULL
                     ? rows_find(dataset, place, err)
                     : cir__fail(err, CIR_ARGUMENT,
                                 "%s: its pictures lie in shards, which no index has; unpack them", folder);
    if (status == CIR_OK && dataset->searched == NULL)
        status = cache_open(dataset, options, report_out, &cache, err);
    if (status == CIR_OK)
        status = pictures_encode(dataset, place, options, pool, cache, &pictures, err);
    cir__feature_cache_close(cache, report_out);
    if (status == CIR_OK)
        status = features_fill(dataset, pictures, pool, err);
    free(pictures);
    free(place);
    cir__dataset_close_shards(dataset);
    return status;
}

cir_status cir_dataset_open_images(const char *folder, const cir_dataset_images_options *options,
                                   const cir_model *model, cir_pool *pool, cir_cache_report *report_out,
                                   cir_dataset **dataset_out, cir_error *err)
{
    const bool is_icir = options->domains == NULL && options->triplets == NULL;
    const cir__lists lists = {.queries_file = is_icir ? "query_files.csv" : NULL,
                              .database_file = is_icir ? "database_files.csv" : NULL,
                              .finds_shards = is_icir,
                              .domains = options->domains,
                              .triplets = options->triplets};
    cir_dataset *dataset = NULL;
    cir_cache_report report = {0};

    cir__error_clear(err);
    *dataset_out = NULL;
    cir_status status = cir__dataset_new(&dataset, err);
    if (status == CIR_OK)
        status = cir__lists_read(dataset, folder, &lists, err);
    if (status == CIR_OK) {
        dataset->model = model;
        dataset->searched = options->searched;
        status = encode(dataset, folder, options, pool, &report, err);
    }
    if (report_out != NULL)
        *report_out = report;
    if (status == CIR_OK)
        *dataset_out = dataset;
    else
        cir_dataset_close(dataset);
    return status;
}
