/* Everything goes through the writer that updates use: what comes out is an index like any other, and a test
 * of how large one may become. Rounds of rows overlap on the pool's threads: while one round's catalogue rows
 * are written by one task and its features by another, the next round's features are made by many. */
#include "index/synthetic/synthetic_index.h"

#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "index/store/catalogue.h"
#include "index/store/image_rows.h"
#include "index/synthetic/synthetic_rows.h"
#include "index/update/writer.h"

enum { TASK_ROWS = 256, ROUND_ROWS = 64 * TASK_ROWS, COMMIT_ROUNDS = 16 };

/* What the catalogue, checksums and compact codes take beside a row's 2·dim bytes and dim bits, measured. */
#define BYTES_BESIDE 128

_Static_assert(CIR_SYNTHETIC_MAX_DIM == CIR__MAX_DIM, "an index holds any of them");

#define FIRST_TIME 1000000000 /* 2001: photos are taken ten minutes after each other */

typedef struct making {
    cir__writer *writer;
    cir__synthetic_rows *made;
    size_t n_rows, dim;
    size_t written, first; /* rows so far in the writer, and made */
    uint16_t *rows[2];     /* [ROUND_ROWS, dim]: of rounds that are even and odd */
    float *scratch;        /* [n_threads, dim] */
    cir_status catalogue_status, features_status;
    cir_error catalogue_err, features_err;
} making;

static uint16_t *rows_of_round(const making *self, size_t first)
{
    return self->rows[first / ROUND_ROWS % 2];
}

static size_t n_of_round(const making *self, size_t first)
{
    return self->n_rows - first < ROUND_ROWS ? self->n_rows - first : ROUND_ROWS;
}

static void make_features(making *self, size_t i_task, float *scratch)
{
    const size_t n = n_of_round(self, self->first);
    for (size_t r = i_task * TASK_ROWS; r < (i_task + 1) * TASK_ROWS && r < n; r++)
        cir__synthetic_rows_get(self->made, self->first + r, scratch,
                                rows_of_round(self, self->first) + r * self->dim);
}

/* Names in the order of their ids, so that the catalogue's tree of paths only grows at its end. */
static cir_status write_catalogue(making *self, cir_error *err)
{
    cir_status status = CIR_OK;
    const size_t end = self->written + n_of_round(self, self->written);
    for (size_t id = self->written; id < end && status == CIR_OK; id++) {
        const int64_t taken_at = FIRST_TIME + (int64_t)id * 600;
        const cir__row row = {.id = cir__writer_add_row(self->writer),
                              .size_bytes = 100000 + id % 4000000,
                              .modified_ns = taken_at * 1000000000,
                              .width_px = 640,
                              .height_px = 480,
                              .taken_at = taken_at};
        char name[32];
        (void)snprintf(name, sizeof name, "photos/%09zu.jpg", id);
        status = cir__image_rows_put(cir__writer_store(self->writer), &row, name, NULL, err);
    }
    return status;
}

static cir_status write_features(making *self, cir_error *err)
{
    cir_status status = CIR_OK;
    const size_t n = n_of_round(self, self->written);
    for (size_t r = 0; r < n && status == CIR_OK; r++)
        status = cir__writer_put_feature(self->writer, 0, self->written + r,
                                         rows_of_round(self, self->written) + r * self->dim, err);
    return status;
}

enum { WRITE_CATALOGUE, WRITE_FEATURES, MAKE_FEATURES }; /* the third and all behind it */

static void run_task(void *context, size_t i_task, size_t i_thread)
{
    making *const self = context;
    if (i_task == WRITE_CATALOGUE)
        self->catalogue_status = write_catalogue(self, &self->catalogue_err);
    else if (i_task == WRITE_FEATURES)
        self->features_status = write_features(self, &self->features_err);
    else
        make_features(self, i_task - MAKE_FEATURES, self->scratch + i_thread * self->dim);
}

/* Writes what is made, and makes the next round. */
static cir_status run_round(making *self, cir_pool *pool, cir_error *err)
{
    const size_t n_next = n_of_round(self, self->first), n_written = n_of_round(self, self->written);
    cir_status status = cir__writer_begin(self->writer, err);
    if (status != CIR_OK)
        return status;
    cir__pool_run(pool, MAKE_FEATURES + n_next / TASK_ROWS + (n_next % TASK_ROWS != 0), run_task, self);
    self->first += n_next;
    self->written += n_written;
    if (self->catalogue_status != CIR_OK || self->features_status != CIR_OK) {
        const bool is_catalogue = self->catalogue_status != CIR_OK;
        if (err != NULL)
            *err = is_catalogue ? self->catalogue_err : self->features_err;
        return is_catalogue ? self->catalogue_status : self->features_status;
    }
    return CIR_OK;
}

