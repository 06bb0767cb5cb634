#include "index/store/store_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "index/store/lock.h"

#define JOURNAL_ENDING "-journal"
#define MAX_NAME 64

/* SQLite's bytes of locks (its file format, "locking"). */
#define PENDING_BYTE 0x40000000
#define RESERVED_BYTE (PENDING_BYTE + 1)
#define SHARED_FIRST (PENDING_BYTE + 2)
#define SHARED_SIZE 510

typedef struct file {
    sqlite3_file base; /* first: SQLite casts */
    cir__store_vfs *vfs;
    int fd;
    int lock;         /* SQLITE_LOCK_NONE … */
    bool is_new_name; /* its folder is to be synced with it */
} file;

struct cir__store_vfs {
    sqlite3_vfs base; /* first: SQLite casts */
    sqlite3_vfs *system;
    const cir__folder *folder;
    const char *file_name;
    char journal_name[MAX_NAME];
    char vfs_name[MAX_NAME];
    bool writes;
    bool is_open; /* the main file is, and these are of it */
    dev_t device;
    ino_t inode;
    mode_t mode;
    int last_errno;
    cir_error why;
};

/* ---- an open file ---- */

static int fail(file *self, int code)
{
    self->vfs->last_errno = errno;
    return code;
}

static int close_file(sqlite3_file *base)
{
    file *self = (file *)base;
    if (self->fd >= 0)
        close(self->fd); /* and with it the locks */
    self->fd = -1;
    return SQLITE_OK;
}

static int read_file(sqlite3_file *base, void *bytes, int size, sqlite3_int64 offset)
{
    file *self = (file *)base;
    char *next = bytes;
    while (size > 0) {
        ssize_t n = pread(self->fd, next, (size_t)size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(self, SQLITE_IOERR_READ);
        if (n == 0) {
            memset(next, 0, (size_t)size);
            return SQLITE_IOERR_SHORT_READ;
        }
        next += n;
        offset += n;
        size -= (int)n;
    }
    return SQLITE_OK;
}

static int write_file(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
    file *self = (file *)base;
    const char *next = bytes;
    while (size > 0) {
        ssize_t n = pwrite(self->fd, next, (size_t)size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(self, errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : SQLITE_IOERR_WRITE);
        next += n;
        offset += n;
        size -= (int)n;
    }
    return SQLITE_OK;
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size)
{
    file *self = (file *)base;
    return ftruncate(self->fd, (off_t)size) == 0 ? SQLITE_OK : fail(self, SQLITE_IOERR_TRUNCATE);
}

static int sync_names(cir__store_vfs *vfs)
{
    if (cir__folder_sync_names(vfs->folder, NULL) == CIR_OK)
        return SQLITE_OK;
    vfs->last_errno = errno;
    return SQLITE_IOERR_DIR_FSYNC;
}

static int sync_file(sqlite3_file *base, int flags)
{
    file *self = (file *)base;
    if ((flags & SQLITE_SYNC_DATAONLY) != 0 ? fdatasync(self->fd) != 0 : fsync(self->fd) != 0)
        return fail(self, SQLITE_IOERR_FSYNC);
    if (!self->is_new_name)
        return SQLITE_OK;
    self->is_new_name = false;
    return sync_names(self->vfs);
}

static int size_of_file(sqlite3_file *base, sqlite3_int64 *size_out)
{
    file *self = (file *)base;
    struct stat facts;
    if (fstat(self->fd, &facts) != 0)
        return fail(self, SQLITE_IOERR_FSTAT);
    *size_out = facts.st_size;
    return SQLITE_OK;
}

/* kind: F_RDLCK, F_WRLCK, F_UNLCK. */
static int set_lock(file *self, short kind, off_t first, off_t size)
{
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = first, .l_len = size};
    int result;
    do
        result = fcntl(self->fd, F_OFD_SETLK, &lock);
    while (result != 0 && errno == EINTR);
    if (result == 0)
        return SQLITE_OK;
    if (kind != F_UNLCK && errno == EAGAIN)
        return SQLITE_BUSY;
    if (errno != EBADF) /* of a file that is open for reading alone */
        (void)cir__lock_fail(cir__folder_name(self->vfs->folder), errno, &self->vfs->why);
    return fail(self, kind == F_UNLCK ? SQLITE_IOERR_UNLOCK : SQLITE_IOERR_LOCK);
}

static int lock_file(sqlite3_file *base, int level)
{
    file *self = (file *)base;
    int code = SQLITE_OK;
    if (self->lock >= level)
        return SQLITE_OK;
    if (level > SQLITE_LOCK_SHARED && !self->vfs->writes)
        return SQLITE_IOERR_LOCK;
    if (level == SQLITE_LOCK_RESERVED) {
        code = set_lock(self, F_WRLCK, RESERVED_BYTE, 1);
    } else if (level == SQLITE_LOCK_SHARED) {
        code = set_lock(self, F_RDLCK, PENDING_BYTE, 1);
        if (code == SQLITE_OK) {
            code = set_lock(self, F_RDLCK, SHARED_FIRST, SHARED_SIZE);
            int undone = set_lock(self, F_UNLCK, PENDING_BYTE, 1);
            code = code == SQLITE_OK ? undone : code;
        }
    } else {
        if (self->lock < SQLITE_LOCK_PENDING)
            code = set_lock(self, F_WRLCK, PENDING_BYTE, 1);
        if (code == SQLITE_OK) {
            self->lock = SQLITE_LOCK_PENDING;
            code = level == SQLITE_LOCK_EXCLUSIVE ? set_lock(self, F_WRLCK, SHARED_FIRST, SHARED_SIZE)
                                                  : SQLITE_OK;
        }
    }
    if (code == SQLITE_OK)
        self->lock = level;
    return code;
}

static int unlock_file(sqlite3_file *base, int level)
{
    file *self = (file *)base;
    int code = SQLITE_OK;
    if (self->lock <= level)
        return SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED) {
        if (self->lock == SQLITE_LOCK_EXCLUSIVE)
            code = set_lock(self, F_RDLCK, SHARED_FIRST, SHARED_SIZE);
        if (code == SQLITE_OK)
            code = set_lock(self, F_UNLCK, PENDING_BYTE, 2);
    } else {
        code = set_lock(self, F_UNLCK, PENDING_BYTE, 2 + SHARED_SIZE);
    }
    if (code == SQLITE_OK)
        self->lock = level;
    return code;
}

