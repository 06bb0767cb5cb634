#include "index/codes/codes_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/npy.h"
#include "index/codes/codes_file.h"
#include "index/store/catalogue.h"
#include "index/store/vectors.h"

/* Rows without a code that searches look at one by one: more make them slower than reading all. */
#define MAX_STALE_SHARE 16

/* A comparison of the catalogue's checksums with those of the codes. */
typedef struct comparison {
    const cir__codes_reader *reader;
    const uint64_t *sums; /* [n_rows] */
    size_t n_rows;        /* that have a code */
    size_t *stale;
    size_t n_stale;
    size_t capacity;
    size_t max_stale;
    bool is_short; /* of memory */
} comparison;

static void visit_block(void *context, size_t i_block, const uint64_t *values)
{
    comparison *self = context;
    size_t first = i_block * CIR__BLOCK_ROWS;
    if (i_block > self->n_rows / CIR__BLOCK_ROWS || self->n_stale > self->max_stale)
        return;
    size_t n = self->n_rows - first < CIR__BLOCK_ROWS ? self->n_rows - first : CIR__BLOCK_ROWS;
    if (memcmp(values, self->sums + first, n * sizeof *values) == 0)
        return;
    for (size_t i = 0; i < n && self->n_stale <= self->max_stale; i++) {
        if (values[i] == self->sums[first + i] || !self->reader->ready[first + i])
            continue;
        if (!cir__grow((void **)&self->stale, &self->capacity, self->n_stale + 1, sizeof *self->stale)) {
            self->is_short = true;
            return;
        }
        self->stale[self->n_stale++] = first + i;
    }
}

