/* Preloaded into a program: fails its allocations, reads, writes and opens, as a control block in shared
 * memory says, and writes there what it failed. Nothing fails before main, in a file of /proc, /sys or /dev,
 * or on anything but regular files: what is tried is the program, not the loader.
 *
 * The block lies in the file that CIR_FAULTS names; harness.py makes it and must know its layout. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ALLOCATION = 1, READ = 2, WRITE = 4, OPEN = 8 };
enum { N_NOTES = 16, NAME_BYTES = 48 };

typedef struct note {
    uint64_t kind, size_bytes;
    char caller[NAME_BYTES]; /* the library or program that asked, and where in it */
} note;

typedef struct control {
    uint32_t is_armed;
    uint32_t kinds;       /* which may fail and are counted */
    uint64_t min_bytes;   /* smaller allocations are left alone and not counted */
    uint64_t at;          /* the call that fails, from 1 on; 0: none */
    uint64_t from;        /* it and all behind it fail; 0: none */
    uint32_t per_million; /* of all calls, drawn by seed and number */
    uint32_t seed;
    uint64_t n_calls;
    uint64_t n_failed;
    note notes[N_NOTES]; /* of failure number i at i % N_NOTES */
} control;

static control *block;
static bool is_in_main;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static uint32_t draw(uint32_t seed, uint64_t number)
{
    uint64_t x = (number + 1) * 0x9E3779B97F4A7C15U + seed * 0xD1B54A32D192ED03U;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return (uint32_t)((x ^ (x >> 31)) % 1000000);
}

static void take_note(uint64_t number, uint32_t kind, size_t size, const void *caller)
{
    note *n = &block->notes[number % N_NOTES];
    Dl_info where = {0};
    n->kind = kind;
    n->size_bytes = size;
    const char *name = "?";
    if (dladdr(caller, &where) != 0 && where.dli_fname != NULL) {
        const char *slash = strrchr(where.dli_fname, '/');
        name = slash != NULL ? slash + 1 : where.dli_fname;
    }
    /* No printf: it may allocate. */
    size_t length = strnlen(name, NAME_BYTES - 18);
    memcpy(n->caller, name, length);
    n->caller[length++] = '+';
    uintptr_t offset = (uintptr_t)caller - (uintptr_t)where.dli_fbase;
    for (int shift = 60; shift >= 0; shift -= 4)
        if (offset >> shift != 0)
            n->caller[length++] = "0123456789abcdef"[(offset >> shift) & 15];
    n->caller[length] = '\0';
}

static bool fails(uint32_t kind, size_t size, const void *caller)
{
    if (!is_in_main || block == NULL || __atomic_load_n(&block->is_armed, __ATOMIC_ACQUIRE) == 0 ||
        (block->kinds & kind) == 0 || (kind == ALLOCATION && size < block->min_bytes))
        return false;
    uint64_t number = __atomic_add_fetch(&block->n_calls, 1, __ATOMIC_RELAXED);
    if (number != block->at && !(block->from != 0 && number >= block->from) &&
        !(block->per_million != 0 && draw(block->seed, number) < block->per_million))
        return false;
    take_note(__atomic_fetch_add(&block->n_failed, 1, __ATOMIC_RELAXED), kind, size, caller);
    return true;
}

#define FAILS(kind, size) fails(kind, size, __builtin_return_address(0))

/* ---- allocations ---- */

void *shim_malloc(size_t size) __asm__("malloc");
void *shim_calloc(size_t n, size_t size) __asm__("calloc");
void *shim_realloc(void *old, size_t size) __asm__("realloc");
void *shim_memalign(size_t alignment, size_t size) __asm__("memalign");
void *shim_aligned_alloc(size_t alignment, size_t size) __asm__("aligned_alloc");
int shim_posix_memalign(void **out, size_t alignment, size_t size) __asm__("posix_memalign");
void *shim_mmap(void *at, size_t size, int access, int flags, int fd, off_t offset) __asm__("mmap");
void *shim_mmap64(void *at, size_t size, int access, int flags, int fd, off_t offset) __asm__("mmap64");

static void *refuse(void)
{
    errno = ENOMEM;
    return NULL;
}

void *shim_malloc(size_t size)
{
    return FAILS(ALLOCATION, size) ? refuse() : __libc_malloc(size);
}

void *shim_calloc(size_t n, size_t size)
{
    return FAILS(ALLOCATION, n * size) ? refuse() : __libc_calloc(n, size);
}

void *shim_realloc(void *old, size_t size)
{
    return size > 0 && FAILS(ALLOCATION, size) ? refuse() : __libc_realloc(old, size);
}

void *shim_memalign(size_t alignment, size_t size)
{
    return FAILS(ALLOCATION, size) ? refuse() : __libc_memalign(alignment, size);
}