static int check_reserved(sqlite3_file *base, int *is_reserved_out)
{
    file *self = (file *)base;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = RESERVED_BYTE, .l_len = 1};
    *is_reserved_out = self->lock > SQLITE_LOCK_SHARED;
    if (*is_reserved_out)
        return SQLITE_OK;
    if (fcntl(self->fd, F_OFD_GETLK, &lock) != 0) {
        (void)cir__lock_fail(cir__folder_name(self->vfs->folder), errno, &self->vfs->why);
        return fail(self, SQLITE_IOERR_CHECKRESERVEDLOCK);
    }
    *is_reserved_out = lock.l_type != F_UNLCK;
    return SQLITE_OK;
}

static int control_file(sqlite3_file *base, int operation, void *argument)
{
    file *self = (file *)base;
    if (operation == SQLITE_FCNTL_HAS_MOVED) {
        *(int *)argument = !cir__store_vfs_is_here(self->vfs);
        return SQLITE_OK;
    }
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

static int characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite's own for this system */
}

static const sqlite3_io_methods methods = {.iVersion = 1, /* no shared memory: no write-ahead log */
                                           .xClose = close_file,
                                           .xRead = read_file,
                                           .xWrite = write_file,
                                           .xTruncate = truncate_file,
                                           .xSync = sync_file,
                                           .xFileSize = size_of_file,
                                           .xLock = lock_file,
                                           .xUnlock = unlock_file,
                                           .xCheckReservedLock = check_reserved,
                                           .xFileControl = control_file,
                                           .xSectorSize = sector_size,
                                           .xDeviceCharacteristics = characteristics};

/* ---- names ---- */

bool cir__store_vfs_is_here(const cir__store_vfs *self)
{
    struct stat facts;
    return !self->is_open || (cir__folder_examine(self->folder, self->file_name, &facts) == 0 &&
                              facts.st_dev == self->device && facts.st_ino == self->inode);
}

