/* Features are made in rounds, many rows at once on all threads, and go one after another through the writer
 * that updates use: what comes out is an index like any other, and a test of how large one may become. */
#include "index/made_up.h"

#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/pool.h"
#include "index/catalogue.h"
#include "index/made_rows.h"
#include "index/rows.h"
#include "index/writer.h"

enum { TASK_ROWS = 256, ROUND_ROWS = 64 * TASK_ROWS, COMMIT_ROUNDS = 16 };

/* What the catalogue, checksums and compact codes take beside a row's 2·dim bytes and dim bits, measured. */
#define BYTES_BESIDE 128

_Static_assert(CIR_MADE_UP_MAX_DIM == CIR__MAX_DIM, "an index holds any of them");

#define FIRST_TIME 1000000000 /* 2001: photos are taken ten minutes after each other */

typedef struct making {
    cir__writer *writer;
    cir__made_rows *made;
    size_t n_rows, dim;
    size_t first;    /* row of the round */
    uint16_t *rows;  /* [ROUND_ROWS, dim] */
    float *scratch;  /* [n_threads, dim] */
    size_t n_rounds; /* since the last commit */
} making;

static size_t n_of_round(const making *self)
{
    return self->n_rows - self->first < ROUND_ROWS ? self->n_rows - self->first : ROUND_ROWS;
}

static void make_rows(void *context, size_t i_task, size_t i_thread)
{
    making *const self = context;
    const size_t n = n_of_round(self);
    for (size_t r = i_task * TASK_ROWS; r < (i_task + 1) * TASK_ROWS && r < n; r++)
        cir__made_rows_get(self->made, self->first + r, self->scratch + i_thread * self->dim,
                           self->rows + r * self->dim);
}

/* Names in the order of their ids, so that the catalogue's tree of paths only grows at its end. */
static cir_status write_rows(making *self, cir_error *err)
{
    cir__store *store = cir__writer_store(self->writer);
    cir_status status = cir__writer_begin(self->writer, err);
    for (size_t r = 0; r < n_of_round(self) && status == CIR_OK; r++) {
        const size_t id = cir__writer_add_row(self->writer);
        char name[32];
        (void)snprintf(name, sizeof name, "photos/%09zu.jpg", id);
        const int64_t taken_at = FIRST_TIME + (int64_t)id * 600;
        const cir__row row = {.id = id,
                              .size_bytes = 100000 + id % 4000000,
                              .modified_ns = taken_at * 1000000000,
                              .width_px = 640,
                              .height_px = 480,
                              .taken_at = taken_at};
        status = cir__rows_put(store, &row, name, NULL, err);
        if (status == CIR_OK)
            status = cir__writer_put_feature(self->writer, id, self->rows + r * self->dim, err);
    }
    return status;
}

static cir_status commit(making *self, cir_error *err)
{
    self->n_rounds = 0;
    return cir__writer_commit(self->writer, err);
}

static cir_status make_all(making *self, cir_pool *pool, const cir_update_options *options, cir_error *err)
{
    cir_status status = CIR_OK;
    cir_update_progress progress = {.n_found = self->n_rows};
    while (self->first < self->n_rows && status == CIR_OK) {
        const size_t n = n_of_round(self);
        cir__pool_run(pool, n / TASK_ROWS + (n % TASK_ROWS != 0), make_rows, self);
        status = write_rows(self, err);
        self->first += n;
        if (status == CIR_OK && (++self->n_rounds == COMMIT_ROUNDS || self->first == self->n_rows))
            status = commit(self, err);
        progress.n_done = progress.n_encoded = self->first;
        if (status == CIR_OK && options != NULL && options->watch != NULL &&
            !options->watch(options->watch_context, &progress) && self->first < self->n_rows) {
            status = commit(self, err);
            if (status == CIR_OK)
                status = cir__fail(err, CIR_INTERRUPTED, "%s: stopped on request; it holds %zu of %zu rows",
                                   cir__writer_place(self->writer)->index, self->first, self->n_rows);
        }
    }
    return status;
}

