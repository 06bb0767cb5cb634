#include "shared/destination.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/failure.h"
#include "shared/replacement.h"

static cir_status fail_to_write(cir_error *err, int errno_value, const char *path, const char *what)
{
    cir_status status = CIR_IO;
    const char *next = "name another file";
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        status = CIR_FULL;
        next = "make room or name a file elsewhere";
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        status = CIR_PERMISSION;
        break;
    case ENOENT:
    case ENOTDIR:
        status = CIR_NOT_FOUND;
        next = "make its folder first";
        break;
    case ENOMEM:
        status = CIR_NO_MEMORY;
        next = "ask for fewer results";
        break;
    default:
        break;
    }
    return cir__fail(err, status, "%s: %s cannot be written: %s; %s", path, what, strerror(errno_value),
                     next);
}

/* Where to write: what is there now, if anything, and the plain file to replace. */
typedef struct place {
    const char *path, *what;
    int descriptor; /* of this process, that path names; else −1 */
    bool is_there;
    struct stat facts; /* where it is there */
    char *target;      /* where links lead; NULL: no plain file, or a link to none yet: written through */
} place;

/* The descriptor that path names, as /dev/stdout and /dev/fd/3 do; −1: none. What is open is written on, not
 * replaced: it may be a file that the shell appends to, or one without a name. */
static int find_descriptor(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const size_t n = strlen(folders[i]);
        if (strncmp(path, folders[i], n) == 0 && path[n] != '\0' &&
            strspn(path + n, "0123456789") == strlen(path + n) && strlen(path + n) < 8)
            return atoi(path + n);
    }
    return -1;
}

static cir_status descriptor_check(place *at, cir_error *err)
{
    const int flags = fcntl(at->descriptor, F_GETFL);
    at->is_there = flags >= 0;
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return fail_to_write(err, EBADF, at->path, at->what);
    return CIR_OK;
}

