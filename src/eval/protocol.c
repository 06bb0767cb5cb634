/* The fingerprint of what an evaluation was made on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/pool.h"
#include "eval/dataset.h"

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

/* Rows of the database, the long part: hashed in blocks whose borders depend on their number alone. */
enum { BLOCK_ROWS = 4096 };
typedef struct hashing {
    const cir_dataset *dataset;
    uint64_t *hashes; /* one a block */
} hashing;

static void hash_task(void *context, size_t i_task, size_t i_thread)
{
    const hashing *const job = context;
    const size_t dim = job->dataset->info.dim, first = i_task * BLOCK_ROWS,
                 n_left = job->dataset->info.n_database - first;
    const size_t n = n_left < BLOCK_ROWS ? n_left : BLOCK_ROWS;

    (void)i_thread;
    job->hashes[i_task] = cir__hash64(job->dataset->item_features + first * dim, n * dim * sizeof(float));
}

static cir_status hash_features(const cir_dataset *dataset, cir_pool *pool, cir__hash *hash, cir_error *err)
{
    const size_t dim = dataset->info.dim;
    const size_t n_blocks = (dataset->info.n_database + BLOCK_ROWS - 1) / BLOCK_ROWS;
    hashing job = {dataset, cir__new(n_blocks, sizeof *job.hashes)};
    const struct {
        const float *rows;
        size_t n;
    } parts[] = {{dataset->query_image, dataset->n_image_rows},
                 {dataset->query_text, dataset->n_text_rows},
                 {dataset->query_context, dataset->n_text_rows},
                 {dataset->objects, dataset->n_objects},
                 {dataset->styles, dataset->n_styles},
                 {dataset->image_mean, 1},
                 {dataset->synthetic_image, dataset->n_synthetic_image},
                 {dataset->synthetic_text, dataset->n_synthetic_text}};

    if (job.hashes == NULL)
        return cir__fail_memory(err, "a fingerprint");
    cir__pool_run(pool, n_blocks, hash_task, &job);
    push_number(hash, dim);
    push_number(hash, dataset->info.n_database);
    for (size_t i = 0; i < n_blocks; i++)
        push_number(hash, job.hashes[i]);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const size_t n = parts[i].rows == NULL ? 0 : parts[i].n;
        push_number(hash, n);
        if (n > 0)
            cir__hash_push(hash, parts[i].rows, n * dim * sizeof(float));
    }
    free(job.hashes);
    return CIR_OK;
}

cir_status cir_dataset_get_protocol(const cir_dataset *dataset, cir_pool *pool, cir_protocol *protocol_out,
                                    cir_error *err)
{
    cir_protocol protocol = {.smallest_gallery = SIZE_MAX, .exclusion = "none"};
    cir__hash *relevance = cir__hash_new(), *features = cir__hash_new();
    cir_status status;

    cir__error_clear(err);
    memset(protocol_out, 0, sizeof *protocol_out);
    if (relevance == NULL || features == NULL) {
        status = cir__fail_memory(err, "a fingerprint");
        goto exit;
    }
    for (size_t q = 0; q < dataset->info.n_queries; q++) {
        const size_t n = cir_dataset_get_query(dataset, q).n_database;
        protocol.smallest_gallery = n < protocol.smallest_gallery ? n : protocol.smallest_gallery;
        protocol.largest_gallery = n > protocol.largest_gallery ? n : protocol.largest_gallery;
    }
    hash_relevance(dataset, relevance);
    if ((status = hash_features(dataset, pool, features, err)) != CIR_OK)
        goto exit;
    cir__hash_format(relevance, protocol.relevance);
    cir__hash_format(features, protocol.features);
    *protocol_out = protocol;
exit:
    cir__hash_free(relevance);
    cir__hash_free(features);
    return status;
}