/* Whether the journal is that of the open file; what lies there else is not to be touched. */
static bool is_own(cir__store_vfs *self)
{
    if (cir__store_vfs_is_here(self))
        return true;
    (void)cir__fail(&self->why, CIR_GONE,
                    "%s: its %s was replaced or deleted while it was open; open the index again",
                    cir__folder_name(self->folder), self->file_name);
    return false;
}

static int open_main(cir__store_vfs *self, int flags, int *access_out, int *fd_out)
{
    int access = O_RDONLY;
    if (self->writes)
        access = O_RDWR | ((flags & SQLITE_OPEN_CREATE) != 0 ? O_CREAT : 0);
    struct stat facts;
    cir_status status =
        cir__folder_open_file(self->folder, self->file_name, access, 0666, fd_out, &facts, &self->why);
    if (status == CIR_PERMISSION && access != O_RDONLY) { /* the caller finds out, and says so */
        access = O_RDONLY;
        status = cir__folder_open_file(self->folder, self->file_name, access, 0, fd_out, &facts, &self->why);
    }
    *access_out = access;
    if (status != CIR_OK)
        return SQLITE_CANTOPEN;
    self->why.status = CIR_OK;
    self->is_open = true;
    self->device = facts.st_dev;
    self->inode = facts.st_ino;
    self->mode = facts.st_mode & 0777;
    return SQLITE_OK;
}

static int open_journal(cir__store_vfs *self, int flags, int *access_out, int *fd_out)
{
    int access = O_RDONLY;
    if ((flags & SQLITE_OPEN_READWRITE) != 0)
        access = O_RDWR | ((flags & SQLITE_OPEN_CREATE) != 0 ? O_CREAT : 0);
    *access_out = access;
    if (access != O_RDONLY && !self->writes)
        return SQLITE_CANTOPEN;
    cir_status status =
        cir__folder_open_file(self->folder, self->journal_name, access, self->mode, fd_out, NULL, &self->why);
    if (status != CIR_OK) {
        if (status != CIR_FORMAT)
            self->why.status = CIR_OK;
        return SQLITE_CANTOPEN;
    }
    /* In this order: another's journal comes after its database. */
    if (!is_own(self)) {
        close(*fd_out);
        return SQLITE_CANTOPEN;
    }
    return SQLITE_OK;
}

static int open_name(sqlite3_vfs *base, const char *name, sqlite3_file *sqlite_file, int flags,
                     int *flags_out)
{
    cir__store_vfs *self = (cir__store_vfs *)base;
    if (name == NULL) /* a temporary file, which SQLite puts elsewhere */
        return self->system->xOpen(self->system, name, sqlite_file, flags, flags_out);
    file *opened = (file *)sqlite_file;
    memset(opened, 0, sizeof *opened);
    int access;
    int fd = -1;
    int code = SQLITE_CANTOPEN;
    errno = 0;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0 && strcmp(name, self->file_name) == 0)
        code = open_main(self, flags, &access, &fd);
    else if ((flags & SQLITE_OPEN_MAIN_JOURNAL) != 0 && strcmp(name, self->journal_name) == 0)
        code = open_journal(self, flags, &access, &fd);
    self->last_errno = code != SQLITE_OK ? errno : 0;
    if (code != SQLITE_OK)
        return code;
    *opened =
        (file){.base.pMethods = &methods, .vfs = self, .fd = fd, .is_new_name = (access & O_CREAT) != 0};
    if (flags_out != NULL)
        *flags_out = (flags & ~(SQLITE_OPEN_READONLY | SQLITE_OPEN_READWRITE)) |
                     ((access & O_ACCMODE) == O_RDONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    return SQLITE_OK;
}

static int delete_name(sqlite3_vfs *base, const char *name, int syncs)
{
    cir__store_vfs *self = (cir__store_vfs *)base;
    struct stat facts;
    if (strcmp(name, self->journal_name) != 0 ||
        cir__folder_examine(self->folder, self->journal_name, &facts) == ENOENT)
        return SQLITE_IOERR_DELETE_NOENT;
    if (!self->writes || !is_own(self))
        return SQLITE_IOERR_DELETE;
    if (!cir__folder_remove(self->folder, self->journal_name)) {
        self->last_errno = errno;
        return SQLITE_IOERR_DELETE;
    }
    return syncs ? sync_names(self) : SQLITE_OK;
}

