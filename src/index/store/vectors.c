#include "index/store/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "format/npy.h"
#include "kernels/half.h"

/* Bytes of a file of n_rows rows; false where no file can be that long. */
static bool size_of_file(size_t n_rows, size_t dim, size_t *size_out)
{
    return cir__size_mul(n_rows, dim * sizeof(uint16_t), size_out) &&
           cir__size_add(*size_out, CIR__NPY_HEADER_SIZE, size_out) && *size_out < PTRDIFF_MAX / 2;
}

static uint64_t offset_of_row(size_t id, size_t dim)
{
    return CIR__NPY_HEADER_SIZE + (uint64_t)id * dim * sizeof(uint16_t);
}

static cir_status fail_damaged(const char *path, const char *finding, cir_error *err)
{
    return cir__fail(err, CIR_DAMAGED, "%s: is damaged: %s; run: cir check --repair on its index", path,
                     finding);
}

/* Reads the number of rows out of a header; false where it is not, to the byte, one that is written here.
 * Such a header may count more rows than the file has: an interrupted update leaves that. */
static bool parse_header(const uint8_t header[CIR__NPY_HEADER_SIZE], size_t dim, size_t *n_rows_out)
{
    static const char before[] = "'shape': (";
    const char *at = memmem(header, CIR__NPY_HEADER_SIZE, before, sizeof before - 1);
    uint8_t expected[CIR__NPY_HEADER_SIZE];
    size_t n = 0;
    if (at == NULL)
        return false;
    for (at += sizeof before - 1;
         at < (const char *)header + CIR__NPY_HEADER_SIZE && *at >= '0' && *at <= '9'; at++)
        if (!cir__size_mul(n, 10, &n) || !cir__size_add(n, (size_t)(*at - '0'), &n))
            return false;
    cir__npy_format_header(CIR__NPY_F16, n, dim, expected);
    *n_rows_out = n;
    return memcmp(header, expected, sizeof expected) == 0;
}

cir_status cir__vectors_examine(const cir__folder *folder, size_t dim, size_t n_rows, size_t n_needed,
                                const char **finding_out, bool *has_left_over_out, cir_error *err)
{
    *finding_out = NULL;
    *has_left_over_out = false;
    size_t size_needed;
    size_t size_whole;
    size_t n_counted = 0;
    uint8_t header[CIR__NPY_HEADER_SIZE] = {0};
    struct stat facts;
    int fd;
    cir_status status = cir__folder_open_file(folder, CIR__VECTORS_NAME, O_RDONLY, 0, &fd, &facts, err);
    if (status != CIR_OK)
        return status;
    size_t size = (size_t)facts.st_size;
    ssize_t n_read = pread(fd, header, sizeof header, 0);
    if (n_read < 0)
        status =
            cir__fail_errno(err, errno, "%s/%s: cannot be read", cir__folder_name(folder), CIR__VECTORS_NAME);
    close(fd);
    if (status != CIR_OK)
        return status;
    if (!size_of_file(n_needed, dim, &size_needed) || !size_of_file(n_rows, dim, &size_whole))
        *finding_out = "the catalogue lists more rows than a file can hold";
    else if (size < size_needed)
        *finding_out = "it ends before rows that the catalogue lists";
    else if (n_read < (ssize_t)sizeof header || !parse_header(header, dim, &n_counted))
        *finding_out = "its header is not as it must be";
    else if (n_counted < n_needed)
        *finding_out = "its header counts too few rows";
    else
        *has_left_over_out = size > size_whole || n_counted > n_rows;
    return CIR_OK;
}

/* The file's path, for messages. */
static cir_status make_path(const cir__folder *folder, char **path_out, cir_error *err)
{
    *path_out = cir__folder_join(folder, CIR__VECTORS_NAME);
    return *path_out != NULL ? CIR_OK : cir__fail_memory(err, cir__folder_name(folder));
}

static cir_status check_file(const cir__folder *folder, const char *path, size_t dim, size_t n_rows,
                             size_t n_needed, cir_error *err)
{
    const char *finding;
    bool has_left_over;
    cir_status status = cir__vectors_examine(folder, dim, n_rows, n_needed, &finding, &has_left_over, err);
    if (status == CIR_NOT_FOUND)
        return fail_damaged(path, "it is missing", err);
    if (status == CIR_OK && finding != NULL)
        return fail_damaged(path, finding, err);
    return status;
}

static cir_status write_header(int fd, const char *path, size_t dim, size_t n_rows, cir_error *err)
{
    uint8_t header[CIR__NPY_HEADER_SIZE];
    cir__npy_format_header(CIR__NPY_F16, n_rows, dim, header);
    return cir__file_write_at(fd, header, sizeof header, 0, path, err);
}

static cir_status sync_file(int fd, const char *path, cir_error *err)
{
    return fdatasync(fd) == 0 ? CIR_OK : cir__fail_errno(err, errno, "%s: cannot be synced to disk", path);
}

