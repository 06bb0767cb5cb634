#include "index/codes/codes_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

static cir_status sync_file(int fd, const char *path, cir_error *err)
{
    return fdatasync(fd) == 0 ? CIR_OK : cir__fail_errno(err, errno, "%s: cannot be synced to disk", path);
}

static cir_status read_at(int fd, const char *path, void *bytes_out, size_t size, uint64_t offset,
                          cir_error *err)
{
    uint8_t *next = bytes_out;
    while (size > 0) {
        ssize_t n = pread(fd, next, size, (off_t)offset);
        if (n == 0)
            return cir__fail(err, CIR_FORMAT, "%s: ends at byte %llu, before codes that it lists", path,
                             (unsigned long long)offset);
        if (n < 0 && errno != EINTR)
            return cir__fail_errno(err, errno, "%s: cannot be read at byte %llu", path,
                                   (unsigned long long)offset);
        if (n > 0) {
            next += n;
            offset += (uint64_t)n;
            size -= (size_t)n;
        }
    }
    return CIR_OK;
}

static cir_status open_file(const cir__folder *folder, const char *name, bool writes, char **path_out,
                            int *fd_out, size_t *size_out, cir_error *err)
{
    struct stat facts;
    *path_out = cir__folder_join(folder, name);
    if (*path_out == NULL)
        return cir__fail_memory(err, cir__folder_name(folder));
    cir_status status =
        cir__folder_open_file(folder, name, writes ? O_RDWR : O_RDONLY, 0, fd_out, &facts, err);
    *size_out = status == CIR_OK ? (size_t)facts.st_size : 0;
    return status;
}

static cir_status read_headers(cir__codes_pair *pair, const cir_index_model *model, size_t bin_size,
                               size_t sums_size, cir_error *err)
{
    size_t start = cir__codes_start(model->dim);
    uint8_t sums[CIR__CODES_SUMS_START];
    size_t bin_needed;
    size_t sums_needed;
    uint8_t *bytes = cir__new_unset(start, 1);
    if (bytes == NULL)
        return cir__fail_memory(err, pair->bin_path);
    cir_status status =
        read_at(pair->bin, pair->bin_path, bytes, bin_size < start ? bin_size : start, 0, err);
    if (status == CIR_OK)
        status = cir__codes_parse_header(bytes, bin_size < start ? bin_size : start, model->dim,
                                         model->fingerprint, pair->bin_path, &pair->header, &pair->has_damage,
                                         err);
    if (status == CIR_OK)
        status = read_at(pair->sums, pair->sums_path, sums, sizeof sums, 0, err);
    if (status == CIR_OK)
        status = cir__codes_parse_sums(sums, sizeof sums, &pair->header, pair->sums_path, &pair->serial, err);
    if (status == CIR_OK &&
        (!cir__codes_sizes(&pair->header, pair->header.n_rows, &bin_needed, &sums_needed) ||
         bin_size < bin_needed || sums_size < sums_needed))
        status = cir__fail(err, CIR_FORMAT, "%s: ends before codes that its header lists", pair->bin_path);
    free(bytes);
    return status;
}

cir_status cir__codes_pair_open(const cir__folder *folder, const cir_index_model *model, bool writes,
                                cir__codes_pair *pair_out, cir_error *err)
{
    *pair_out = (cir__codes_pair){.bin = -1, .sums = -1};
    size_t bin_size = 0;
    size_t sums_size = 0;
    cir_status status =
        open_file(folder, CIR__CODES_NAME, writes, &pair_out->bin_path, &pair_out->bin, &bin_size, err);
    if (status == CIR_OK)
        status = open_file(folder, CIR__CODES_SUMS_NAME, writes, &pair_out->sums_path, &pair_out->sums,
                           &sums_size, err);
    if (status == CIR_OK)
        status = read_headers(pair_out, model, bin_size, sums_size, err);
    if (status != CIR_OK)
        cir__codes_pair_close(pair_out);
    return status;
}

bool cir__codes_pair_is_hopeless(cir_status status)
{
    return status == CIR_NOT_FOUND || status == CIR_FORMAT || status == CIR_OTHER_VERSION ||
           status == CIR_SHAPE || status == CIR_MISMATCH || status == CIR_DAMAGED;
}

void cir__codes_pair_close(cir__codes_pair *pair)
{
    if (pair->bin >= 0)
        close(pair->bin);
    if (pair->sums >= 0)
        close(pair->sums);
    free(pair->bin_path);
    free(pair->sums_path);
    *pair = (cir__codes_pair){.bin = -1, .sums = -1};
}