static int compare_rows(const void *a, const void *b)
{
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static size_t count_ready(const uint8_t *ready, size_t first, size_t end)
{
    size_t n = 0;
    for (size_t id = first; id < end; id++)
        n += ready[id] != 0 ? 1 : 0;
    return n;
}

/* Finds the rows whose code is not of the feature that the catalogue tells of. */
static cir_status find_stale(const cir__codes_reader *reader, const cir__codes_header *header,
                             const char *path, cir__codes_view *view, cir_error *err)
{
    size_t bin_size;
    size_t sums_size;
    uint64_t serial;
    cir__mapping sums = {0};
    size_t n_uncoded = count_ready(reader->ready, view->codes.n_rows, reader->n_rows);
    comparison c = {
        .reader = reader, .n_rows = view->codes.n_rows, .max_stale = reader->n_rows / MAX_STALE_SHARE};
    cir_status status = cir__folder_map(reader->folder, CIR__CODES_SUMS_NAME, &sums, err);
    if (status == CIR_NOT_FOUND)
        status = cir__fail(err, CIR_DAMAGED, "%s: is missing", path);
    if (status == CIR_OK)
        status = cir__codes_parse_sums(sums.data, sums.size, header, path, &serial, err);
    if (status == CIR_OK &&
        (!cir__codes_sizes(header, view->codes.n_rows, &bin_size, &sums_size) || sums.size < sums_size))
        status = cir__fail(err, CIR_DAMAGED, "%s: ends before rows that " CIR__CODES_NAME " tells of", path);
    if (status == CIR_OK && n_uncoded <= c.max_stale) {
        c.sums = (const uint64_t *)(const void *)(sums.data + CIR__CODES_SUMS_START);
        status = cir__catalogue_list_blocks(reader->store, reader->i_model, visit_block, &c, err);
    }
    if (status == CIR_OK && c.is_short)
        status = cir__fail_memory(err, path);
    if (status == CIR_OK && n_uncoded + c.n_stale > c.max_stale)
        status = cir__fail(err, CIR_LIMIT,
                           "%s: more than 1 row in %d has no code that is up to date; bring them up to date "
                           "with: cir index",
                           path, MAX_STALE_SHARE);
    cir__mapping_close(&sums);
    if (status != CIR_OK) {
        free(c.stale);
        return status;
    }
    /* The catalogue's blocks come in no order that is promised. */
    if (c.n_stale > 0)
        qsort(c.stale, c.n_stale, sizeof *c.stale, compare_rows);
    view->codes.stale = view->stale = c.stale;
    view->codes.n_stale = c.n_stale;
    return CIR_OK;
}

static cir_status open_bin(const cir__codes_reader *reader, const char *path, cir__codes_header *header_out,
                           cir__codes_view *view, cir_error *err)
{
    bool has_damage;
    size_t bin_size;
    size_t sums_size;
    cir_status status = cir__folder_map(reader->folder, CIR__CODES_NAME, &view->bin, err);
    if (status == CIR_OK) {
        /* A copy: what is mapped may be written while it is looked at. */
        size_t start = cir__codes_start(reader->model->dim);
        size_t size = view->bin.size < start ? view->bin.size : start;
        uint8_t *bytes = cir__new_unset(size, 1);
        if (bytes == NULL)
            return cir__fail_memory(err, path);
        if (size > 0)
            memcpy(bytes, view->bin.data, size);
        status = cir__codes_parse_header(bytes, size, reader->model->dim, reader->model->fingerprint, path,
                                         header_out, &has_damage, err);
        free(bytes);
    }
    if (status == CIR_OK)
        status = cir__coder_new(header_out->dim, header_out->seed, header_out->centre, &view->coder, err);
    if (status != CIR_OK)
        return status;
    view->codes.n_rows = header_out->n_rows < reader->n_rows ? header_out->n_rows : reader->n_rows;
    if (header_out->code_dim != cir__coder_code_dim(view->coder) ||
        header_out->block_bytes != cir__coder_block_bytes(view->coder))
        return cir__fail(err, CIR_FORMAT, "%s: its blocks have %zu bytes, not %zu", path,
                         header_out->block_bytes, cir__coder_block_bytes(view->coder));
    if (!cir__codes_sizes(header_out, view->codes.n_rows, &bin_size, &sums_size) || view->bin.size < bin_size)
        return cir__fail(err, CIR_DAMAGED, "%s: ends at byte %zu, before blocks that its header lists", path,
                         view->bin.size);
    return CIR_OK;
}

static cir_status open_vectors(const cir__codes_reader *reader, cir__codes_view *view, cir_error *err)
{
    char *path = cir__folder_join(reader->folder, CIR__VECTORS_NAME);
    if (path == NULL)
        return cir__fail_memory(err, cir__folder_name(reader->folder));
    view->codes.vectors_offset = CIR__NPY_HEADER_SIZE;
    view->codes.vectors_path = view->vectors_path = path;
    return cir__folder_open_file(reader->folder, CIR__VECTORS_NAME, O_RDONLY, 0, &view->codes.vectors_fd,
                                 NULL, err);
}

static cir_status open_once(const cir__codes_reader *reader, cir__codes_view *view_out, cir_error *err)
{
    *view_out = (cir__codes_view){.codes.vectors_fd = -1};
    cir__codes_header header;
    char *bin_path = cir__folder_join(reader->folder, CIR__CODES_NAME);
    char *sums_path = cir__folder_join(reader->folder, CIR__CODES_SUMS_NAME);
    cir_status status = bin_path != NULL && sums_path != NULL
                            ? CIR_OK
                            : cir__fail_memory(err, cir__folder_name(reader->folder));
    if (status == CIR_OK)
        status = open_bin(reader, bin_path, &header, view_out, err);
    if (status == CIR_OK && (header.digest == 0 || header.digest != reader->digest))
        status = find_stale(reader, &header, sums_path, view_out, err);
    if (status == CIR_OK)
        status = open_vectors(reader, view_out, err);
    if (status == CIR_OK) {
        view_out->codes.coder = view_out->coder;
        view_out->codes.blocks = view_out->bin.data + cir__codes_start(header.dim);
        view_out->n_coded = count_ready(reader->ready, 0, view_out->codes.n_rows) - view_out->codes.n_stale;
    } else {
        cir__codes_close(view_out);
    }
    free(bin_path);
    free(sums_path);
    return status;
}

cir_status cir__codes_open(const cir__codes_reader *reader, cir__codes_view *view_out, cir_error *err)
{
    cir_status status = CIR_OK;
    /* An update may begin, or replace the files, between two looks at them. */
    for (int i = 0; i < 3; i++) {
        status = open_once(reader, view_out, err);
        if (status != CIR_MISMATCH && status != CIR_DAMAGED)
            break;
    }
    return status;
}

void cir__codes_close(cir__codes_view *view)
{
    if (view->coder != NULL && view->codes.vectors_fd >= 0)
        close(view->codes.vectors_fd);
    cir__mapping_close(&view->bin);
    cir__coder_free(view->coder);
    free(view->stale);
    free(view->vectors_path);
    *view = (cir__codes_view){.codes.vectors_fd = -1};
}
