#include "index/codes_build.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "index/codes_centre.h"
#include "index/codes_pair.h"
#include "index/vectors.h"

/* Any will do; one for all makes codes of the same features the same. */
#define SEED 0x2405049076d1ce01u

#define BATCH_BYTES ((size_t)32 << 20) /* of blocks, before they are made to count */
#define SLICE_BLOCKS 256               /* coded between two looks at whether to go on */

typedef struct build {
    const cir__codes_job *job;
    cir__vectors vectors;
    cir__codes_pair pair;
    cir__coder *coder;
    size_t batch_blocks;
    bool drops_pages; /* the vectors are larger than memory: what was read makes room */
    size_t n_coded;
    size_t n_to_code;
    size_t n_unsound; /* rows that are not what their checksum says */

    /* The batch. */
    size_t first_block;
    size_t n_blocks;
    uint64_t *sums;       /* [batch rows]: of the codes as they are, then as they will be */
    uint8_t *has_changed; /* [batch rows] */
    uint8_t *is_touched;  /* [batch_blocks] */
    uint8_t *blocks;      /* [batch_blocks, block bytes] */
    size_t first_of_slice;

    /* Of each thread. */
    uint16_t *rows;      /* [n_threads, CIR__CODE_ROWS, dim] */
    cir_error *failures; /* [n_threads] */
} build;

static size_t count_blocks(size_t n_rows)
{
    return n_rows / CIR__CODE_ROWS + (n_rows % CIR__CODE_ROWS != 0 ? 1 : 0);
}

static cir_status open_vectors(build *b, cir_error *err)
{
    const cir__codes_job *job = b->job;
    char *path = cir__path_join(job->folder, CIR__VECTORS_NAME);
    if (path == NULL)
        return cir__fail_memory(err, job->folder);
    cir_status status = cir__vectors_open_to_read(path, job->model->dim, job->n_rows,
                                                  cir__checksums_n_needed(job->checksums), &b->vectors, err);
    free(path);
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
    *is_needed_out = true;
    if (status == CIR_OK && n_features / 4 < b->pair.header.n_fitted)
        status = make_coder(b, &why);
    else if (status == CIR_OK)
        status = CIR_NOT_FOUND; /* many more: the centre may lie elsewhere now */
    if (status == CIR_OK || !cir__codes_pair_is_hopeless(status))
        return status == CIR_OK ? CIR_OK : cir__fail(err, status, "%s", why.message);
    cir__coder_free(b->coder);
    b->coder = NULL;
    size_t min_rows = job->min_rows > 0 ? job->min_rows : CIR_INDEX_MIN_CODED;
    *is_needed_out = n_features >= min_rows;
    return *is_needed_out ? create_pair(b, n_features, err) : CIR_OK;
}

static cir_status make_buffers(build *b, cir_error *err)
{
    size_t block_bytes = b->pair.header.block_bytes;
    size_t n_threads = cir_pool_n_threads(b->job->pool);
    size_t n_blocks = count_blocks(b->job->n_rows);
    b->batch_blocks = b->job->batch_blocks > 0 ? b->job->batch_blocks : BATCH_BYTES / block_bytes;
    b->batch_blocks = b->batch_blocks < n_blocks ? b->batch_blocks : n_blocks;
    b->sums = cir__new(b->batch_blocks * CIR__CODE_ROWS, sizeof *b->sums);
    b->has_changed = cir__new(b->batch_blocks * CIR__CODE_ROWS, 1);
    b->is_touched = cir__new(b->batch_blocks, 1);
    b->blocks = cir__new_unset(b->batch_blocks, block_bytes);
    b->rows = cir__new_unset(n_threads * CIR__CODE_ROWS, b->vectors.dim * sizeof *b->rows);
    b->failures = cir__new(n_threads, sizeof *b->failures);
    bool is_fine = b->sums != NULL && b->has_changed != NULL && b->is_touched != NULL && b->blocks != NULL &&
                   b->rows != NULL && b->failures != NULL;
    return is_fine ? CIR_OK : cir__fail_memory(err, b->pair.bin_path);
}

/* Rows of the batch, and of them those that the files have. */
static size_t first_row(const build *b)
{
    return b->first_block * CIR__CODE_ROWS;
}

static size_t end_row(const build *b)
{
    size_t end = (b->first_block + b->n_blocks) * CIR__CODE_ROWS;
    return end < b->job->n_rows ? end : b->job->n_rows;
}

static size_t n_held(const build *b)
{
    size_t n_rows = b->pair.header.n_rows;
    size_t end = end_row(b) < n_rows ? end_row(b) : n_rows;
    return end > first_row(b) ? end - first_row(b) : 0;
}

