#include "base/user_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/thread_pool.h"

#define ENDING ".cache"
#define TEMPORARY "new-" /* what files are called while they are written */
#define STALE_SECONDS 3600
/* So much of a disk's free space stays free. */
#define LEFT_FREE 4

typedef struct head {
    char magic[16];
    uint8_t key[16];
    uint64_t size;     /* of the payload */
    uint64_t checksum; /* of the checksums behind it */
    uint8_t unused[16];
} head;
_Static_assert(sizeof(head) == CIR__ALIGNMENT, "payloads are aligned");

static const char magic[16] = "cir computed 1\n";

/* ---- the folder ---- */

static char *folder_path(void)
{
    const char *own = getenv("CIR_CACHE");
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    if (own != NULL)
        return *own != '\0' ? cir__copy_text(own) : NULL;
    if (cache != NULL && *cache == '/') /* others are to be ignored, says the rule */
        return cir__path_join(cache, "cir/computed");
    return home != NULL && *home == '/' ? cir__path_join(home, ".cache/cir/computed") : NULL;
}

/* Makes every folder of an absolute path that is missing. */
static void make_folders(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    (void)mkdir(path, 0700);
}

/* This user's, and nobody else may change it. */
static bool is_own(const struct stat *facts)
{
    return facts->st_uid == geteuid() && (facts->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* −1: there is none. */
static int open_folder(void)
{
    char *path = folder_path();
    struct stat facts;

    if (path == NULL)
        return -1;
    make_folders(path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(path);
    if (fd >= 0 && (fstat(fd, &facts) != 0 || !is_own(&facts))) {
        close(fd);
        return -1;
    }
    return fd;
}

bool cir__user_cache_is_usable(void)
{
    int folder = open_folder();
    if (folder < 0)
        return false;
    bool is_usable = faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) == 0;
    close(folder);
    return is_usable;
}

enum { NAME_SIZE = 96 };

static void format_name(const char *kind, const uint8_t key[16], char name_out[NAME_SIZE])
{
    int n = snprintf(name_out, NAME_SIZE, "%.32s-", kind);
    for (size_t i = 0; i < 16; i++)
        n += snprintf(name_out + n, NAME_SIZE - (size_t)n, "%02x", key[i]);
    (void)snprintf(name_out + n, NAME_SIZE - (size_t)n, ENDING);
}

static void hash_key(const char *kind, const char *key, uint8_t hash_out[16])
{
    char *whole;
    if (asprintf(&whole, "%s\n%s", kind, key) < 0) {
        memset(hash_out, 0, 16); /* finds nothing that was put */
        return;
    }
    cir__hash128(whole, strlen(whole), hash_out);
    free(whole);
}

/* ---- checksums ---- */

typedef struct summing {
    const uint8_t *data;
    size_t size;
    uint64_t *sums; /* [n_chunks] */
} summing;

static size_t n_chunks(size_t size)
{
    return size / CIR__USER_CACHE_CHUNK + (size % CIR__USER_CACHE_CHUNK != 0);
}

static void sum_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    const summing *all = context;
    size_t from = i_task * CIR__USER_CACHE_CHUNK;
    size_t left = all->size - from;
    all->sums[i_task] =
        cir__hash64(all->data + from, left < CIR__USER_CACHE_CHUNK ? left : CIR__USER_CACHE_CHUNK);
}

/* The checksums of a payload; NULL when out of memory. */
static uint64_t *sum_up(const void *data, size_t size, cir_pool *pool)
{
    summing all = {data, size, cir__new(n_chunks(size), sizeof(uint64_t))};
    if (all.sums != NULL)
        cir__pool_run(pool, n_chunks(size), sum_task, &all);
    return all.sums;
}

/* ---- finding ---- */

static bool map_own(int folder, const char *name, cir__mapping *mapping_out)
{
    struct stat facts;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    *mapping_out = (cir__mapping){0};
    if (fd < 0)
        return false;
    bool is_mapped = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && is_own(&facts) &&
                     cir__mapping_of_fd(fd, (size_t)facts.st_size, false, name, mapping_out, NULL) == CIR_OK;
    if (is_mapped)
        (void)futimens(fd, NULL); /* used now */
    close(fd);
    return is_mapped;
}

/* What a file holds, where it is what was put there. */
static bool check(const cir__mapping *mapping, const uint8_t key[16], cir_pool *pool,
                  cir__user_cached *found_out)
{
    head first;
    if (mapping->size < sizeof first)
        return false;
    memcpy(&first, mapping->data, sizeof first);
    const size_t room = mapping->size - sizeof first;
    if (memcmp(first.magic, magic, sizeof magic) != 0 || memcmp(first.key, key, 16) != 0 ||
        first.size > room || room - first.size != n_chunks((size_t)first.size) * sizeof(uint64_t))
        return false;
    const uint8_t *data = mapping->data + sizeof first;
    const size_t size = (size_t)first.size;
    const size_t sums_bytes = n_chunks(size) * sizeof(uint64_t);
    if (cir__hash64(data + size, sums_bytes) != first.checksum)
        return false;
    uint64_t *sums = sum_up(data, size, pool);
    const bool is_right = sums != NULL && memcmp(sums, data + size, sums_bytes) == 0;
    free(sums);
    if (is_right)
        *found_out = (cir__user_cached){data, size, *mapping};
    return is_right;
}

bool cir__user_cache_find(const char *kind, const char *key, cir_pool *pool, cir__user_cached *found_out)
{
    uint8_t hash[16];
    char name[NAME_SIZE];
    cir__mapping mapping;

    *found_out = (cir__user_cached){0};
    int folder = open_folder();
    if (folder < 0)
        return false;
    hash_key(kind, key, hash);
    format_name(kind, hash, name);
    bool is_found = map_own(folder, name, &mapping);
    if (is_found && !check(&mapping, hash, pool, found_out)) {
        cir__mapping_close(&mapping);
        (void)unlinkat(folder, name, 0); /* it would be read in vain again */
        is_found = false;
    }
    close(folder);
    return is_found;
}

void cir__user_cached_done(cir__user_cached *found)
{
    cir__mapping_close(&found->mapping);
    *found = (cir__user_cached){0};
}

bool cir__user_cache_read(const char *kind, const char *key, void *payload_out, size_t size)
{
    cir__user_cached found;
    const bool is_found = cir__user_cache_find(kind, key, NULL, &found) && found.size == size;
    if (is_found)
        memcpy(payload_out, found.data, size);
    cir__user_cached_done(&found);
    return is_found;
}

/* ---- keeping ---- */

typedef struct listed {
    uint64_t bytes;
    char oldest[NAME_SIZE]; /* "": there is none */
    struct timespec used;   /* when it was */
} listed;

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* What is there, and what of it was not used for longest; what a killed process left is removed. */
static listed look_around(int folder)
{
    listed all = {0};
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL && fd >= 0)
        close(fd);
    for (const struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        struct stat facts;
        const size_t n = strlen(entry->d_name);
        const bool is_temporary = strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) == 0;
        if (fstatat(folder, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(facts.st_mode))
            continue;
        if (is_temporary && facts.st_mtim.tv_sec + STALE_SECONDS < time(NULL))
            (void)unlinkat(folder, entry->d_name, 0);
        if (is_temporary || n >= NAME_SIZE || n < strlen(ENDING) ||
            strcmp(entry->d_name + n - strlen(ENDING), ENDING) != 0)
            continue;
        all.bytes += (uint64_t)facts.st_size;
        if (all.oldest[0] == '\0' || is_before(&facts.st_mtim, &all.used)) {
            memcpy(all.oldest, entry->d_name, n + 1);
            all.used = facts.st_mtim;
        }
    }
    if (entries != NULL)
        closedir(entries);
    return all;
}