cir_status cir__codes_pair_create(const cir__folder *folder, cir__codes_header *header, cir_error *err)
{
    header->id = cir__codes_make_id(header);
    header->sequence = 2; /* an even one is the first in the file */
    header->serial = 1;
    header->n_rows = 0;
    header->digest = 0;
    uint8_t sums[CIR__CODES_SUMS_START];
    cir__codes_format_sums(header->id, header->serial, sums);
    uint8_t *bytes = cir__new(cir__codes_start(header->dim), 1);
    if (bytes == NULL)
        return cir__fail_memory(err, cir__folder_name(folder));
    cir__codes_format_header(header, bytes);
    cir_status status = cir__folder_replace(folder, CIR__CODES_SUMS_NAME, 0666, sums, sizeof sums, err);
    if (status == CIR_OK)
        status =
            cir__folder_replace(folder, CIR__CODES_NAME, 0666, bytes, cir__codes_start(header->dim), err);
    free(bytes);
    return status;
}

cir_status cir__codes_pair_put_header(cir__codes_pair *pair, cir_error *err)
{
    size_t size = cir__codes_header_bytes(pair->header.dim);
    uint8_t *bytes = cir__new_unset(size, 1);
    if (bytes == NULL)
        return cir__fail_memory(err, pair->bin_path);
    pair->header.sequence++;
    cir__codes_format_header(&pair->header, bytes);
    cir_status status =
        cir__file_write_at(pair->bin, bytes, size, pair->header.sequence % 2 * size, pair->bin_path, err);
    free(bytes);
    return status == CIR_OK ? sync_file(pair->bin, pair->bin_path, err) : status;
}

cir_status cir__codes_pair_begin(cir__codes_pair *pair, cir_error *err)
{
    /* One more than codes.sums: a run that ended between the two writes is not a step further. */
    pair->header.serial = pair->serial + 1;
    pair->header.digest = 0;
    cir_status status = cir__codes_pair_put_header(pair, err);
    if (status != CIR_OK)
        return status;
    uint8_t bytes[CIR__CODES_SUMS_START];
    cir__codes_format_sums(pair->header.id, pair->header.serial, bytes);
    status = cir__file_write_at(pair->sums, bytes, sizeof bytes, 0, pair->sums_path, err);
    if (status == CIR_OK)
        status = sync_file(pair->sums, pair->sums_path, err);
    if (status == CIR_OK)
        pair->serial = pair->header.serial;
    return status;
}

static uint64_t offset_of_sum(size_t row)
{
    return CIR__CODES_SUMS_START + (uint64_t)row * sizeof(uint64_t);
}

static uint64_t offset_of_block(const cir__codes_pair *pair, size_t i_block)
{
    return cir__codes_start(pair->header.dim) + (uint64_t)i_block * pair->header.block_bytes;
}

cir_status cir__codes_pair_read_sums(const cir__codes_pair *pair, size_t first, size_t n, uint64_t *sums_out,
                                     cir_error *err)
{
    return read_at(pair->sums, pair->sums_path, sums_out, n * sizeof *sums_out, offset_of_sum(first), err);
}

cir_status cir__codes_pair_write_sums(const cir__codes_pair *pair, size_t first, size_t n,
                                      const uint64_t *sums, cir_error *err)
{
    return cir__file_write_at(pair->sums, sums, n * sizeof *sums, offset_of_sum(first), pair->sums_path, err);
}

cir_status cir__codes_pair_read_blocks(const cir__codes_pair *pair, size_t i_block, size_t n,
                                       uint8_t *blocks_out, cir_error *err)
{
    return read_at(pair->bin, pair->bin_path, blocks_out, n * pair->header.block_bytes,
                   offset_of_block(pair, i_block), err);
}

cir_status cir__codes_pair_write_blocks(const cir__codes_pair *pair, size_t i_block, size_t n,
                                        const uint8_t *blocks, cir_error *err)
{
    return cir__file_write_at(pair->bin, blocks, n * pair->header.block_bytes, offset_of_block(pair, i_block),
                              pair->bin_path, err);
}

cir_status cir__codes_pair_sync_blocks(const cir__codes_pair *pair, cir_error *err)
{
    return sync_file(pair->bin, pair->bin_path, err);
}

cir_status cir__codes_pair_sync_sums(const cir__codes_pair *pair, cir_error *err)
{
    return sync_file(pair->sums, pair->sums_path, err);
}