static cir_status place_find(const char *path, const char *what, place *at, cir_error *err)
{
    *at = (place){.path = path, .what = what, .descriptor = find_descriptor(path)};
    struct stat link;
    if (at->descriptor >= 0)
        return descriptor_check(at, err);
    at->is_there = stat(path, &at->facts) == 0;
    /* A link to what is not there yet is followed by opening it. */
    if (!at->is_there && errno == ENOENT && lstat(path, &link) == 0)
        return CIR_OK;
    if (at->is_there && S_ISDIR(at->facts.st_mode))
        return cir__fail(err, CIR_ARGUMENT, "%s: is a folder, %s is a file; name a file", path, what);
    if (at->is_there && !S_ISREG(at->facts.st_mode))
        return CIR_OK;
    /* A folder's right to rename is no right to a file that is protected. */
    if (at->is_there && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
        return fail_to_write(err, errno, path, what);
    at->target = at->is_there ? realpath(path, NULL) : strdup(path);
    return at->target != NULL ? CIR_OK : fail_to_write(err, errno, path, what);
}

/* Whether a file that is there has to be written in its place: its folder may not be written. */
static bool is_fixed(const place *at, int errno_value)
{
    return at->is_there && (errno_value == EACCES || errno_value == EPERM || errno_value == EROFS);
}

/* Tries a file beside target that is gone at once. at: of target; NULL: nothing is there. */
static cir_status try(const place *at, const char *target, const char *path, const char *what, cir_error *err)
{
    cir__replacement made;
    if (cir__replacement_open(&made, AT_FDCWD, target, 0666)) {
        cir__replacement_done(&made);
        return CIR_OK;
    }
    return at != NULL && is_fixed(at, errno) ? CIR_OK : fail_to_write(err, errno, path, what);
}

cir_status cir__destination_check(const char *path, const char *what, cir_error *err)
{
    place at;
    cir_status status = place_find(path, what, &at, err);
    if (status == CIR_OK && at.target != NULL)
        status = try(&at, at.target, path, what, err);
    free(at.target);
    return status;
}

cir_status cir__destination_check_folder(const char *path, const char *what, cir_error *err)
{
    struct stat facts;
    char *inside = NULL;
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return fail_to_write(err, errno, path, what);
    if (stat(path, &facts) != 0)
        return fail_to_write(err, errno, path, what);
    if (!S_ISDIR(facts.st_mode))
        return cir__fail(err, CIR_ARGUMENT, "%s: is a file, %s go into a folder; name a folder", path, what);
    if (asprintf(&inside, "%s/", path) < 0)
        return fail_to_write(err, ENOMEM, path, what);
    const cir_status status = try(NULL, inside, path, what, err);
    free(inside);
    return status;
}

static cir_status write_through(const place *at, cir__destination_fill *fill, void *context, cir_error *err)
{
    FILE *file = NULL;
    if (at->descriptor < 0) {
        file = fopen(at->path, "we");
    } else {
        const int fd = fcntl(at->descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        file = fd >= 0 ? fdopen(fd, "w") : NULL;
        if (fd >= 0 && file == NULL)
            close(fd);
    }
    if (file == NULL)
        return fail_to_write(err, errno, at->path, at->what);
    cir_status status = CIR_OK;
    if (!fill(file, context) || fflush(file) != 0)
        status = fail_to_write(err, errno, at->path, at->what);
    if (fclose(file) != 0 && status == CIR_OK)
        status = fail_to_write(err, errno, at->path, at->what);
    return status;
}

/* Of a file that cannot be renamed, as one that a container has mounted. */
static cir_status copy_into(const place *at, const char *temporary, cir_error *err)
{
    char bytes[1 << 14];
    const int from = open(temporary, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *to = from >= 0 ? fopen(at->target, "we") : NULL;
    cir_status status = CIR_OK;
    ssize_t n = to != NULL ? 1 : -1;
    while (n > 0 && (n = read(from, bytes, sizeof bytes)) > 0)
        if (fwrite(bytes, 1, (size_t)n, to) != (size_t)n)
            n = -1;
    if (n < 0 || fflush(to) != 0 || fsync(fileno(to)) != 0)
        status = fail_to_write(err, errno, at->path, at->what);
    if (to != NULL && fclose(to) != 0 && status == CIR_OK)
        status = fail_to_write(err, errno, at->path, at->what);
    if (from >= 0)
        close(from);
    return status;
}

static cir_status replace(const place *at, cir__destination_fill *fill, void *context, cir_error *err)
{
    cir__replacement made;
    if (!cir__replacement_open(&made, AT_FDCWD, at->target, 0666))
        return is_fixed(at, errno) ? write_through(at, fill, context, err)
                                   : fail_to_write(err, errno, at->path, at->what);
    /* Whose it was it stays, where the system lets us. */
    if (at->is_there && (at->facts.st_uid != geteuid() || at->facts.st_gid != getegid()))
        (void)!fchown(made.fd, at->facts.st_uid, at->facts.st_gid);
    FILE *file = NULL;
    bool is_written = (!at->is_there || fchmod(made.fd, at->facts.st_mode & 0777) == 0) &&
                      (file = fdopen(made.fd, "w")) != NULL && fill(file, context) && fflush(file) == 0 &&
                      fsync(made.fd) == 0;
    cir_status status = is_written ? CIR_OK : fail_to_write(err, errno, at->path, at->what);
    if (file != NULL) {
        made.fd = -1;
        if (fclose(file) != 0 && status == CIR_OK)
            status = fail_to_write(err, errno, at->path, at->what);
    }
    if (status == CIR_OK && !cir__replacement_rename(&made))
        status = errno == EBUSY || is_fixed(at, errno) ? copy_into(at, made.temporary, err)
                                                       : fail_to_write(err, errno, at->path, at->what);
    cir__replacement_done(&made);
    return status;
}

cir_status cir__destination_write(const char *path, const char *what, cir__destination_fill *fill,
                                  void *context, cir_error *err)
{
    place at;
    cir_status status = place_find(path, what, &at, err);
    if (status == CIR_OK)
        status =
            at.target == NULL ? write_through(&at, fill, context, err) : replace(&at, fill, context, err);
    free(at.target);
    return status;
}

typedef struct block {
    const void *bytes;
    size_t size;
} block;

static bool fill_block(FILE *file, void *context)
{
    const block *whole = context;
    return fwrite(whole->bytes, 1, whole->size, file) == whole->size;
}

cir_status cir__destination_write_bytes(const char *path, const char *what, const void *bytes, size_t size,
                                        cir_error *err)
{
    block whole = {bytes, size};
    return cir__destination_write(path, what, fill_block, &whole, err);
}