/* Reads the batch's checksums and marks the rows whose code will change. */
static cir_status compare(build *b, size_t *n_changed_out, cir_error *err)
{
    size_t n = end_row(b) - first_row(b);
    *n_changed_out = 0;
    memset(b->sums, 0, n * sizeof *b->sums);
    memset(b->is_touched, 0, b->n_blocks);
    cir_status status = cir__codes_pair_read_sums(&b->pair, first_row(b), n_held(b), b->sums, err);
    if (status != CIR_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        b->has_changed[i] = b->sums[i] != cir__checksums_get(b->job->checksums, first_row(b) + i) ? 1 : 0;
        *n_changed_out += b->has_changed[i];
        if (b->has_changed[i] || i >= n_held(b))
            b->is_touched[i / CIR__CODE_ROWS] = 1;
    }
    return CIR_OK;
}

static bool choose_batch(build *b, size_t first_block)
{
    size_t n_blocks = count_blocks(b->job->n_rows);
    b->first_block = first_block;
    b->n_blocks = n_blocks - first_block < b->batch_blocks ? n_blocks - first_block : b->batch_blocks;
    return first_block < n_blocks;
}

static cir_status count_changed(build *b, cir_error *err)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; status == CIR_OK && choose_batch(b, i); i += b->n_blocks) {
        size_t n;
        status = compare(b, &n, err);
        b->n_to_code += n;
    }
    return status;
}

/* All bytes of a row are its own (coder.h). */
static void clear_row(const build *b, uint8_t *block, size_t row)
{
    size_t n_lines = b->pair.header.code_dim / 8;
    uint8_t *numbers = block + n_lines * CIR__CODE_ROWS;
    for (size_t i = 0; i < n_lines; i++)
        block[i * CIR__CODE_ROWS + row] = 0;
    memset(numbers + row * 2, 0, 2);
    memset(numbers + (CIR__CODE_ROWS + row) * 2, 0, 2);
}

/* Codes rows first … end − 1 of a block, which have features; those that are not sound get no code. */
static cir_status code_run(build *b, size_t i_block, size_t first, size_t end, uint16_t *rows, cir_error *err)
{
    size_t dim = b->vectors.dim;
    size_t id = (b->first_block + i_block) * CIR__CODE_ROWS + first;
    uint64_t *sums = b->sums + i_block * CIR__CODE_ROWS;
    uint8_t *block = b->blocks + i_block * b->pair.header.block_bytes;
    cir_status status = cir__vectors_read_run(&b->vectors, id, end - first, rows, err);
    if (status != CIR_OK)
        return status;
    for (size_t i = first; i < end; i++) {
        uint64_t sum = cir__vectors_checksum(rows + (i - first) * dim, dim);
        sums[i] = sum == cir__checksums_get(b->job->checksums, id + i - first) ? sum : 0;
    }
    cir__coder_write(b->coder, rows, end - first, first, block);
    for (size_t i = first; i < end; i++)
        if (sums[i] == 0)
            clear_row(b, block, i);
    return CIR_OK;
}

static cir_status code_block(build *b, size_t i_block, uint16_t *rows, cir_error *err)
{
    size_t first_id = (b->first_block + i_block) * CIR__CODE_ROWS;
    size_t n_rows = b->pair.header.n_rows;
    uint8_t *block = b->blocks + i_block * b->pair.header.block_bytes;
    const uint8_t *has_changed = b->has_changed + i_block * CIR__CODE_ROWS;
    if (first_id < n_rows) {
        cir_status status = cir__codes_pair_read_blocks(&b->pair, b->first_block + i_block, 1, block, err);
        if (status != CIR_OK)
            return status;
    } else {
        memset(block, 0, b->pair.header.block_bytes);
    }
    size_t end = b->job->n_rows - first_id < CIR__CODE_ROWS ? b->job->n_rows - first_id : CIR__CODE_ROWS;
    size_t first = 0;
    for (size_t i = 0; i <= end; i++) {
        bool is_coded = i < end && has_changed[i] && cir__checksums_get(b->job->checksums, first_id + i) != 0;
        if (is_coded)
            continue;
        cir_status status = i > first ? code_run(b, i_block, first, i, rows, err) : CIR_OK;
        if (status != CIR_OK)
            return status;
        first = i + 1;
        /* Left-overs of an interrupted run go too: codes of the same features are the same bytes. */
        if (i < end && (has_changed[i] || first_id + i >= n_rows)) {
            clear_row(b, block, i);
            b->sums[i_block * CIR__CODE_ROWS + i] = 0;
        }
    }
    return CIR_OK;
}

static void code_task(void *context, size_t i_task, size_t i_thread)
{
    build *b = context;
    size_t i_block = b->first_of_slice + i_task;
    cir_error *failure = &b->failures[i_thread];
    if (!b->is_touched[i_block] || failure->status != CIR_OK)
        return;
    (void)!code_block(b, i_block, b->rows + i_thread * CIR__CODE_ROWS * b->vectors.dim, failure);
}

