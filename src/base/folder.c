#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "shared/replacement.h"

#define COPY_BYTES ((size_t)1 << 20)

struct cir__folder {
    int fd;
    char *name;
    char *path; /* absolute; NULL within another folder */
    dev_t device;
    ino_t inode;
};

/* Absolute, so that a host may go to another working directory. */
static char *make_absolute(const char *path)
{
    char *here = path[0] != '/' ? getcwd(NULL, 0) : NULL;
    char *absolute = here != NULL ? cir__path_join(here, path) : cir__copy_text(path);
    free(here);
    return absolute;
}

static cir_status fail_open_folder(const char *name, int why, cir_error *err)
{
    if (why == ENOTDIR || why == ELOOP)
        return cir__fail(err, CIR_FORMAT, "%s: is not a folder, or is a link to one; remove it", name);
    return cir__fail_errno(err, why, "%s: cannot be opened", name);
}

/* Takes name and path. */
static cir_status keep_open(int fd, char *name, char *path, cir__folder **folder_out, cir_error *err)
{
    struct stat facts;
    cir__folder *folder = name != NULL ? cir__new(1, sizeof *folder) : NULL;
    cir_status status = CIR_OK;
    if (folder == NULL)
        status = cir__fail_memory(err, name != NULL ? name : "a folder");
    else if (fstat(fd, &facts) != 0)
        status = cir__fail_errno(err, errno, "%s: cannot be examined", name);
    if (status != CIR_OK) {
        close(fd);
        free(name);
        free(path);
        free(folder);
        return status;
    }
    *folder =
        (cir__folder){.fd = fd, .name = name, .path = path, .device = facts.st_dev, .inode = facts.st_ino};
    *folder_out = folder;
    return CIR_OK;
}

cir_status cir__folder_open(const char *path, cir__folder **folder_out, cir_error *err)
{
    *folder_out = NULL;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOTDIR ? cir__fail(err, CIR_FORMAT, "%s: is not a folder; name a folder", path)
                                : cir__fail_errno(err, errno, "%s: cannot be opened", path);
    char *absolute = make_absolute(path);
    if (absolute == NULL) {
        close(fd);
        return cir__fail_memory(err, path);
    }
    char *name = cir__copy_text(path);
    for (size_t n = name != NULL ? strlen(name) : 0; n > 1 && name[n - 1] == '/'; n--)
        name[n - 1] = '\0';
    return keep_open(fd, name, absolute, folder_out, err);
}

/* The rights of something new. */
static mode_t limit_mode(const cir__folder *folder, mode_t mode)
{
    struct stat facts;
    return fstat(folder->fd, &facts) == 0 ? mode & (facts.st_mode | S_IRWXU) : mode & S_IRWXU;
}

cir_status cir__folder_open_in(const cir__folder *parent, const char *name, bool makes,
                               cir__folder **folder_out, cir_error *err)
{
    *folder_out = NULL;
    char *shown = cir__folder_join(parent, name);
    if (shown == NULL)
        return cir__fail_memory(err, parent->name);
    cir_status status = CIR_OK;
    if (makes && mkdirat(parent->fd, name, limit_mode(parent, 0777)) != 0 && errno != EEXIST)
        status = cir__fail_errno(err, errno, "%s: cannot be created", shown);
    else if (makes)
        status = cir__folder_sync_names(parent, err);
    int fd = status == CIR_OK
                 ? openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
                 : -1;
    if (fd >= 0)
        return keep_open(fd, shown, NULL, folder_out, err);
    if (status == CIR_OK)
        status = fail_open_folder(shown, errno, err);
    free(shown);
    return status;
}

void cir__folder_close(cir__folder *folder)
{
    if (folder == NULL)
        return;
    close(folder->fd);
    free(folder->name);
    free(folder->path);
    free(folder);
}

const char *cir__folder_name(const cir__folder *folder)
{
    return folder->name;
}

int cir__folder_fd(const cir__folder *folder)
{
    return folder->fd;
}

char *cir__folder_join(const cir__folder *folder, const char *name)
{
    return cir__path_join(folder->name, name);
}

cir_status cir__folder_check(const cir__folder *folder, cir_error *err)
{
    struct stat facts;
    if (folder->path == NULL ||
        (stat(folder->path, &facts) == 0 && facts.st_dev == folder->device && facts.st_ino == folder->inode))
        return CIR_OK;
    return cir__fail(err, CIR_GONE,
                     "%s: is no longer the folder that was opened: it was moved, replaced or deleted, or its "
                     "drive is gone; put it back, or open it where it is now",
                     folder->name);
}

bool cir__folder_is_same(const cir__folder *a, const cir__folder *b)
{
    return a->device == b->device && a->inode == b->inode;
}