static int access_name(sqlite3_vfs *base, const char *name, int flags, int *result_out)
{
    cir__store_vfs *self = (cir__store_vfs *)base;
    struct stat facts;
    (void)flags; /* SQLite asks for being there alone, of these names */
    *result_out = 0;
    if (strcmp(name, self->journal_name) != 0 ||
        cir__folder_examine(self->folder, self->journal_name, &facts) != 0)
        return SQLITE_OK;
    if (!is_own(self))
        return SQLITE_IOERR_ACCESS;
    const char *fault = cir__folder_find_fault(self->folder, self->journal_name);
    if (fault != NULL) {
        (void)cir__fail(
            &self->why, CIR_FORMAT, "%s/%s: %s, not a file of an index; run: cir check --repair %s",
            cir__folder_name(self->folder), self->journal_name, fault, cir__folder_name(self->folder));
        return SQLITE_IOERR_ACCESS;
    }
    *result_out = facts.st_size > 0;
    return SQLITE_OK;
}

static int full_name(sqlite3_vfs *base, const char *name, int size, char *full_out)
{
    (void)base;
    return snprintf(full_out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* ---- what is the system's ---- */

static int get_random(sqlite3_vfs *base, int size, char *bytes_out)
{
    sqlite3_vfs *system = ((cir__store_vfs *)base)->system;
    return system->xRandomness(system, size, bytes_out);
}

static int sleep_us(sqlite3_vfs *base, int us)
{
    sqlite3_vfs *system = ((cir__store_vfs *)base)->system;
    return system->xSleep(system, us);
}

static int get_time(sqlite3_vfs *base, double *now_out)
{
    sqlite3_vfs *system = ((cir__store_vfs *)base)->system;
    return system->xCurrentTime(system, now_out);
}

static int get_last_error(sqlite3_vfs *base, int size, char *text_out)
{
    (void)size;
    (void)text_out;
    return ((cir__store_vfs *)base)->last_errno;
}

cir__store_vfs *cir__store_vfs_new(const cir__folder *folder, const char *file_name, bool writes)
{
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    cir__store_vfs *self = system != NULL ? cir__new(1, sizeof *self) : NULL;
    if (self == NULL)
        return NULL;
    *self = (cir__store_vfs){.system = system, .folder = folder, .file_name = file_name, .writes = writes};
    (void)snprintf(self->journal_name, sizeof self->journal_name, "%s" JOURNAL_ENDING, file_name);
    (void)snprintf(self->vfs_name, sizeof self->vfs_name, "cir-%p", (void *)self);
    int size = (int)sizeof(file);
    self->base = (sqlite3_vfs){.iVersion = 1,
                               .szOsFile = system->szOsFile > size ? system->szOsFile : size,
                               .mxPathname = MAX_NAME,
                               .zName = self->vfs_name,
                               .xOpen = open_name,
                               .xDelete = delete_name,
                               .xAccess = access_name,
                               .xFullPathname = full_name,
                               .xRandomness = get_random,
                               .xSleep = sleep_us,
                               .xCurrentTime = get_time,
                               .xGetLastError = get_last_error};
    return self;
}

void cir__store_vfs_free(cir__store_vfs *vfs)
{
    free(vfs);
}

int cir__store_vfs_open(cir__store_vfs *self, bool creates, sqlite3 **db_out)
{
    *db_out = NULL;
    int code = sqlite3_vfs_register(&self->base, 0);
    if (code != SQLITE_OK)
        return code;
    int flags =
        self->writes ? SQLITE_OPEN_READWRITE | (creates ? SQLITE_OPEN_CREATE : 0) : SQLITE_OPEN_READONLY;
    code = sqlite3_open_v2(self->file_name, db_out, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                           self->vfs_name);
    (void)sqlite3_vfs_unregister(&self->base);
    return code;
}

const cir_error *cir__store_vfs_why(const cir__store_vfs *vfs)
{
    return &vfs->why;
}

void cir__store_vfs_forget(cir__store_vfs *vfs)
{
    vfs->why.status = CIR_OK;
    vfs->last_errno = 0;
}
