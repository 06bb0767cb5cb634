#include "base/destination.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static cir_status fail(cir_error *err, cir_status status, const char *format, ...) CIR_PRINTF(3, 4);
static cir_status fail(cir_error *err, cir_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        err->status = status;
        (void)vsnprintf(err->message, sizeof err->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

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
    return fail(err, status, "%s: %s cannot be written: %s; %s", path, what, strerror(errno_value), next);
}

/* Where to write: what is there now, if anything, and the plain file to replace. */
typedef struct place {
    const char *path, *what;
    bool is_there;
    struct stat facts; /* where it is there */
    char *target;      /* where links lead; NULL: no plain file, or a link to none yet: written through */
} place;

static cir_status place_find(const char *path, const char *what, place *at, cir_error *err)
{
    *at = (place){.path = path, .what = what};
    struct stat link;
    at->is_there = stat(path, &at->facts) == 0;
    /* A link to what is not there yet is followed by opening it. */
    if (!at->is_there && errno == ENOENT && lstat(path, &link) == 0)
        return CIR_OK;
    if (at->is_there && S_ISDIR(at->facts.st_mode))
        return fail(err, CIR_ARGUMENT, "%s: is a folder, %s is a file; name a file", path, what);
    if (at->is_there && !S_ISREG(at->facts.st_mode))
        return CIR_OK;
    at->target = at->is_there ? realpath(path, NULL) : strdup(path);
    return at->target != NULL ? CIR_OK : fail_to_write(err, errno, path, what);
}

/* Opened and not made by mkstemp, so that the system gives it the mode that files get here: to ask for the
 * umask is to change it, for all threads. */
int cir__temporary_open(const char *target, char **name_out)
{
    static atomic_uint counter;
    for (;;) {
        *name_out = NULL;
        if (asprintf(name_out, "%s.%ld-%u", target, (long)getpid(), atomic_fetch_add(&counter, 1)) < 0) {
            *name_out = NULL;
            errno = ENOMEM;
            return -1;
        }
        const int fd = open(*name_out, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd >= 0)
            return fd;
        const int failure = errno;
        free(*name_out);
        *name_out = NULL;
        errno = failure;
        if (failure != EEXIST)
            return -1;
    }
}

/* Tries a file beside target that is gone at once. */
static cir_status try(const char *target, const char *path, const char *what, cir_error *err)
{
    char *temporary = NULL;
    cir_status status = CIR_OK;
    const int fd = cir__temporary_open(target, &temporary);
    if (fd < 0) {
        status = fail_to_write(err, errno, path, what);
    } else {
        close(fd);
        unlink(temporary);
    }
    free(temporary);
    return status;
}

cir_status cir__destination_check(const char *path, const char *what, cir_error *err)
{
    place at;
    cir_status status = place_find(path, what, &at, err);
    if (status == CIR_OK && at.target != NULL)
        status = try(at.target, path, what, err);
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
        return fail(err, CIR_ARGUMENT, "%s: is a file, %s go into a folder; name a folder", path, what);
    if (asprintf(&inside, "%s/", path) < 0)
        return fail_to_write(err, ENOMEM, path, what);
    const cir_status status = try(inside, path, what, err);
    free(inside);
    return status;
}

static cir_status write_through(const place *at, cir__destination_fill *fill, void *context, cir_error *err)
{
    FILE *file = fopen(at->path, "we");
    if (file == NULL)
        return fail_to_write(err, errno, at->path, at->what);
    cir_status status = CIR_OK;
    if (!fill(file, context) || fflush(file) != 0)
        status = fail_to_write(err, errno, at->path, at->what);
    if (fclose(file) != 0 && status == CIR_OK)
        status = fail_to_write(err, errno, at->path, at->what);
    return status;
}

static cir_status replace(const place *at, cir__destination_fill *fill, void *context, cir_error *err)
{
    cir_status status = CIR_OK;
    char *temporary = NULL;
    const int fd = cir__temporary_open(at->target, &temporary);
    if (fd < 0) {
        status = fail_to_write(err, errno, at->path, at->what);
        free(temporary);
        return status;
    }
    /* Whose it was it stays, where the system lets us. */
    if (at->is_there && (at->facts.st_uid != geteuid() || at->facts.st_gid != getegid()))
        (void)!fchown(fd, at->facts.st_uid, at->facts.st_gid);
    FILE *file = NULL;
    if ((at->is_there && fchmod(fd, at->facts.st_mode & 0777) != 0) || (file = fdopen(fd, "w")) == NULL ||
        !fill(file, context) || fflush(file) != 0 || fsync(fd) != 0)
        status = fail_to_write(err, errno, at->path, at->what);
    if ((file != NULL ? fclose(file) : close(fd)) != 0 && status == CIR_OK)
        status = fail_to_write(err, errno, at->path, at->what);
    if (status == CIR_OK && rename(temporary, at->target) != 0)
        status = fail_to_write(err, errno, at->path, at->what);
    if (status != CIR_OK)
        unlink(temporary);
    free(temporary);
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
