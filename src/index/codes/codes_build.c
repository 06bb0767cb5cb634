#include "index/codes/codes_build.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "index/codes/codes_batch.h"
#include "index/codes/codes_centre.h"
#include "index/codes/codes_pair.h"
#include "index/store/vectors.h"

/* Any will do; one for all makes codes of the same features the same. */
#define SEED 0x2405049076d1ce01u

#define BATCH_BYTES ((size_t)32 << 20) /* of blocks, before they are made to count */
#define SLICE_BLOCKS 256               /* coded between two looks at whether to go on */

typedef struct build {
    const cir__codes_job *job;
    cir__vectors vectors;
    cir__codes_pair pair;
    cir__coder *coder;
    cir__codes_batch batch;
    bool drops_pages; /* the vectors are larger than memory: what was read makes room */
    size_t n_coded;
    size_t n_to_code;
    size_t n_unsound; /* rows that are not what their checksum says */
} build;

static cir_status open_vectors(build *b, cir_error *err)
{
    const cir__codes_job *job = b->job;
    cir_status status = cir__vectors_open_to_read(job->folder, job->model->dim, job->n_rows,
                                                  cir__checksums_n_needed(job->checksums), &b->vectors, err);
    size_t size = job->n_rows * job->model->dim * sizeof(uint16_t);
    size_t memory = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    b->drops_pages = size > memory / 2;
    return status;
}

static cir_status make_coder(build *b, cir_error *err)
{
    const cir__codes_header *header = &b->pair.header;
    cir__coder_free(b->coder);
    b->coder = NULL;
    cir_status status = cir__coder_new(header->dim, header->seed, header->centre, &b->coder, err);
    if (status == CIR_OK && (header->code_dim != cir__coder_code_dim(b->coder) ||
                             header->block_bytes != cir__coder_block_bytes(b->coder)))
        status = cir__fail(err, CIR_FORMAT, "%s: its blocks have %zu bytes, not %zu", b->pair.bin_path,
                           header->block_bytes, cir__coder_block_bytes(b->coder));
    return status;
}

static cir_status create_pair(build *b, size_t n_features, cir_error *err)
{
    const cir__codes_job *job = b->job;
    cir__codes_header *header = &b->pair.header;
    cir__codes_pair_close(&b->pair);
    *header = (cir__codes_header){.dim = job->model->dim, .seed = SEED, .n_fitted = n_features};
    strncpy(header->fingerprint, job->model->fingerprint, CIR__CODES_FINGERPRINT_SIZE);
    cir_status status = cir__codes_centre_fit(&b->vectors, job->checksums, header->centre, err);
    if (status == CIR_OK)
        status = cir__coder_new(header->dim, header->seed, header->centre, &b->coder, err);
    if (status != CIR_OK)
        return status;
    header->code_dim = cir__coder_code_dim(b->coder);
    header->block_bytes = cir__coder_block_bytes(b->coder);
    status = cir__codes_pair_create(job->folder, header, err);
    if (status == CIR_OK)
        status = cir__codes_pair_open(job->folder, job->model, true, &b->pair, err);
    return status;
}

/* *is_needed_out: there are to be codes at all. */
static cir_status open_pair(build *b, bool *is_needed_out, cir_error *err)
{
    const cir__codes_job *job = b->job;
    size_t n_features = cir__checksums_n_features(job->checksums);
    cir_error why;
    cir_status status = cir__codes_pair_open(job->folder, job->model, true, &b->pair, &why);
    /* Of many more features the centre may lie elsewhere. */
    bool has_grown = status == CIR_OK && n_features / 4 >= b->pair.header.n_fitted;
    *is_needed_out = true;
    if (has_grown)
        status = CIR_NOT_FOUND;
    else if (status == CIR_OK)
        status = make_coder(b, &why);
    if (status == CIR_OK || !cir__codes_pair_is_hopeless(status))
        return status == CIR_OK ? CIR_OK : cir__fail(err, status, "%s", why.message);
    cir__coder_free(b->coder);
    b->coder = NULL;
    size_t min_rows = job->min_rows > 0 ? job->min_rows : CIR_INDEX_MIN_CODED;
    *is_needed_out = has_grown || n_features >= min_rows;
    return *is_needed_out ? create_pair(b, n_features, err) : CIR_OK;
}

static cir_status make_batch(build *b, cir_error *err)
{
    const cir__codes_job *job = b->job;
    b->batch = (cir__codes_batch){.vectors = &b->vectors,
                                  .checksums = job->checksums,
                                  .n_rows = job->n_rows,
                                  .pair = &b->pair,
                                  .coder = b->coder,
                                  .pool = job->pool};
    size_t n_blocks = job->batch_blocks > 0 ? job->batch_blocks : BATCH_BYTES / b->pair.header.block_bytes;
    return cir__codes_batch_init(&b->batch, n_blocks, err);
}

static cir_status count_changed(build *b, cir_error *err)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; status == CIR_OK && cir__codes_batch_choose(&b->batch, i); i += b->batch.n_blocks) {
        size_t n;
        status = cir__codes_batch_compare(&b->batch, &n, err);
        b->n_to_code += n;
    }
    return status;
}

