#include "index/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"

cir_status cir__lock_fail(const char *name, int why, cir_error *err)
{
    if (why == ENOLCK || why == ENOSYS || why == EOPNOTSUPP || why == EINVAL)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: its file system has no locks (%s), and without them an index could be read while "
            "it changes; copy it to a local disk, or mount the file system with locks",
            name, strerror(why));
    return cir__fail_errno(err, why, "%s: cannot be locked", name);
}

cir_status cir__lock_take(const cir__folder *index, int *fd_out, cir_error *err)
{
    int fd;
    cir_status status = cir__folder_open_file(index, CIR__LOCK_NAME, O_RDWR | O_CREAT, 0666, &fd, NULL, err);
    *fd_out = -1;
    if (status != CIR_OK)
        return status;
    int result;
    do
        result = flock(fd, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    if (result == 0) {
        *fd_out = fd;
        return CIR_OK;
    }
    status = errno == EWOULDBLOCK
                 ? cir__fail(err, CIR_BUSY, "%s: another process is updating it; wait until it ends",
                             cir__folder_name(index))
                 : cir__lock_fail(cir__folder_name(index), errno, err);
    close(fd);
    return status;
}

bool cir__lock_is_held(const cir__folder *index)
{
    int fd;
    if (cir__folder_open_file(index, CIR__LOCK_NAME, O_RDONLY, 0, &fd, NULL, NULL) != CIR_OK)
        return false;
    bool is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return is_locked;
}