static cir_status resize(int fd, const char *path, size_t dim, size_t n_rows, cir_error *err)
{
    size_t size;
    if (!size_of_file(n_rows, dim, &size))
        return cir__fail(err, CIR_LIMIT, "%s: %zu rows are more than a file can hold", path, n_rows);
    return ftruncate(fd, (off_t)size) == 0
               ? CIR_OK
               : cir__fail_errno(err, errno, "%s: cannot be resized to %zu bytes", path, size);
}

/* Header and length for n_rows rows. The header is durable before the file shrinks, and follows when it has
 * grown: it never counts rows that are not there. */
static cir_status cut_or_fill(int fd, const char *path, size_t dim, size_t n_rows, cir_error *err)
{
    struct stat facts;
    size_t size;
    if (fstat(fd, &facts) != 0)
        return cir__fail_errno(err, errno, "%s: cannot be examined", path);
    bool grows = !size_of_file(n_rows, dim, &size) || (size_t)facts.st_size < size;
    cir_status status = grows ? resize(fd, path, dim, n_rows, err) : CIR_OK;
    if (status == CIR_OK)
        status = write_header(fd, path, dim, n_rows, err);
    if (status == CIR_OK)
        status = sync_file(fd, path, err);
    return status == CIR_OK && !grows ? resize(fd, path, dim, n_rows, err) : status;
}

cir_status cir__vectors_repair(const cir__folder *folder, size_t dim, size_t n_rows, cir_error *err)
{
    char *path;
    int fd = -1;
    cir_status status = make_path(folder, &path, err);
    if (status == CIR_OK)
        status = cir__folder_open_file(folder, CIR__VECTORS_NAME, O_RDWR | O_CREAT, 0666, &fd, NULL, err);
    if (status == CIR_OK)
        status = cut_or_fill(fd, path, dim, n_rows, err);
    if (status == CIR_OK)
        status = sync_file(fd, path, err);
    if (fd >= 0)
        close(fd);
    free(path);
    return status == CIR_OK ? cir__folder_sync_names(folder, err) : status;
}

cir_status cir__vectors_create(const cir__folder *folder, size_t dim, cir_error *err)
{
    return cir__vectors_repair(folder, dim, 0, err);
}

static cir_status open_file(const cir__folder *folder, size_t dim, size_t n_rows, size_t n_needed, int access,
                            cir__vectors *vectors_out, cir_error *err)
{
    *vectors_out = (cir__vectors){.fd = -1, .dim = dim, .n_rows = n_rows};
    cir_status status = make_path(folder, &vectors_out->path, err);
    if (status == CIR_OK)
        status = check_file(folder, vectors_out->path, dim, n_rows, n_needed, err);
    if (status == CIR_OK)
        status = cir__folder_open_file(folder, CIR__VECTORS_NAME, access, 0, &vectors_out->fd, NULL, err);
    if (status != CIR_OK)
        cir__vectors_close(vectors_out);
    return status;
}

cir_status cir__vectors_open(const cir__folder *folder, size_t dim, size_t n_rows, size_t n_needed,
                             cir__vectors *vectors_out, cir_error *err)
{
    cir_status status = open_file(folder, dim, n_rows, n_needed, O_RDWR, vectors_out, err);
    if (status != CIR_OK)
        return status;
    /* Left-overs of a crash go now, so that rows that will not be written are zero. */
    status = cut_or_fill(vectors_out->fd, vectors_out->path, dim, n_rows, err);
    if (status != CIR_OK)
        cir__vectors_close(vectors_out);
    return status;
}

cir_status cir__vectors_open_to_read(const cir__folder *folder, size_t dim, size_t n_rows, size_t n_needed,
                                     cir__vectors *vectors_out, cir_error *err)
{
    return open_file(folder, dim, n_rows, n_needed, O_RDONLY, vectors_out, err);
}

void cir__vectors_close(cir__vectors *vectors)
{
    if (vectors->path != NULL && vectors->fd >= 0)
        close(vectors->fd);
    free(vectors->path);
    *vectors = (cir__vectors){.fd = -1};
}

cir_status cir__vectors_write(cir__vectors *vectors, size_t id, const uint16_t *row, cir_error *err)
{
    return cir__file_write_at(vectors->fd, row, vectors->dim * sizeof *row, offset_of_row(id, vectors->dim),
                              vectors->path, err);
}

cir_status cir__vectors_read_run(const cir__vectors *vectors, size_t first, size_t n, uint16_t *rows_out,
                                 cir_error *err)
{
    size_t size = n * vectors->dim * sizeof *rows_out;
    size_t at = 0;
    while (at < size) {
        ssize_t n_read = pread(vectors->fd, (char *)rows_out + at, size - at,
                               (off_t)(offset_of_row(first, vectors->dim) + at));
        if (n_read == 0)
            return fail_damaged(vectors->path, "it ends before rows that the catalogue lists", err);
        if (n_read < 0 && errno != EINTR)
            return cir__fail_errno(err, errno, "%s: row %zu cannot be read", vectors->path,
                                   first + at / (vectors->dim * sizeof *rows_out));
        at += n_read > 0 ? (size_t)n_read : 0;
    }
    return CIR_OK;
}

