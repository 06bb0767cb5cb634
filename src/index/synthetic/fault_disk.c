#include "index/synthetic/fault_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_PENDING 4096

typedef enum pending_kind { WRITTEN, RESIZED, UNLINKED } pending_kind;

/* Something written and not yet synced: what undoes it. */
typedef struct pending {
    pending_kind kind;
    ino_t inode;
    char *path;
    off_t offset;
    off_t old_size;
    size_t n_bytes;
    char *bytes; /* what was there */
} pending;

fault_disk disk;

static pending waiting[MAX_PENDING];
static size_t n_waiting;

static off_t size_of(int fd)
{
    struct stat facts;
    return fstat(fd, &facts) == 0 ? facts.st_size : 0;
}

static char *path_of(int fd)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return strdup(path);
}

static pending *note(pending_kind kind, int fd)
{
    struct stat facts;
    if (n_waiting == MAX_PENDING || fstat(fd, &facts) != 0)
        _exit(99);
    pending *item = &waiting[n_waiting++];
    memset(item, 0, sizeof *item);
    item->kind = kind;
    item->inode = facts.st_ino;
    item->old_size = facts.st_size;
    item->path = path_of(fd);
    return item;
}

static void keep_bytes(pending *item, int fd, off_t offset, size_t size)
{
    item->offset = offset;
    item->bytes = malloc(size + 1);
    ssize_t n = (ssize_t)syscall(SYS_pread64, fd, item->bytes, size, offset);
    item->n_bytes = n > 0 ? (size_t)n : 0;
}

static void forget(ino_t inode, bool is_folder)
{
    size_t n = 0;
    for (size_t i = 0; i < n_waiting; i++) {
        bool is_safe = is_folder ? waiting[i].kind == UNLINKED
                                 : waiting[i].kind != UNLINKED && waiting[i].inode == inode;
        if (is_safe) {
            free(waiting[i].path);
            free(waiting[i].bytes);
        } else {
            waiting[n++] = waiting[i];
        }
    }
    n_waiting = n;
}

static void write_whole(int fd, const char *bytes, size_t size, off_t offset)
{
    if (size > 0 && syscall(SYS_pwrite64, fd, bytes, size, offset) != (long)size)
        _exit(98);
}

static void undo(const pending *item)
{
    int fd = open(item->path, O_RDWR | (item->kind == UNLINKED ? O_CREAT : 0), 0666);
    if (fd < 0)
        return; /* unlinked since */
    write_whole(fd, item->bytes, item->n_bytes, item->offset);
    if (syscall(SYS_ftruncate, fd, item->old_size) != 0)
        _exit(98);
    close(fd);
}

void fault_disk_cut_power(void)
{
    disk.is_armed = false;
    unsigned random = disk.seed;
    for (size_t i = n_waiting; i-- > 0;) {
        random = random * 1664525u + 1013904223u;
        if (disk.seed == 0 || (disk.seed > 1 && (random >> 16) % 2 == 0))
            undo(&waiting[i]);
    }
    _exit(FAULT_DISK_IS_CUT);
}

void fault_disk_arm(size_t fails_at, bool fails_onwards, bool cuts_power, unsigned seed)
{
    disk.n_calls = 0;
    disk.fails_at = fails_at;
    disk.fails_onwards = fails_onwards;
    disk.cuts_power = cuts_power;
    disk.seed = seed;
    disk.is_armed = true;
}

/* Whether this call fails. */
static bool fails(int errno_value)
{
    if (!disk.is_armed)
        return false;
    disk.n_calls++;
    if (disk.n_calls < disk.fails_at || (disk.n_calls > disk.fails_at && !disk.fails_onwards))
        return false;
    if (disk.cuts_power)
        fault_disk_cut_power();
    errno = errno_value;
    return true;
}

ssize_t fault_pwrite(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite");
ssize_t fault_pwrite64(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite64");
int fault_ftruncate(int fd, off_t size) __asm__("ftruncate");
int fault_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int fault_fsync(int fd) __asm__("fsync");
int fault_fdatasync(int fd) __asm__("fdatasync");
int fault_unlinkat(int folder, const char *name, int flags) __asm__("unlinkat");

ssize_t fault_pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    if (fails(ENOSPC))
        return -1;
    if (disk.is_armed && disk.cuts_power)
        keep_bytes(note(WRITTEN, fd), fd, offset, size);
    return (ssize_t)syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t fault_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return fault_pwrite64(fd, bytes, size, offset);
}

int fault_ftruncate64(int fd, off_t size)
{
    if (fails(ENOSPC))
        return -1;
    off_t old_size = size_of(fd);
    if (disk.is_armed && disk.cuts_power)
        keep_bytes(note(RESIZED, fd), fd, size, old_size > size ? (size_t)(old_size - size) : 0);
    return (int)syscall(SYS_ftruncate, fd, size);
}

int fault_ftruncate(int fd, off_t size)
{
    return fault_ftruncate64(fd, size);
}

static int sync_it(int fd)
{
    if (fails(EIO))
        return -1;
    struct stat facts;
    if (disk.is_armed && disk.cuts_power && !disk.drops_syncs && fstat(fd, &facts) == 0)
        forget(facts.st_ino, S_ISDIR(facts.st_mode));
    return 0; /* nothing here outlives the machine: a real sync would only take time */
}

int fault_fsync(int fd)
{
    return sync_it(fd);
}

int fault_fdatasync(int fd)
{
    return sync_it(fd);
}

int fault_unlinkat(int folder, const char *name, int flags)
{
    if (disk.is_armed && fails(EIO))
        return -1;
    int fd = disk.is_armed && disk.cuts_power ? openat(folder, name, O_RDONLY | O_NOFOLLOW) : -1;
    if (fd >= 0) {
        pending *item = note(UNLINKED, fd);
        keep_bytes(item, fd, 0, (size_t)item->old_size);
        close(fd);
    }
    return (int)syscall(SYS_unlinkat, folder, name, flags);
}