/* Whether size more bytes fit, after others have gone. */
static bool make_room(int folder, uint64_t size)
{
    struct statvfs disk;
    struct rlimit files;
    listed all;

    /* Writing beyond what the process may would end it. */
    if (size > CIR__USER_CACHE_BYTES / 2 || getrlimit(RLIMIT_FSIZE, &files) != 0 || size > files.rlim_cur)
        return false;
    while ((all = look_around(folder)).bytes + size > CIR__USER_CACHE_BYTES)
        if (all.oldest[0] == '\0' || unlinkat(folder, all.oldest, 0) != 0)
            return false;
    return fstatvfs(folder, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize / LEFT_FREE >= size;
}

static bool write_whole(int fd, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return true;
}

bool cir__user_cache_put(const char *kind, const char *key, const void *payload, size_t size, cir_pool *pool)
{
    static _Atomic(unsigned) n_written;
    char name[NAME_SIZE];
    char temporary[NAME_SIZE];
    head first = {.size = size};
    const size_t sums_bytes = n_chunks(size) * sizeof(uint64_t);

    int folder = open_folder();
    if (folder < 0)
        return false;
    uint64_t *sums = make_room(folder, sizeof first + size + sums_bytes) ? sum_up(payload, size, pool) : NULL;
    bool is_kept = false;
    if (sums != NULL) {
        memcpy(first.magic, magic, sizeof magic);
        hash_key(kind, key, first.key);
        format_name(kind, first.key, name);
        first.checksum = cir__hash64(sums, sums_bytes);
        (void)snprintf(temporary, sizeof temporary, TEMPORARY "%ld-%u", (long)getpid(),
                       atomic_fetch_add(&n_written, 1U));
        int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        /* Not synced: after a power cut the checksums tell. */
        is_kept = fd >= 0 && write_whole(fd, &first, sizeof first) && write_whole(fd, payload, size) &&
                  write_whole(fd, sums, sums_bytes);
        if (fd >= 0)
            is_kept = close(fd) == 0 && is_kept && renameat(folder, temporary, folder, name) == 0;
        if (!is_kept)
            (void)unlinkat(folder, temporary, 0);
        free(sums);
    }
    close(folder);
    return is_kept;
}
