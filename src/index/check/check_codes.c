#include "index/check/check_codes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "index/codes/codes_pair.h"
#include "index/store/lock.h"
#include "index/store/vectors.h"

#define MAX_ROWS_NAMED 20

enum { SOUND, WRONG_CODE, WRONG_SUM };

typedef struct check {
    const cir__check_codes_job *job;
    cir__codes_pair pair;
    cir__coder *coder;
    bool is_vouched; /* the header says that all codes are of the catalogue's features */
    size_t n_rows;   /* that have a code */
    uint8_t *verdicts;
    uint8_t *blocks;     /* [n_threads, 2, block bytes]: as it is, as it must be */
    cir_error *failures; /* [n_threads] */
} check;

static bool is_same_code(const check *c, const uint8_t *a, const uint8_t *b, size_t row)
{
    size_t n_lines = c->pair.header.code_dim / 8;
    const size_t factor = n_lines * CIR__CODE_ROWS + row * 2;
    const size_t std_error = factor + CIR__CODE_ROWS * 2;
    for (size_t i = 0; i < n_lines; i++)
        if (a[i * CIR__CODE_ROWS + row] != b[i * CIR__CODE_ROWS + row])
            return false;
    return memcmp(a + factor, b + factor, 2) == 0 && memcmp(a + std_error, b + std_error, 2) == 0;
}

static uint8_t judge(const check *c, size_t id, uint64_t sum, const uint8_t *held, const uint8_t *made)
{
    size_t dim = c->job->model->dim;
    const uint16_t *row = c->job->rows + id * dim;
    uint64_t needed = cir__checksums_get(c->job->checksums, id);
    if (sum != needed)
        return c->is_vouched ? WRONG_SUM : SOUND; /* else it is known to be out of date */
    if (sum == 0)
        return SOUND;
    /* A damaged feature has been told of. */
    return is_same_code(c, held, made, id % CIR__CODE_ROWS) || cir__vectors_checksum(row, dim) != sum
               ? SOUND
               : WRONG_CODE;
}

static void judge_block(void *context, size_t i_block, size_t i_thread)
{
    check *c = context;
    size_t block_bytes = c->pair.header.block_bytes;
    uint8_t *held = c->blocks + 2 * i_thread * block_bytes;
    uint64_t sums[CIR__CODE_ROWS];
    cir_error *failure = &c->failures[i_thread];
    size_t first = i_block * CIR__CODE_ROWS;
    size_t n = c->n_rows - first < CIR__CODE_ROWS ? c->n_rows - first : CIR__CODE_ROWS;
    if (failure->status != CIR_OK || cir__codes_pair_read_sums(&c->pair, first, n, sums, failure) != CIR_OK ||
        cir__codes_pair_read_blocks(&c->pair, i_block, 1, held, failure) != CIR_OK)
        return;
    cir__coder_write(c->coder, c->job->rows + first * c->job->model->dim, n, 0, held + block_bytes);
    for (size_t i = 0; i < n; i++)
        c->verdicts[first + i] = judge(c, first + i, sums[i], held, held + block_bytes);
}

static cir_status judge_all(check *c, cir_error *err)
{
    const cir__codes_header *header = &c->pair.header;
    size_t n_threads = cir_pool_get_n_threads(c->job->pool);
    c->is_vouched = header->digest != 0 && header->digest == cir__checksums_digest(c->job->checksums);
    c->n_rows = header->n_rows < c->job->n_rows ? header->n_rows : c->job->n_rows;
    cir_status status = cir__coder_new(header->dim, header->seed, header->centre, &c->coder, err);
    if (status != CIR_OK)
        return status;
    if (header->code_dim != cir__coder_code_dim(c->coder) ||
        header->block_bytes != cir__coder_block_bytes(c->coder))
        return cir__fail(err, CIR_FORMAT, "%s: its blocks have %zu bytes, not %zu", c->pair.bin_path,
                         header->block_bytes, cir__coder_block_bytes(c->coder));
    c->verdicts = cir__new(c->n_rows, 1);
    c->failures = cir__new(n_threads, sizeof *c->failures);
    c->blocks = cir__new_unset(2 * n_threads, header->block_bytes);
    if (c->verdicts == NULL || c->failures == NULL || c->blocks == NULL)
        return cir__fail_memory(err, c->pair.bin_path);
    cir__pool_run(c->job->pool, (c->n_rows + CIR__CODE_ROWS - 1) / CIR__CODE_ROWS, judge_block, c);
    for (size_t i = 0; i < n_threads; i++)
        if (c->failures[i].status != CIR_OK)
            return cir__fail(err, c->failures[i].status, "%s", c->failures[i].message);
    return CIR_OK;
}

