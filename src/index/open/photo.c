/* Files of photos, opened to be shown or handed out: only those that are what the index says, where this user
 * lets it look. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "index/open/opened.h"

#define MAX_FILE_BYTES ((uint64_t)2 << 30)

/* Where an open file really lies; NULL where that cannot be found out. free(). */
static char *find_real_path(int fd, const char *path, const struct stat *facts)
{
    char name[64];
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    char *real = realpath(name, NULL);
    if (real == NULL)
        real = realpath(path, NULL);
    struct stat there;
    if (real != NULL &&
        (lstat(real, &there) != 0 || there.st_dev != facts->st_dev || there.st_ino != facts->st_ino)) {
        free(real);
        real = NULL;
    }
    return real;
}

static cir_status fail_outside(const cir_index *index, const char *path, cir_error *err)
{
    return cir__fail(err, CIR_PERMISSION,
                     "%s: is named by %s, but lies outside the folders that you added to it; to show it, add "
                     "its folder once: cir index FOLDER -o %s",
                     path, index->info.path, index->info.path);
}

/* Links are followed, as the walk followed them, and it counts where they lead. A photo that the user named
 * itself may lead anywhere. */
static bool is_covered(const cir_index *index, const cir_image_record *record, const char *real)
{
    if (index->is_trusted || (real != NULL && cir__consent_covers_real(&index->consent, &index->place, real)))
        return true;
    for (size_t i = 0; i < index->consent.n_roots; i++) {
        const char *root = index->consent.roots[i];
        const char *stored = cir__place_stored(&index->place, root);
        char *path = cir__place_opened(&index->place, stored, strlen(stored));
        const bool is_same = path != NULL && strcmp(path, record->path) == 0;
        free(path);
        if (is_same)
            return true;
    }
    return false;
}

cir_status cir_index_open_photo(const cir_index *index, const cir_image_record *record, int *fd_out,
                                cir_error *err)
{
    cir__error_clear(err);
    *fd_out = -1;
    if (!record->is_within)
        return fail_outside(index, record->path, err);
    /* Not waiting for a pipe that took the photo's place. */
    int fd = open(record->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return cir__fail_errno(err, errno, "%s: cannot be opened", record->path);
    struct stat facts;
    cir_status status = CIR_OK;
    char *real = NULL;
    if (fstat(fd, &facts) != 0)
        status = cir__fail_errno(err, errno, "%s: cannot be examined", record->path);
    else if (!S_ISREG(facts.st_mode))
        status = cir__fail(err, CIR_FORMAT, "%s: is not a file any more; update the index", record->path);
    if (status == CIR_OK) {
        real = find_real_path(fd, record->path, &facts);
        if (!is_covered(index, record, real))
            status = fail_outside(index, record->path, err);
    }
    if (status == CIR_OK &&
        ((uint64_t)facts.st_size != record->size_bytes ||
         (int64_t)facts.st_mtim.tv_sec * 1000000000 + (int64_t)facts.st_mtim.tv_nsec != record->modified_ns))
        status = cir__fail(err, CIR_MISMATCH,
                           "%s: has changed since it was indexed; update the index: cir index %s",
                           record->path, index->info.path);
    free(real);
    if (status == CIR_OK)
        *fd_out = fd;
    else
        close(fd);
    return status;
}

cir_status cir_index_read_photo(const cir_index *index, const cir_image_record *record, uint8_t **bytes_out,
                                size_t *size_out, cir_error *err)
{
    int fd;
    *bytes_out = NULL;
    *size_out = 0;
    cir_status status = cir_index_open_photo(index, record, &fd, err);
    if (status != CIR_OK)
        return status;
    uint8_t *bytes = record->size_bytes <= MAX_FILE_BYTES ? malloc((size_t)record->size_bytes + 1) : NULL;
    size_t n = 0;
    if (bytes == NULL)
        status = cir__fail_memory(err, record->path);
    while (status == CIR_OK && n < record->size_bytes) {
        ssize_t n_read = read(fd, bytes + n, (size_t)record->size_bytes - n);
        if (n_read < 0 && errno != EINTR)
            status = cir__fail_errno(err, errno, "%s: cannot be read at byte %zu", record->path, n);
        else if (n_read == 0)
            break; /* it shrank meanwhile: what is there is what there is */
        n += n_read > 0 ? (size_t)n_read : 0;
    }
    close(fd);
    if (status != CIR_OK) {
        free(bytes);
        return status;
    }
    *bytes_out = bytes;
    *size_out = n;
    return CIR_OK;
}

bool cir_index_is_path_confirmed(const cir_index *index, const char *path)
{
    char *absolute = NULL;
    if (index->is_trusted)
        return true;
    if (cir__place_resolve(path, &absolute, NULL) != CIR_OK)
        absolute = cir__place_tidy(path);
    const bool is_confirmed =
        absolute != NULL && cir__consent_covers_real(&index->consent, &index->place, absolute);
    free(absolute);
    return is_confirmed;
}

cir_status cir_index_check_owner(const char *path, cir_error *err)
{
    cir__folder *folder;
    cir__error_clear(err);
    cir_status status = cir__folder_open(path, &folder, err);
    if (status == CIR_OK)
        status = cir__consent_check_owner(folder, err);
    cir__folder_close(folder);
    return status;
}