static void advise(const build *b, size_t first, size_t n_blocks, int advice)
{
    size_t block_bytes = CIR__CODE_ROWS * b->vectors.dim * sizeof(uint16_t);
    (void)posix_fadvise(b->vectors.fd, (off_t)((b->first_block + first) * block_bytes),
                        (off_t)(n_blocks * block_bytes), advice);
}

static bool goes_on(const build *b)
{
    const cir__codes_job *job = b->job;
    return job->watch == NULL || job->watch(job->watch_context, b->n_coded, b->n_to_code);
}

/* Codes the batch in memory. */
static cir_status code_batch(build *b, cir_error *err)
{
    for (size_t first = 0; first < b->n_blocks; first += SLICE_BLOCKS) {
        size_t n = b->n_blocks - first < SLICE_BLOCKS ? b->n_blocks - first : SLICE_BLOCKS;
        if (!goes_on(b))
            return cir__fail(err, CIR_INTERRUPTED, "%s: coding was stopped; what is coded is kept",
                             b->pair.bin_path);
        b->first_of_slice = first;
        cir__pool_run(b->job->pool, n, code_task, b);
        for (size_t i = 0; i < cir_pool_n_threads(b->job->pool); i++)
            if (b->failures[i].status != CIR_OK)
                return cir__fail(err, b->failures[i].status, "%s", b->failures[i].message);
        for (size_t i = first * CIR__CODE_ROWS; i < (first + n) * CIR__CODE_ROWS; i++)
            if (first_row(b) + i < end_row(b))
                b->n_coded += b->has_changed[i];
        if (b->drops_pages)
            advise(b, first, n, POSIX_FADV_DONTNEED);
    }
    return CIR_OK;
}

static cir_status write_blocks(build *b, cir_error *err)
{
    cir_status status = CIR_OK;
    size_t first = 0;
    for (size_t i = 0; status == CIR_OK && i <= b->n_blocks; i++) {
        if (i < b->n_blocks && b->is_touched[i])
            continue;
        if (i > first)
            status = cir__codes_pair_write_blocks(&b->pair, b->first_block + first, i - first,
                                                  b->blocks + first * b->pair.header.block_bytes, err);
        first = i + 1;
    }
    return status == CIR_OK ? cir__codes_pair_sync_blocks(&b->pair, err) : status;
}

/* Takes the trust from the rows that will change, codes them, gives it back. */
static cir_status update_batch(build *b, cir_error *err)
{
    size_t n = end_row(b) - first_row(b);
    size_t n_changed;
    bool has_lost = false;
    cir_status status = compare(b, &n_changed, err);
    for (size_t i = 0; status == CIR_OK && i < n_held(b); i++)
        if (b->has_changed[i] && b->sums[i] != 0) {
            b->sums[i] = CIR__CODES_SUM_IN_FLUX;
            has_lost = true;
        }
    if (status == CIR_OK && n_changed == 0 && n == n_held(b))
        return CIR_OK;
    if (status == CIR_OK && has_lost)
        status = cir__codes_pair_write_sums(&b->pair, first_row(b), n_held(b), b->sums, err);
    if (status == CIR_OK && has_lost)
        status = cir__codes_pair_sync_sums(&b->pair, err);
    if (status == CIR_OK)
        status = code_batch(b, err);
    if (status == CIR_OK)
        status = write_blocks(b, err);
    if (status == CIR_OK)
        status = cir__codes_pair_write_sums(&b->pair, first_row(b), n, b->sums, err);
    if (status == CIR_OK)
        status = cir__codes_pair_sync_sums(&b->pair, err);
    if (status == CIR_OK && end_row(b) > b->pair.header.n_rows) {
        b->pair.header.n_rows = end_row(b);
        status = cir__codes_pair_put_header(&b->pair, err);
    }
    for (size_t i = 0; i < n; i++)
        b->n_unsound += b->sums[i] != cir__checksums_get(b->job->checksums, first_row(b) + i) ? 1 : 0;
    return status;
}

static cir_status update_pair(build *b, cir_error *err)
{
    uint64_t digest = cir__checksums_digest(b->job->checksums);
    cir__codes_header *header = &b->pair.header;
    if (header->digest == digest && header->n_rows >= cir__checksums_n_needed(b->job->checksums))
        return CIR_OK;
    cir_status status = make_buffers(b, err);
    if (status == CIR_OK)
        status = cir__codes_pair_begin(&b->pair, err);
    if (status == CIR_OK)
        status = count_changed(b, err);
    for (size_t i = 0; status == CIR_OK && choose_batch(b, i); i += b->n_blocks)
        status = update_batch(b, err);
    if (status != CIR_OK)
        return status;
    (void)goes_on(b);
    if (b->n_unsound > 0)
        return CIR_OK; /* row by row, until they are encoded again */
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
    free(b.failures);
    free(b.rows);
    free(b.blocks);
    free(b.is_touched);
    free(b.has_changed);
    free(b.sums);
    cir__coder_free(b.coder);
    cir__codes_pair_close(&b.pair);
    cir__vectors_close(&b.vectors);
    return status;
}