cir_status cir__vectors_read(const cir__vectors *vectors, size_t id, uint16_t *row_out, cir_error *err)
{
    return cir__vectors_read_run(vectors, id, 1, row_out, err);
}

cir_status cir__vectors_commit(cir__vectors *vectors, size_t n_rows, cir_error *err)
{
    /* The last images may have failed, and so have no row that was written. */
    cir_status status = resize(vectors->fd, vectors->path, vectors->dim, n_rows, err);
    if (status == CIR_OK)
        status = sync_file(vectors->fd, vectors->path, err);
    if (status == CIR_OK)
        status = write_header(vectors->fd, vectors->path, vectors->dim, n_rows, err);
    return status == CIR_OK ? sync_file(vectors->fd, vectors->path, err) : status;
}

cir_status cir__vectors_sync(cir__vectors *vectors, cir_error *err)
{
    return sync_file(vectors->fd, vectors->path, err);
}

void cir__vectors_rollback(cir__vectors *vectors)
{
    /* The header first: it must never count more rows than there are. */
    if (write_header(vectors->fd, vectors->path, vectors->dim, vectors->n_rows, NULL) == CIR_OK)
        (void)resize(vectors->fd, vectors->path, vectors->dim, vectors->n_rows, NULL);
}

uint64_t cir__vectors_checksum(const uint16_t *row, size_t dim)
{
    uint64_t sum = cir__hash64(row, dim * sizeof *row);
    return sum != 0 ? sum : 1;
}

static bool is_unit_length(double sum_of_squares, double tolerance)
{
    /* Written so that NaN is not of unit length. */
    return fabs(sqrt(sum_of_squares) - 1) <= tolerance;
}

bool cir__vectors_format_row(const float *feature, size_t dim, uint16_t *row_out)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        sum += (double)feature[i] * (double)feature[i];
        row_out[i] = cir__half_from_float(feature[i]);
    }
    return is_unit_length(sum, 1e-3);
}

bool cir__vectors_is_unit(const uint16_t *row, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        double value = (double)cir__half_to_float(row[i]);
        sum += value * value;
    }
    return is_unit_length(sum, 2e-3);
}

/* Rows of images that another model added may be beyond the end of this file: the file is laid over zeros, so
 * that every row of the index has an address. */
static cir_status map_file(int fd, const char *path, size_t size, size_t size_needed,
                           cir__vectors_map *map_out, cir_error *err)
{
    struct stat facts;
    void *memory = fstat(fd, &facts) == 0
                       ? mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                       : MAP_FAILED;
    if (memory == MAP_FAILED)
        return cir__fail_errno(err, errno, "%s: cannot be mapped", path);
    *map_out = (cir__vectors_map){.memory = memory, .size_bytes = size};
    size_t size_mapped = (size_t)facts.st_size < size ? (size_t)facts.st_size : size;
    if (mmap(memory, size_mapped, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        cir_status status = cir__fail_errno(err, errno, "%s: cannot be mapped", path);
        cir__vectors_map_close(map_out);
        return status;
    }
    if (!cir__mapped_add(memory, size, fd, size_needed, path)) {
        cir__vectors_map_close(map_out);
        return cir__fail_memory(err, path);
    }
    map_out->rows = (const uint16_t *)(const void *)((const char *)memory + CIR__NPY_HEADER_SIZE);
    return CIR_OK;
}

cir_status cir__vectors_map_open(const cir__folder *folder, size_t dim, size_t n_rows, size_t n_needed,
                                 cir__vectors_map *map_out, cir_error *err)
{
    *map_out = (cir__vectors_map){0};
    size_t size;
    size_t size_needed;
    char *path;
    int fd = -1;
    cir_status status = make_path(folder, &path, err);
    if (status == CIR_OK)
        status = check_file(folder, path, dim, n_rows, n_needed, err);
    if (status == CIR_OK && (!size_of_file(n_rows, dim, &size) || !size_of_file(n_needed, dim, &size_needed)))
        status = fail_damaged(path, "the catalogue lists more rows than a file can hold", err);
    if (status == CIR_OK)
        status = cir__folder_open_file(folder, CIR__VECTORS_NAME, O_RDONLY, 0, &fd, NULL, err);
    if (status == CIR_OK)
        status = map_file(fd, path, size, size_needed, map_out, err);
    if (fd >= 0)
        close(fd);
    free(path);
    return status;
}

void cir__vectors_map_close(cir__vectors_map *map)
{
    cir__mapped_remove(map->memory);
    if (map->memory != NULL)
        munmap(map->memory, map->size_bytes);
    *map = (cir__vectors_map){0};
}