/* A disk that is too small is told of before minutes are spent on filling it. */
static cir_status check_room(const char *index_path, size_t n_rows, size_t dim, cir_error *err)
{
    struct stat facts;
    if (lstat(index_path, &facts) == 0)
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: is there already and is not replaced; name another or remove it", index_path);
    size_t n_needed;
    if (!cir__size_mul(n_rows, 2 * dim + dim / 8 + BYTES_BESIDE, &n_needed))
        return cir__fail(err, CIR_LIMIT, "%s: %zu rows of %zu dimensions are more than a file can hold",
                         index_path, n_rows, dim);
    char *copy = cir__copy_text(index_path);
    if (copy == NULL)
        return cir__fail_memory(err, index_path);
    struct statvfs disk;
    cir_status status = CIR_OK;
    if (statvfs(dirname(copy), &disk) == 0 &&
        (double)disk.f_bavail * (double)disk.f_frsize < (double)n_needed)
        status = cir__fail(
            err, CIR_FULL,
            "%s: takes about %.1f GB, and %.1f GB of the disk are free; make room or fewer rows", index_path,
            (double)n_needed * 1e-9, (double)disk.f_bavail * (double)disk.f_frsize * 1e-9);
    free(copy);
    return status;
}

cir_status cir__made_up_write(const char *index_path, const cir__encoder *encoder, size_t n_rows,
                              uint64_t seed, cir_pool *pool, const cir_update_options *options,
                              cir_error *err)
{
    cir__error_clear(err);
    cir_status status = check_room(index_path, n_rows, encoder->dim, err);
    if (status != CIR_OK)
        return status;
    making self = {.n_rows = n_rows, .dim = encoder->dim};
    self.rows = cir__new_unset(ROUND_ROWS, self.dim * sizeof *self.rows);
    self.scratch = cir__new_unset(cir_pool_n_threads(pool), self.dim * sizeof *self.scratch);
    if (self.rows == NULL || self.scratch == NULL)
        status = cir__fail_memory(err, index_path);
    if (status == CIR_OK)
        status = cir__made_rows_new(n_rows, self.dim, seed, &self.made, err);
    if (status == CIR_OK)
        status = cir__writer_open(index_path, encoder, &self.writer, err);
    if (status == CIR_OK)
        status = make_all(&self, pool, options, err);
    cir__writer_close(self.writer);
    cir__made_rows_free(self.made);
    free(self.scratch);
    free(self.rows);
    return status;
}

cir_status cir_index_make_up(const char *index_path, size_t n_rows, size_t dim, uint64_t seed, cir_pool *pool,
                             const cir_update_options *options, cir_error *err)
{
    cir__error_clear(err);
    if (n_rows == 0 || n_rows > CIR_MADE_UP_MAX_ROWS || dim < 2 || dim > CIR_MADE_UP_MAX_DIM)
        return cir__fail(err, CIR_ARGUMENT, "%zu rows of %zu dimensions: 1 to %d and 2 to %d are possible",
                         n_rows, dim, CIR_MADE_UP_MAX_ROWS, CIR_MADE_UP_MAX_DIM);
    char name[64], fingerprint[CIR__HASH_TEXT_SIZE];
    (void)snprintf(name, sizeof name, "made-up-%zu-%" PRIu64, dim, seed);
    cir__hash *hash = cir__hash_new();
    if (hash == NULL)
        return cir__fail_memory(err, index_path);
    cir__hash_push(hash, name, strlen(name));
    cir__hash_format(hash, fingerprint);
    cir__hash_free(hash);
    const cir__encoder encoder = {.name = name, .path = name, .fingerprint = fingerprint, .dim = dim};
    return cir__made_up_write(index_path, &encoder, n_rows, seed, pool, options, err);
}