int cir__folder_examine(const cir__folder *folder, const char *name, struct stat *facts_out)
{
    return fstatat(folder->fd, name, facts_out, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

static const char *find_fault(const struct stat *facts)
{
    if (S_ISLNK(facts->st_mode))
        return "is a link";
    if (S_ISDIR(facts->st_mode))
        return "is a folder";
    if (!S_ISREG(facts->st_mode))
        return "is a device or a pipe";
    return facts->st_nlink > 1 ? "has a second name (a hard link)" : NULL;
}

const char *cir__folder_find_fault(const cir__folder *folder, const char *name)
{
    struct stat facts;
    return cir__folder_examine(folder, name, &facts) == 0 ? find_fault(&facts) : NULL;
}

static cir_status fail_fault(const cir__folder *folder, const char *name, const char *fault, cir_error *err)
{
    struct stat facts;
    bool has_names = cir__folder_examine(folder, name, &facts) == 0 && S_ISREG(facts.st_mode);
    return cir__fail(err, CIR_FORMAT, "%s/%s: %s, not a plain file of its own; %s", folder->name, name, fault,
                     has_names ? "put a copy in its place" : "remove it");
}

static cir_status fail_open(const cir__folder *folder, const char *name, int access, int why, cir_error *err)
{
    const char *fault = why == ELOOP || why == EISDIR || why == ENXIO || why == ENOTDIR
                            ? cir__folder_find_fault(folder, name)
                            : NULL;
    if (fault != NULL)
        return fail_fault(folder, name, fault, err);
    return cir__fail_errno(err, why, "%s/%s: cannot be %s", folder->name, name,
                           (access & O_ACCMODE) == O_RDONLY ? "opened" : "written");
}

cir_status cir__folder_open_file(const cir__folder *folder, const char *name, int access, mode_t mode,
                                 int *fd_out, struct stat *facts_out, cir_error *err)
{
    *fd_out = -1;
    /* O_NONBLOCK: opening a pipe must not wait for its other end. */
    int fd = openat(folder->fd, name, access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                    (access & O_CREAT) != 0 ? limit_mode(folder, mode) : 0);
    if (fd < 0)
        return fail_open(folder, name, access, errno, err);
    struct stat facts;
    cir_status status = CIR_OK;
    if (fstat(fd, &facts) != 0)
        status = cir__fail_errno(err, errno, "%s/%s: cannot be examined", folder->name, name);
    else if (!S_ISREG(facts.st_mode) || ((access & O_ACCMODE) != O_RDONLY && facts.st_nlink > 1))
        status = fail_fault(folder, name, find_fault(&facts), err);
    if (status != CIR_OK) {
        close(fd);
        return status;
    }
    if (facts_out != NULL)
        *facts_out = facts;
    *fd_out = fd;
    return CIR_OK;
}

cir_status cir__folder_map(const cir__folder *folder, const char *name, cir__mapping *mapping_out,
                           cir_error *err)
{
    *mapping_out = (cir__mapping){0};
    int fd;
    struct stat facts = {0};
    cir_status status = cir__folder_open_file(folder, name, O_RDONLY, 0, &fd, &facts, err);
    if (status != CIR_OK)
        return status;
    char *shown = cir__folder_join(folder, name);
    status = shown != NULL ? cir__mapping_of_fd(fd, (size_t)facts.st_size, true, shown, mapping_out, err)
                           : cir__fail_memory(err, folder->name);
    free(shown);
    close(fd);
    return status;
}

cir_status cir__folder_read(const cir__folder *folder, const char *name, size_t max_bytes,
                            uint8_t **bytes_out, size_t *size_out, cir_error *err)
{
    *bytes_out = NULL;
    *size_out = 0;
    int fd;
    struct stat facts = {0};
    cir_status status = cir__folder_open_file(folder, name, O_RDONLY, 0, &fd, &facts, err);
    if (status != CIR_OK)
        return status;
    char *shown = cir__folder_join(folder, name);
    status = shown != NULL
                 ? cir__file_read_fd(fd, (size_t)facts.st_size, max_bytes, shown, bytes_out, size_out, err)
                 : cir__fail_memory(err, folder->name);
    free(shown);
    close(fd);
    return status;
}

cir_status cir__folder_replace(const cir__folder *folder, const char *name, mode_t mode, const void *bytes,
                               size_t size, cir_error *err)
{
    cir__replacement made;
    char *shown = cir__folder_join(folder, name);
    cir_status status = CIR_OK;
    if (shown == NULL)
        return cir__fail_memory(err, folder->name);
    if (cir__replacement_open(&made, folder->fd, name, limit_mode(folder, mode))) {
        status = cir__file_write_at(made.fd, bytes, size, 0, shown, err);
        status = cir__replacement_commit(&made, status, shown, err);
    } else {
        status = cir__fail_errno(err, errno, "%s: cannot be written", shown);
    }
    free(shown);
    return status == CIR_OK ? cir__folder_sync_names(folder, err) : status;
}

static cir_status copy_bytes(int from, int to, const char *shown, cir_error *err)
{
    char *buffer = cir__new_unset(COPY_BYTES, 1);
    if (buffer == NULL)
        return cir__fail_memory(err, shown);
    uint64_t at = 0;
    cir_status status = CIR_OK;
    for (ssize_t n = 1; n != 0 && status == CIR_OK; at += n > 0 ? (uint64_t)n : 0) {
        n = pread(from, buffer, COPY_BYTES, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        status = n < 0 ? cir__fail_errno(err, errno, "%s: cannot be read at byte %llu", shown,
                                         (unsigned long long)at)
                       : cir__file_write_at(to, buffer, (size_t)n, at, shown, err);
    }
    free(buffer);
    return status;
}

cir_status cir__folder_unshare(const cir__folder *folder, const char *name, cir_error *err)
{
    cir__replacement made;
    struct stat facts;
    int from;
    cir_status status = cir__folder_open_file(folder, name, O_RDONLY, 0, &from, &facts, err);
    if (status != CIR_OK)
        return status;
    char *shown = cir__folder_join(folder, name);
    if (shown == NULL)
        status = cir__fail_memory(err, folder->name);
    else if (!cir__replacement_open(&made, folder->fd, name, limit_mode(folder, facts.st_mode & 0777)))
        status = cir__fail_errno(err, errno, "%s: cannot be written", shown);
    else
        status = cir__replacement_commit(&made, copy_bytes(from, made.fd, shown, err), shown, err);
    free(shown);
    close(from);
    return status == CIR_OK ? cir__folder_sync_names(folder, err) : status;
}

bool cir__folder_remove(const cir__folder *folder, const char *name)
{
    return unlinkat(folder->fd, name, 0) == 0 || errno == ENOENT;
}

bool cir__folder_remove_folder(const cir__folder *folder, const char *name)
{
    return unlinkat(folder->fd, name, AT_REMOVEDIR) == 0;
}

cir_status cir__folder_sync_names(const cir__folder *folder, cir_error *err)
{
    /* EINVAL: a file system that cannot sync folders has nothing to offer beyond the rename. */
    return fsync(folder->fd) == 0 || errno == EINVAL
               ? CIR_OK
               : cir__fail_errno(err, errno, "%s: cannot be synced", folder->name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool cir__folder_list(const cir__folder *folder, cir__folder_visit *visit, void *context)
{
    char **names = NULL;
    size_t n = 0;
    size_t capacity = 0;
    /* An offset of its own: several may list at once. */
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    if (listing == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool is_fine = true;
    const struct dirent *entry;
    for (errno = 0; is_fine && (entry = readdir(listing)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        is_fine = cir__grow((void **)&names, &capacity, n + 1, sizeof *names) &&
                  (names[n] = cir__copy_text(entry->d_name)) != NULL;
        n += is_fine ? 1 : 0;
    }
    is_fine = is_fine && errno == 0;
    closedir(listing);
    if (n > 0)
        qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++) {
        struct stat facts;
        if (is_fine && cir__folder_examine(folder, names[i], &facts) == 0)
            visit(context, folder, names[i], &facts);
        free(names[i]);
    }
    free(names);
    return is_fine;
}

static void restrict_one(int fd, const struct stat *facts, mode_t allowed)
{
    if ((facts->st_mode & 0777 & ~allowed) != 0)
        (void)fchmod(fd, facts->st_mode & 07777 & (allowed | 07000));
}

static void restrict_name(void *context, const cir__folder *folder, const char *name,
                          const struct stat *facts)
{
    const mode_t *allowed = context;
    cir__folder *below;
    if (S_ISDIR(facts->st_mode) && cir__folder_open_in(folder, name, false, &below, NULL) == CIR_OK) {
        cir__folder_restrict(below, *allowed);
        cir__folder_close(below);
    }
    if (!S_ISREG(facts->st_mode) || facts->st_nlink > 1)
        return;
    struct stat now;
    int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &now) == 0 && S_ISREG(now.st_mode) && now.st_nlink == 1)
        restrict_one(fd, &now, *allowed);
    if (fd >= 0)
        close(fd);
}

void cir__folder_restrict(const cir__folder *folder, mode_t allowed)
{
    struct stat facts;
    /* The folder first: from then on nobody new comes in. */
    if (fstat(folder->fd, &facts) == 0)
        restrict_one(folder->fd, &facts, allowed);
    (void)cir__folder_list(folder, restrict_name, &allowed);
}