/* Whether another process writes the codes, or has written them since they were opened. */
static bool is_in_flux(const check *c)
{
    if (c->job->repair)
        return false;
    if (cir__lock_is_held(c->job->place->folder))
        return true;
    cir__codes_pair now;
    cir_status status = cir__codes_pair_open(c->job->folder, c->job->model, false, &now, NULL);
    bool is_same = status != CIR_OK ? c->coder == NULL : now.header.sequence == c->pair.header.sequence;
    cir__codes_pair_close(&now);
    return !is_same;
}

static bool delete_codes(const check *c)
{
    bool is_gone = cir__folder_remove(c->job->folder, CIR__CODES_NAME);
    return cir__folder_remove(c->job->folder, CIR__CODES_SUMS_NAME) && is_gone;
}

static void report(const check *c, const cir_error *why, cir__findings *findings)
{
    size_t n = 0;
    for (size_t id = 0; c->verdicts != NULL && id < c->n_rows; id++)
        n += c->verdicts[id] != SOUND ? 1 : 0;
    if ((n == 0 && !c->pair.has_damage && why == NULL) || is_in_flux(c))
        return;
    bool is_repaired = c->job->repair && delete_codes(c);
    if (why != NULL)
        cir__findings_add(findings, is_repaired, "%s", why->message);
    if (c->pair.has_damage)
        cir__findings_add(findings, is_repaired, "%s: one of its two headers is damaged", c->pair.bin_path);
    size_t n_named = 0;
    for (size_t id = 0; n > 0 && id < c->n_rows && n_named < MAX_ROWS_NAMED; id++) {
        if (c->verdicts[id] == SOUND)
            continue;
        n_named++;
        cir__findings_add(findings, is_repaired, "%s: row %zu %s",
                          c->verdicts[id] == WRONG_CODE ? c->pair.bin_path : c->pair.sums_path, id,
                          c->verdicts[id] == WRONG_CODE ? "is not the code of its feature"
                                                        : "has another checksum than the catalogue says");
    }
    if (n > n_named)
        cir__findings_add(findings, is_repaired, "%s: %zu more rows are damaged", c->pair.bin_path,
                          n - n_named);
}

static bool is_there(const cir__folder *folder, const char *name)
{
    struct stat facts;
    return cir__folder_examine(folder, name, &facts) == 0;
}

cir_status cir__check_codes(const cir__check_codes_job *job, cir__findings *findings, cir_error *err)
{
    if (!is_there(job->folder, CIR__CODES_NAME) && !is_there(job->folder, CIR__CODES_SUMS_NAME))
        return CIR_OK;
    check c = {.job = job};
    cir_error why;
    cir_status status = cir__codes_pair_open(job->folder, job->model, false, &c.pair, &why);
    if (status == CIR_OK)
        status = judge_all(&c, &why);
    if (status == CIR_OK || cir__codes_pair_is_hopeless(status)) {
        report(&c, status != CIR_OK ? &why : NULL, findings);
        status = CIR_OK;
    } else {
        cir__fail(err, status, "%s", why.message);
    }
    free(c.blocks);
    free(c.failures);
    free(c.verdicts);
    cir__coder_free(c.coder);
    cir__codes_pair_close(&c.pair);
    return status;
}
