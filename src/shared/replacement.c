#include "shared/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/failure.h"

/* Opened and not made by mkstemp, so that the system gives it the mode that files get here: to ask for the
 * umask is to change it, for all threads. */
bool cir__replacement_open(cir__replacement *self, int folder, const char *target, mode_t mode)
{
    enum { MOST_OF_NAME = 200 }; /* so that a long name leaves room for the ending */
    static atomic_uint counter;
    const char *slash = strrchr(target, '/');
    const size_t n_folder = slash != NULL ? (size_t)(slash + 1 - target) : 0;
    const size_t n_name = strnlen(target + n_folder, MOST_OF_NAME);
    do {
        *self = (cir__replacement){.folder = folder, .target = target, .fd = -1};
        if (asprintf(&self->temporary, "%.*s.%ld-%u", (int)(n_folder + n_name), target, (long)getpid(),
                     atomic_fetch_add(&counter, 1)) < 0) {
            self->temporary = NULL;
            errno = ENOMEM;
            return false;
        }
        self->fd =
            openat(folder, self->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (self->fd >= 0)
            return true;
        const int failure = errno;
        free(self->temporary);
        self->temporary = NULL;
        errno = failure;
    } while (errno == EEXIST);
    return false;
}

bool cir__replacement_close(cir__replacement *self)
{
    const int fd = self->fd;
    const int failure = fsync(fd) == 0 ? 0 : errno;
    self->fd = -1;
    const bool is_closed = close(fd) == 0;
    if (failure != 0)
        errno = failure;
    return is_closed && failure == 0;
}

bool cir__replacement_rename(cir__replacement *self)
{
    if (renameat(self->folder, self->temporary, self->folder, self->target) != 0)
        return false;
    free(self->temporary);
    self->temporary = NULL;
    return true;
}

void cir__replacement_done(cir__replacement *self)
{
    const int before = errno;
    if (self->fd >= 0)
        close(self->fd);
    if (self->temporary != NULL)
        (void)unlinkat(self->folder, self->temporary, 0);
    free(self->temporary);
    *self = (cir__replacement){.fd = -1};
    errno = before;
}

cir_status cir__replacement_commit(cir__replacement *self, cir_status written, const char *path,
                                   cir_error *err)
{
    cir_status status = written;
    if (status == CIR_OK && !cir__replacement_close(self))
        status = cir__fail_errno(err, errno, "%s: cannot be written", path);
    if (status == CIR_OK && !cir__replacement_rename(self))
        status = errno == EISDIR
                     ? cir__fail(err, CIR_IO, "%s: is a folder where a file is expected; delete it", path)
                     : cir__fail_errno(err, errno, "%s: cannot be replaced", path);
    cir__replacement_done(self);
    return status;
}
