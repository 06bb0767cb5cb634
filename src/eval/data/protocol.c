/* The fingerprint of what an evaluation was made on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "eval/data/dataset.h"
#include "linalg/rows.h"

_Static_assert(CIR_HASH_TEXT_SIZE == CIR__HASH_TEXT_SIZE, "a hash has one length");

/* A name with its final zero, so that no two lists of names give the same bytes. */
static void push_name(cir__hash *hash, const char *name)
{
    cir__hash_push(hash, name, strlen(name) + 1);
}

static void push_number(cir__hash *hash, uint64_t number)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    cir__hash_push(hash, bytes, sizeof bytes);
}

static void push_rows_of(cir__hash *hash, const cir__row_lists *lists, size_t query)
{
    push_number(hash, lists->begin[query + 1] - lists->begin[query]);
    for (size_t i = lists->begin[query]; i < lists->begin[query + 1]; i++)
        push_number(hash, lists->rows[i]);
}

static void hash_relevance(const cir_dataset *dataset, cir__hash *hash)
{
    for (size_t q = 0; q < dataset->info.n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        push_name(hash, query.path);
        push_name(hash, query.text);
        push_name(hash, query.instance);
        push_number(hash, query.n_database);
        if (dataset->n_domains > 0)
            push_number(hash, dataset->queries[q].label);
        if (dataset->triplets != NULL) {
            push_number(hash, dataset->triplets->references[q]);
            push_rows_of(hash, &dataset->triplets->relevant, q);
            push_rows_of(hash, &dataset->triplets->members, q);
        }
    }
    /* Relevant is what has a query's instance and label, which is its text but for sets of domains. */
    for (size_t i = 0; i < dataset->info.n_database; i++) {
        const cir__item *const item = &dataset->items[i];
        push_number(hash, dataset->item_rows[i]);
        push_name(hash, dataset->paths.names[item->path]);
        push_name(hash, dataset->texts.names[item->text]);
        push_name(hash, dataset->instances.names[item->instance]);
        if (dataset->n_domains > 0)
            push_number(hash, item->label);
    }
}

/* Rows are hashed in blocks whose borders depend on their number alone. */
enum { BLOCK_ROWS = 4096 };
typedef struct hashing {
    const char *rows;
    size_t n, row_bytes;
    uint64_t *hashes; /* one a block */
} hashing;

static void hash_task(void *context, size_t i_task, size_t i_thread)
{
    const hashing *const job = context;
    const size_t first = i_task * BLOCK_ROWS, n_left = job->n - first;
    const size_t n = n_left < BLOCK_ROWS ? n_left : BLOCK_ROWS;

    (void)i_thread;
    job->hashes[i_task] = cir__hash64(job->rows + first * job->row_bytes, n * job->row_bytes);
}

/* rows: [n, dim] items, NULL: none, which hashes otherwise than any that are there. */
static cir_status push_rows(cir__hash *hash, const void *rows, size_t n, size_t dim, size_t item_bytes,
                            cir_pool *pool, cir_error *err)
{
    const size_t n_there = rows == NULL ? 0 : n, n_blocks = (n_there + BLOCK_ROWS - 1) / BLOCK_ROWS;
    hashing job = {rows, n_there, dim * item_bytes, cir__new(n_blocks, sizeof *job.hashes)};

    if (job.hashes == NULL)
        return cir__fail_memory(err, "a fingerprint");
    cir__pool_run(pool, n_blocks, hash_task, &job);
    push_number(hash, n_there);
    push_number(hash, dim);
    for (size_t i = 0; i < n_blocks; i++)
        push_number(hash, job.hashes[i]);
    free(job.hashes);
    return CIR_OK;
}

static cir_status push_gallery(cir__hash *hash, const cir__gallery *gallery, cir_pool *pool, cir_error *err)
{
    const cir_rows *const rows = &gallery->rows;
    const bool is_half = rows->f16 != NULL;
    return push_rows(hash, is_half ? (const void *)rows->f16 : (const void *)rows->f32, rows->n_rows,
                     rows->dim, is_half ? sizeof *rows->f16 : sizeof *rows->f32, pool, err);
}