void *shim_aligned_alloc(size_t alignment, size_t size)
{
    return FAILS(ALLOCATION, size) ? refuse() : __libc_memalign(alignment, size);
}

int shim_posix_memalign(void **out, size_t alignment, size_t size)
{
    void *memory = FAILS(ALLOCATION, size) ? NULL : __libc_memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *out = memory;
    return 0;
}

static void *map(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, at, size, access, flags, fd, offset);
}

void *shim_mmap(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
    if ((flags & MAP_ANONYMOUS) != 0 && FAILS(ALLOCATION, size)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return map(at, size, access, flags, fd, offset);
}

void *shim_mmap64(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
    if ((flags & MAP_ANONYMOUS) != 0 && FAILS(ALLOCATION, size)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return map(at, size, access, flags, fd, offset);
}

/* ---- reads and writes of regular files ---- */

static bool is_file(int fd)
{
    struct stat facts;
    return fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
}

static bool refuses(bool has_failed, int errno_value)
{
    if (has_failed)
        errno = errno_value;
    return has_failed;
}

#define READS(fd) (is_file(fd) && refuses(FAILS(READ, 0), EIO))
#define WRITES(fd, why) (is_file(fd) && refuses(FAILS(WRITE, 0), why))

ssize_t shim_read(int fd, void *out, size_t size) __asm__("read");
ssize_t shim_pread(int fd, void *out, size_t size, off_t at) __asm__("pread");
ssize_t shim_pread64(int fd, void *out, size_t size, off_t at) __asm__("pread64");
ssize_t shim_preadv2(int fd, const struct iovec *parts, int n, off_t at, int flags) __asm__("preadv2");
ssize_t shim_preadv64v2(int fd, const struct iovec *parts, int n, off_t at, int flags) __asm__("preadv64v2");
size_t shim_fread(void *out, size_t size, size_t n, FILE *file) __asm__("fread");
ssize_t shim_write(int fd, const void *bytes, size_t size) __asm__("write");
ssize_t shim_pwrite(int fd, const void *bytes, size_t size, off_t at) __asm__("pwrite");
ssize_t shim_pwrite64(int fd, const void *bytes, size_t size, off_t at) __asm__("pwrite64");
int shim_ftruncate(int fd, off_t size) __asm__("ftruncate");
int shim_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int shim_fsync(int fd) __asm__("fsync");
int shim_fdatasync(int fd) __asm__("fdatasync");
int shim_fflush(FILE *file) __asm__("fflush");
int shim_fclose(FILE *file) __asm__("fclose");

ssize_t shim_read(int fd, void *out, size_t size)
{
    return READS(fd) ? -1 : (ssize_t)syscall(SYS_read, fd, out, size);
}

ssize_t shim_pread(int fd, void *out, size_t size, off_t at)
{
    return READS(fd) ? -1 : (ssize_t)syscall(SYS_pread64, fd, out, size, at);
}

ssize_t shim_pread64(int fd, void *out, size_t size, off_t at)
{
    return READS(fd) ? -1 : (ssize_t)syscall(SYS_pread64, fd, out, size, at);
}

ssize_t shim_preadv2(int fd, const struct iovec *parts, int n, off_t at, int flags)
{
    return READS(fd) ? -1 : (ssize_t)syscall(SYS_preadv2, fd, parts, (long)n, at, 0L, flags);
}

ssize_t shim_preadv64v2(int fd, const struct iovec *parts, int n, off_t at, int flags)
{
    return READS(fd) ? -1 : (ssize_t)syscall(SYS_preadv2, fd, parts, (long)n, at, 0L, flags);
}

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

size_t shim_fread(void *out, size_t size, size_t n, FILE *file)
{
    static size_t (*real)(void *, size_t, size_t, FILE *);
    if (READS(fileno(file))) {
        file->_flags |= 0x20; /* glibc's: an error was seen */
        return 0;
    }
    if (real == NULL)
        *(void **)&real = next("fread");
    return real(out, size, n, file);
}

ssize_t shim_write(int fd, const void *bytes, size_t size)
{
    return WRITES(fd, ENOSPC) ? -1 : (ssize_t)syscall(SYS_write, fd, bytes, size);
}

ssize_t shim_pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    return WRITES(fd, ENOSPC) ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t shim_pwrite64(int fd, const void *bytes, size_t size, off_t at)
{
    return WRITES(fd, ENOSPC) ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, bytes, size, at);
}

int shim_ftruncate(int fd, off_t size)
{
    return WRITES(fd, ENOSPC) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int shim_ftruncate64(int fd, off_t size)
{
    return WRITES(fd, ENOSPC) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int shim_fsync(int fd)
{
    return WRITES(fd, EIO) ? -1 : (int)syscall(SYS_fsync, fd);
}

int shim_fdatasync(int fd)
{
    return WRITES(fd, EIO) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

/* What stdio writes goes past the symbols above, so it fails where the program must look for it. */
int shim_fflush(FILE *file)
{
    static int (*real)(FILE *);
    if (file != NULL && file != stderr && WRITES(fileno(file), ENOSPC)) {
        file->_flags |= 0x20;
        return EOF;
    }
    if (real == NULL)
        *(void **)&real = next("fflush");
    return real(file);
}

int shim_fclose(FILE *file)
{
    static int (*real)(FILE *);
    const bool has_failed =
        (fcntl(fileno(file), F_GETFL) & O_ACCMODE) != O_RDONLY && WRITES(fileno(file), ENOSPC);
    if (real == NULL)
        *(void **)&real = next("fclose");
    int result = real(file);
    return refuses(has_failed, ENOSPC) ? EOF : result;
}

/* ---- opens, and what changes names ---- */

static bool is_the_systems(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0 ||
           strncmp(path, "/dev/", 5) == 0;
}

#define OPENS(path, why) (!is_the_systems(path) && refuses(FAILS(OPEN, 0), why))

int shim_open(const char *path, int flags, ...) __asm__("open");
int shim_open64(const char *path, int flags, ...) __asm__("open64");
int shim_openat(int at, const char *path, int flags, ...) __asm__("openat");
int shim_openat64(int at, const char *path, int flags, ...) __asm__("openat64");
FILE *shim_fopen(const char *path, const char *mode) __asm__("fopen");
FILE *shim_fopen64(const char *path, const char *mode) __asm__("fopen64");
int shim_mkdir(const char *path, mode_t mode) __asm__("mkdir");
int shim_mkdirat(int at, const char *path, mode_t mode) __asm__("mkdirat");
int shim_rename(const char *from, const char *to) __asm__("rename");
int shim_renameat(int from_at, const char *from, int to_at, const char *to) __asm__("renameat");

static unsigned mode_of(int flags, va_list more)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, unsigned) : 0;
}

#define OPEN_AT(folder, flags)                                                                               \
    va_list more;                                                                                            \
    va_start(more, flags);                                                                                   \
    const unsigned mode = mode_of(flags, more);                                                              \
    va_end(more);                                                                                            \
    return OPENS(path, EMFILE) ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode)

int shim_open(const char *path, int flags, ...)
{
    OPEN_AT(AT_FDCWD, flags);
}

int shim_open64(const char *path, int flags, ...)
{
    OPEN_AT(AT_FDCWD, flags);
}

int shim_openat(int at, const char *path, int flags, ...)
{
    OPEN_AT(at, flags);
}

int shim_openat64(int at, const char *path, int flags, ...)
{
    OPEN_AT(at, flags);
}

static FILE *really_fopen(const char *path, const char *mode)
{
    static FILE *(*real)(const char *, const char *);
    if (real == NULL)
        *(void **)&real = next("fopen");
    return real(path, mode);
}

FILE *shim_fopen(const char *path, const char *mode)
{
    return OPENS(path, EMFILE) ? NULL : really_fopen(path, mode);
}

FILE *shim_fopen64(const char *path, const char *mode)
{
    return OPENS(path, EMFILE) ? NULL : really_fopen(path, mode);
}

int shim_mkdir(const char *path, mode_t mode)
{
    return OPENS(path, ENOSPC) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int shim_mkdirat(int at, const char *path, mode_t mode)
{
    return OPENS(path, ENOSPC) ? -1 : (int)syscall(SYS_mkdirat, at, path, mode);
}

int shim_rename(const char *from, const char *to)
{
    return OPENS(from, ENOSPC) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int shim_renameat(int from_at, const char *from, int to_at, const char *to)
{
    return OPENS(from, ENOSPC) ? -1 : (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
}

/* ---- main ---- */

static int (*real_main)(int, char **, char **);

static int begin(int argc, char **argv, char **environment)
{
    const char *path = getenv("CIR_FAULTS");
    int fd = path != NULL ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    void *mapped =
        fd >= 0 ? map(NULL, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (mapped == MAP_FAILED) {
        fputs("fault_shim: CIR_FAULTS names no control block\n", stderr);
        _exit(97);
    }
    close(fd);
    block = mapped;
    (void)next("fread"); /* what the look-up needs is taken before anything fails */
    is_in_main = true;
    return real_main(argc, argv, environment);
}

int shim_start(int (*main_function)(int, char **, char **), int argc, char **argv, void (*init)(void),
               void (*fini)(void), void (*rtld_fini)(void), void *stack_end) __asm__("__libc_start_main");

int shim_start(int (*main_function)(int, char **, char **), int argc, char **argv, void (*init)(void),
               void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    int (*real)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void),
                void *);
    *(void **)&real = next("__libc_start_main");
    real_main = main_function;
    return real(begin, argc, argv, init, fini, rtld_fini, stack_end);
}