static bool goes_on(const build *b)
{
    const cir__codes_job *job = b->job;
    return job->watch == NULL || job->watch(job->watch_context, b->n_coded, b->n_to_code);
}

static void drop_pages(const build *b, size_t first, size_t n)
{
    size_t block_bytes = CIR__CODE_ROWS * b->vectors.dim * sizeof(uint16_t);
    if (b->drops_pages)
        (void)posix_fadvise(b->vectors.fd, (off_t)((b->batch.first_block + first) * block_bytes),
                            (off_t)(n * block_bytes), POSIX_FADV_DONTNEED);
}

/* Codes the batch in memory. */
static cir_status code_batch(build *b, cir_error *err)
{
    cir_status status = CIR_OK;
    for (size_t first = 0; status == CIR_OK && first < b->batch.n_blocks; first += SLICE_BLOCKS) {
        size_t n = b->batch.n_blocks - first < SLICE_BLOCKS ? b->batch.n_blocks - first : SLICE_BLOCKS;
        if (!goes_on(b))
            return cir__fail(err, CIR_INTERRUPTED, "%s: coding was stopped; what is coded is kept",
                             b->pair.bin_path);
        status = cir__codes_batch_code(&b->batch, first, n, err);
        size_t end = (first + n) * CIR__CODE_ROWS;
        for (size_t i = first * CIR__CODE_ROWS; i < end && i < cir__codes_batch_n_rows(&b->batch); i++)
            b->n_coded += b->batch.has_changed[i];
        drop_pages(b, first, n);
    }
    return status;
}

/* Takes the trust from those of the n rows held that will change. */
static cir_status distrust_changed(build *b, size_t n, cir_error *err)
{
    cir__codes_batch *batch = &b->batch;
    bool has_lost = false;
    for (size_t i = 0; i < n; i++)
        if (batch->has_changed[i] && batch->sums[i] != 0) {
            batch->sums[i] = CIR__CODES_SUM_IN_FLUX;
            has_lost = true;
        }
    if (!has_lost)
        return CIR_OK;
    cir_status status =
        cir__codes_pair_write_sums(&b->pair, cir__codes_batch_first_row(batch), n, batch->sums, err);
    return status == CIR_OK ? cir__codes_pair_sync_sums(&b->pair, err) : status;
}

static cir_status update_batch(build *b, cir_error *err)
{
    cir__codes_batch *batch = &b->batch;
    size_t first = cir__codes_batch_first_row(batch);
    size_t n = cir__codes_batch_n_rows(batch);
    size_t n_held = cir__codes_batch_n_held(batch);
    size_t n_changed;
    cir_status status = cir__codes_batch_compare(batch, &n_changed, err);
    if (status == CIR_OK && n_changed == 0 && n == n_held)
        return CIR_OK;
    if (status == CIR_OK)
        status = distrust_changed(b, n_held, err);
    if (status == CIR_OK)
        status = code_batch(b, err);
    if (status == CIR_OK)
        status = cir__codes_batch_write(batch, err);
    if (status == CIR_OK)
        status = cir__codes_pair_write_sums(&b->pair, first, n, batch->sums, err);
    if (status == CIR_OK)
        status = cir__codes_pair_sync_sums(&b->pair, err);
    if (status == CIR_OK && first + n > b->pair.header.n_rows) {
        b->pair.header.n_rows = first + n;
        status = cir__codes_pair_put_header(&b->pair, err);
    }
    for (size_t i = 0; i < n; i++)
        b->n_unsound += batch->sums[i] != cir__checksums_get(b->job->checksums, first + i) ? 1 : 0;
    return status;
}

static cir_status update_pair(build *b, cir_error *err)
{
    uint64_t digest = cir__checksums_digest(b->job->checksums);
    cir__codes_header *header = &b->pair.header;
    if (header->digest == digest && header->n_rows >= cir__checksums_n_needed(b->job->checksums))
        return CIR_OK;
    cir_status status = make_batch(b, err);
    if (status == CIR_OK)
        status = cir__codes_pair_begin(&b->pair, err);
    if (status == CIR_OK)
        status = count_changed(b, err);
    for (size_t i = 0; status == CIR_OK && cir__codes_batch_choose(&b->batch, i); i += b->batch.n_blocks)
        status = update_batch(b, err);
    if (status != CIR_OK)
        return status;
    (void)goes_on(b);
    if (b->n_unsound > 0)
        return CIR_OK; /* those are looked at row by row until they are encoded again */
    header->digest = digest;
    return cir__codes_pair_put_header(&b->pair, err);
}

cir_status cir__codes_update(const cir__codes_job *job, cir_error *err)
{
    if (job->model->dim > CIR__CODE_MAX_DIM)
        return CIR_OK;
    build b = {.job = job, .vectors.fd = -1, .pair = {.bin = -1, .sums = -1}};
    bool is_needed = false;
    cir_status status = open_vectors(&b, err);
    if (status == CIR_OK)
        status = open_pair(&b, &is_needed, err);
    if (status == CIR_OK && is_needed)
        status = update_pair(&b, err);
    cir__codes_batch_done(&b.batch);
    cir__coder_free(b.coder);
    cir__codes_pair_close(&b.pair);
    cir__vectors_close(&b.vectors);
    return status;
}