static cir_status hash_features(const cir_dataset *dataset, cir_pool *pool, cir__hash *hash, cir_error *err)
{
    const cir_rows *const rows = &dataset->images.rows;
    const cir__row_set all = {
        .n_rows = rows->n_rows, .dim = rows->dim, .f16 = rows->f16, .f32 = rows->f32, .scales = rows->scales};
    const bool has_mean = dataset->model != NULL && rows->n_rows > 0;
    float *const mean = cir__new(rows->dim, sizeof *mean); /* of pictures, so that fingerprints stay */
    const struct {
        const float *rows;
        size_t n;
    } parts[] = {{dataset->query_image, dataset->n_image_rows},
                 {dataset->query_text, dataset->n_text_rows},
                 {dataset->query_context, dataset->n_text_rows},
                 {dataset->objects, dataset->n_objects},
                 {dataset->styles, dataset->n_styles},
                 {has_mean ? mean : dataset->image_mean, 1},
                 {dataset->synthetic_image, dataset->n_synthetic_image},
                 {dataset->synthetic_text, dataset->n_synthetic_text}};
    cir_status status = mean != NULL ? CIR_OK : cir__fail_memory(err, "a fingerprint");

    if (status == CIR_OK && has_mean)
        status = cir__rows_mean(&all, pool, mean, NULL, err);
    if (status == CIR_OK)
        status = push_gallery(hash, &dataset->images, pool, err);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == CIR_OK; i++)
        status = push_rows(hash, parts[i].rows, parts[i].n, dataset->info.dim, sizeof(float), pool, err);
    free(mean);
    return status;
}

/* All rows of the index, and which of them are searched. */
static cir_status hash_searched(const cir_dataset *dataset, cir_pool *pool, cir__hash *hash, cir_error *err)
{
    if (dataset->searched == NULL)
        return CIR_OK;
    const cir_rows rows = cir_index_get_rows(dataset->searched);
    cir__hash_push(hash, rows.ready, rows.n_rows);
    return push_rows(hash, rows.f16, rows.n_rows, rows.dim, sizeof *rows.f16, pool, err);
}

cir_status cir_dataset_get_protocol(const cir_dataset *dataset, cir_pool *pool, cir_protocol *protocol_out,
                                    cir_error *err)
{
    cir_protocol protocol = {.smallest_gallery = SIZE_MAX,
                             .exclusion = "none",
                             .prompt = dataset->model != NULL ? "{text}" : "given"};
    cir__hash *relevance = cir__hash_new(), *features = cir__hash_new(), *composed = cir__hash_new(),
              *searched = cir__hash_new();
    cir_status status;

    cir__error_clear(err);
    memset(protocol_out, 0, sizeof *protocol_out);
    if (relevance == NULL || features == NULL || composed == NULL || searched == NULL) {
        status = cir__fail_memory(err, "a fingerprint");
        goto exit;
    }
    for (size_t q = 0; q < dataset->info.n_queries; q++) {
        const size_t n = cir_dataset_get_query(dataset, q).n_database;
        protocol.smallest_gallery = n < protocol.smallest_gallery ? n : protocol.smallest_gallery;
        protocol.largest_gallery = n > protocol.largest_gallery ? n : protocol.largest_gallery;
    }
    if (dataset->triplets != NULL && dataset->triplets->set->excludes_reference)
        protocol.exclusion = "query image";
    hash_relevance(dataset, relevance);
    if ((status = hash_features(dataset, pool, features, err)) != CIR_OK ||
        (status = push_rows(composed, dataset->query_composed, dataset->info.n_queries, dataset->composed_dim,
                            sizeof(float), pool, err)) != CIR_OK ||
        (status = push_gallery(composed, &dataset->composed, pool, err)) != CIR_OK ||
        (status = hash_searched(dataset, pool, searched, err)) != CIR_OK)
        goto exit;
    cir__hash_format(relevance, protocol.relevance);
    cir__hash_format(features, protocol.features);
    if (dataset->query_composed != NULL)
        cir__hash_format(composed, protocol.composed);
    if (dataset->searched != NULL)
        cir__hash_format(searched, protocol.searched);
    *protocol_out = protocol;
exit:
    cir__hash_free(relevance);
    cir__hash_free(features);
    cir__hash_free(composed);
    cir__hash_free(searched);
    return status;
}
