#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "shared/replacement.h"

static cir_status open_regular(const char *path, int *fd_out, size_t *size_out, cir_error *err)
{
    *fd_out = -1;
    *size_out = 0;
    /* O_NONBLOCK: opening a named pipe must not wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return cir__fail_errno(err, errno, "%s: cannot be opened", path);
    struct stat facts;
    if (fstat(fd, &facts) != 0) {
        cir_status status = cir__fail_errno(err, errno, "%s: cannot be examined", path);
        close(fd);
        return status;
    }
    if (!S_ISREG(facts.st_mode)) {
        close(fd);
        return cir__fail(err, CIR_FORMAT, "%s: is %s, not a file; name a file", path,
                         S_ISDIR(facts.st_mode) ? "a folder" : "a device or a pipe");
    }
    *fd_out = fd;
    *size_out = (size_t)facts.st_size;
    return CIR_OK;
}

static cir_status read_all(int fd, const char *path, uint8_t *bytes, size_t size, size_t *n_read_out,
                           cir_error *err)
{
    size_t n_read = 0;
    while (n_read < size) {
        ssize_t n = read(fd, bytes + n_read, size - n_read);
        if (n == 0)
            break; /* it shrank while being read: what is there is what there is */
        if (n < 0 && errno != EINTR)
            return cir__fail_errno(err, errno, "%s: cannot be read at byte %zu", path, n_read);
        if (n > 0)
            n_read += (size_t)n;
    }
    *n_read_out = n_read;
    return CIR_OK;
}

/* A small file is read: what is in memory does not change. */
static cir_status copy_file(int fd, size_t size, const char *name, cir__mapping *mapping_out, cir_error *err)
{
    uint8_t *bytes = cir__new_unset(size, 1);
    if (bytes == NULL)
        return cir__fail_memory(err, name);
    cir_status status = read_all(fd, name, bytes, size, &size, err);
    if (status == CIR_OK && size > 0)
        *mapping_out = (cir__mapping){bytes, size, true};
    else
        free(bytes);
    return status;
}

cir_status cir__mapping_of_fd(int fd, size_t size, bool watches, const char *name, cir__mapping *mapping_out,
                              cir_error *err)
{
    *mapping_out = (cir__mapping){0};
    if (size == 0)
        return CIR_OK;
    if (size <= CIR__COPY_BYTES)
        return copy_file(fd, size, name, mapping_out, err);
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return cir__fail_errno(err, errno, "%s: cannot be mapped", name);
    if (!cir__mapped_add(data, size, watches ? fd : -1, size, name)) {
        munmap(data, size);
        return cir__fail_memory(err, name);
    }
    *mapping_out = (cir__mapping){data, size, false};
    return CIR_OK;
}

static cir_status open_mapping(const char *path, bool watches, cir__mapping *mapping_out, cir_error *err)
{
    *mapping_out = (cir__mapping){0};
    int fd;
    size_t size;
    cir_status status = open_regular(path, &fd, &size, err);
    if (status != CIR_OK)
        return status;
    status = cir__mapping_of_fd(fd, size, watches, path, mapping_out, err);
    close(fd);
    return status;
}

cir_status cir__mapping_open(const char *path, cir__mapping *mapping_out, cir_error *err)
{
    return open_mapping(path, false, mapping_out, err);
}

cir_status cir__mapping_open_watched(const char *path, cir__mapping *mapping_out, cir_error *err)
{
    return open_mapping(path, true, mapping_out, err);
}

void cir__mapping_close(cir__mapping *mapping)
{
    if (mapping->is_copy) {
        free((void *)(uintptr_t)mapping->data);
    } else if (mapping->data != NULL) {
        cir__mapped_remove(mapping->data);
        munmap((void *)(uintptr_t)mapping->data, mapping->size);
    }
    *mapping = (cir__mapping){0};
}

cir_status cir__file_read_fd(int fd, size_t size, size_t max_bytes, const char *name, uint8_t **bytes_out,
                             size_t *size_out, cir_error *err)
{
    *bytes_out = NULL;
    *size_out = 0;
    if (size > max_bytes)
        return cir__fail(err, CIR_LIMIT, "%s: has %zu bytes, at most %zu are read", name, size, max_bytes);
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL)
        return cir__fail_memory(err, name);
    cir_status status = read_all(fd, name, bytes, size, &size, err);
    if (status != CIR_OK) {
        free(bytes);
        return status;
    }
    bytes[size] = 0;
    *bytes_out = bytes;
    *size_out = size;
    return CIR_OK;
}

cir_status cir__file_read(const char *path, size_t max_bytes, uint8_t **bytes_out, size_t *size_out,
                          cir_error *err)
{
    *bytes_out = NULL;
    *size_out = 0;
    int fd;
    size_t size;
    cir_status status = open_regular(path, &fd, &size, err);
    if (status != CIR_OK)
        return status;
    status = cir__file_read_fd(fd, size, max_bytes, path, bytes_out, size_out, err);
    close(fd);
    return status;
}

cir_status cir__file_write_at(int fd, const void *bytes, size_t size, uint64_t offset, const char *path,
                              cir_error *err)
{
    const uint8_t *next = bytes;
    while (size > 0) {
        ssize_t n = pwrite(fd, next, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cir__fail_errno(err, errno, "%s: cannot be written at byte %llu", path,
                                   (unsigned long long)offset);
        next += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return CIR_OK;
}

cir_status cir__folder_sync(const char *path, cir_error *err)
{
    char *folder = cir__copy_text(path);
    if (folder == NULL)
        return cir__fail_memory(err, path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = '\0';
    cir_status status = CIR_OK;
    int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: a file system that cannot sync folders has nothing to offer beyond the rename. */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        status = cir__fail_errno(err, errno, "%s: its folder cannot be synced", path);
    if (fd >= 0)
        close(fd);
    free(folder);
    return status;
}

cir_status cir__file_replace(const char *path, const void *bytes, size_t size, cir_error *err)
{
    cir__replacement made;
    if (!cir__replacement_open(&made, AT_FDCWD, path, 0666))
        return cir__fail_errno(err, errno, "%s: cannot be written", path);
    cir_status status = cir__file_write_at(made.fd, bytes, size, 0, path, err);
    status = cir__replacement_commit(&made, status, path, err);
    return status == CIR_OK ? cir__folder_sync(path, err) : status;
}

char *cir__path_join(const char *folder, const char *name)
{
    size_t n_folder = strlen(folder);
    size_t n_name = strlen(name);
    while (n_folder > 1 && folder[n_folder - 1] == '/')
        n_folder--;
    char *path = malloc(n_folder + n_name + 2);
    if (path == NULL)
        return NULL;
    memcpy(path, folder, n_folder);
    size_t at = n_folder;
    if (n_folder == 0 || folder[n_folder - 1] != '/')
        path[at++] = '/';
    memcpy(path + at, name, n_name + 1);
    return path;
}