static cir_status make_all(making *self, cir_pool *pool, const cir_update_options *options, cir_error *err)
{
    cir_status status = CIR_OK;
    cir_update_progress progress = {.n_found = self->n_rows};
    bool is_stopped = false;
    for (size_t i = 0; i * TASK_ROWS < ROUND_ROWS; i++)
        make_features(self, i, self->scratch);
    self->first = n_of_round(self, 0);
    for (size_t n_rounds = 1; self->written < self->n_rows && status == CIR_OK && !is_stopped; n_rounds++) {
        status = run_round(self, pool, err);
        progress.n_done = progress.n_encoded = self->written;
        if (status == CIR_OK && options != NULL && options->watch != NULL)
            is_stopped = !options->watch(options->watch_context, &progress) && self->written < self->n_rows;
        if (status == CIR_OK &&
            (n_rounds % COMMIT_ROUNDS == 0 || self->written == self->n_rows || is_stopped))
            status = cir__writer_commit(self->writer, err);
    }
    if (status == CIR_OK && is_stopped)
        status = cir__fail(err, CIR_INTERRUPTED, "%s: stopped on request; it holds %zu of %zu rows",
                           cir__writer_place(self->writer)->index, self->written, self->n_rows);
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

cir_status cir__synthetic_index_write(const char *index_path, const cir__encoder *encoder, size_t n_rows,
                                      uint64_t seed, cir_pool *pool, const cir_update_options *options,
                                      cir_error *err)
{
    cir__error_clear(err);
    cir_status status = check_room(index_path, n_rows, encoder->dim, err);
    if (status != CIR_OK)
        return status;
    making self = {.n_rows = n_rows, .dim = encoder->dim};
    const cir__encoders encoders = {.items = encoder, .n = 1};
    uint16_t *rows = cir__new_unset(2 * ROUND_ROWS, self.dim * sizeof *rows);
    self.scratch = cir__new_unset(cir_pool_get_n_threads(pool), self.dim * sizeof *self.scratch);
    if (rows == NULL || self.scratch == NULL)
        status = cir__fail_memory(err, index_path);
    else
        self.rows[0] = rows, self.rows[1] = rows + ROUND_ROWS * self.dim;
    if (status == CIR_OK)
        status = cir__synthetic_rows_new(n_rows, self.dim, seed, &self.made, err);
    if (status == CIR_OK)
        status = cir__writer_open(index_path, &encoders, NULL, &self.writer, err);
    if (status == CIR_OK)
        status = make_all(&self, pool, options, err);
    cir__writer_close(self.writer);
    cir__synthetic_rows_free(self.made);
    free(self.scratch);
    free(rows);
    return status;
}

cir_status cir_index_make_synthetic(const char *index_path, size_t n_rows, size_t dim, uint64_t seed,
                                    cir_pool *pool, const cir_update_options *options, cir_error *err)
{
    cir_update_options own;
    cir__error_clear(err);
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_update_options", err);
    if (status != CIR_OK)
        return status;
    if (n_rows == 0 || n_rows > CIR_SYNTHETIC_MAX_ROWS || dim < 2 || dim > CIR_SYNTHETIC_MAX_DIM)
        return cir__fail(err, CIR_ARGUMENT, "%zu rows of %zu dimensions: 1 to %d and 2 to %d are possible",
                         n_rows, dim, CIR_SYNTHETIC_MAX_ROWS, CIR_SYNTHETIC_MAX_DIM);
    char name[64], fingerprint[CIR__HASH_TEXT_SIZE];
    (void)snprintf(name, sizeof name, CIR__SYNTHETIC_PREFIX "%zu-%" PRIu64, dim, seed);
    cir__hash *hash = cir__hash_new();
    if (hash == NULL)
        return cir__fail_memory(err, index_path);
    cir__hash_push(hash, name, strlen(name));
    cir__hash_format(hash, fingerprint);
    cir__hash_free(hash);
    const cir__encoder encoder = {.name = name, .path = name, .fingerprint = fingerprint, .dim = dim};
    return cir__synthetic_index_write(index_path, &encoder, n_rows, seed, pool, options, err);
}
