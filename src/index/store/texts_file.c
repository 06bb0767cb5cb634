#include "index/store/texts_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/sha256.h"

#define VERSION 1
#define BYTE_ORDER_MARK 0x01020304u
#define MAX_USED (UINT64_MAX / 2) /* counted up from 1: never reached by counting */
#define MAX_DIM 65536

typedef struct header {
    char magic[8];
    uint32_t byte_order;
    uint32_t version;
    uint32_t dim;
    uint32_t n_entries;
    uint8_t rest[40];
} header;

typedef struct entry {
    uint8_t key[CIR__SHA256_SIZE];
    uint64_t used;
} entry;

/* What is read whole; short files read as zeros. */
typedef struct directory {
    header head;
    entry entries[CIR__TEXTS_ENTRIES];
} directory;

typedef struct slot {
    uint64_t sum;
    uint64_t n_cut;
    uint8_t key[CIR__SHA256_SIZE];
    float feature[];
} slot;

_Static_assert(sizeof(header) == 64 && sizeof(entry) == 40 && sizeof(slot) == 48, "structs are the file's");

static header make_header(size_t dim)
{
    return (header){.magic = "CIRTEXT",
                    .byte_order = BYTE_ORDER_MARK,
                    .version = VERSION,
                    .dim = (uint32_t)dim,
                    .n_entries = CIR__TEXTS_ENTRIES};
}

static size_t slot_bytes(size_t dim)
{
    return sizeof(slot) + dim * sizeof(float);
}

static off_t slot_offset(size_t dim, size_t i)
{
    return (off_t)(sizeof(directory) + i * slot_bytes(dim));
}

static uint64_t slot_sum(const slot *one, size_t dim)
{
    return cir__hash64((const uint8_t *)one + sizeof one->sum, slot_bytes(dim) - sizeof one->sum);
}

/* The SHA-256 of kind, a zero and text. false: memory. */
static bool make_key(const char *kind, const char *text, uint8_t key_out[CIR__SHA256_SIZE])
{
    size_t n_kind = strlen(kind) + 1;
    size_t n_text = strlen(text);
    char *both = cir__new_unset(n_kind + n_text, 1);
    if (both == NULL)
        return false;
    memcpy(both, kind, n_kind);
    memcpy(both + n_kind, text, n_text);
    cir__sha256(both, n_kind + n_text, key_out);
    free(both);
    return true;
}

/* −1 where it cannot be opened, or is a link, a pipe or the like. */
static int open_file(const cir__folder *folder, int access)
{
    int fd;
    return cir__folder_open_file(folder, CIR__TEXTS_NAME, access, 0600, &fd, NULL, NULL) == CIR_OK ? fd : -1;
}

/* Fills size bytes, with zeros behind the file's end. */
static bool read_at(int fd, void *bytes, size_t size, off_t offset)
{
    size_t n_read = 0;
    while (n_read < size) {
        ssize_t n = pread(fd, (uint8_t *)bytes + n_read, size - n_read, offset + (off_t)n_read);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        n_read += (size_t)n;
    }
    memset((uint8_t *)bytes + n_read, 0, size - n_read);
    return true;
}

static bool write_at(int fd, const void *bytes, size_t size, off_t offset)
{
    return cir__file_write_at(fd, bytes, size, (uint64_t)offset, CIR__TEXTS_NAME, NULL) == CIR_OK;
}

static bool has_right_header(const directory *list, size_t dim)
{
    header right = make_header(dim);
    return memcmp(&list->head, &right, sizeof right) == 0;
}

/* The entry with the key; CIR__TEXTS_ENTRIES: there is none. */
static size_t find_entry(const directory *list, const uint8_t key[CIR__SHA256_SIZE])
{
    size_t i = 0;
    while (i < CIR__TEXTS_ENTRIES &&
           (list->entries[i].used == 0 || memcmp(list->entries[i].key, key, CIR__SHA256_SIZE) != 0))
        i++;
    return i;
}

static uint64_t last_used(const directory *list)
{
    uint64_t last = 0;
    for (size_t i = 0; i < CIR__TEXTS_ENTRIES; i++)
        last = list->entries[i].used > last ? list->entries[i].used : last;
    return last;
}

/* An empty entry, else the one that was not used for longest. */
static size_t find_oldest(const directory *list)
{
    size_t oldest = 0;
    for (size_t i = 1; i < CIR__TEXTS_ENTRIES; i++)
        if (list->entries[i].used < list->entries[oldest].used)
            oldest = i;
    return oldest;
}

static bool is_unit(const float *feature, size_t dim)
{
    double square = 0;
    for (size_t i = 0; i < dim; i++)
        square += (double)feature[i] * (double)feature[i];
    return fabs(square - 1) < 1e-3; /* false for what is no number */
}

static bool read_slot(int fd, size_t dim, size_t i, const uint8_t key[CIR__SHA256_SIZE], slot *slot_out)
{
    return read_at(fd, slot_out, slot_bytes(dim), slot_offset(dim, i)) &&
           memcmp(slot_out->key, key, CIR__SHA256_SIZE) == 0 && slot_out->sum == slot_sum(slot_out, dim) &&
           is_unit(slot_out->feature, dim);
}

/* Marks an entry as used just now. */
static void touch(int fd, const directory *list, size_t i)
{
    uint64_t last = last_used(list);
    if (list->entries[i].used == last || last >= MAX_USED)
        return;
    last++;
    size_t offset = offsetof(directory, entries) + i * sizeof(entry) + offsetof(entry, used);
    (void)write_at(fd, &last, sizeof last, (off_t)offset);
}

bool cir__texts_file_find(const cir__folder *folder, size_t dim, const char *kind, const char *text,
                          float *feature_out, size_t *n_cut_out)
{
    uint8_t key[CIR__SHA256_SIZE];
    bool is_found = false;
    bool can_write = true;
    int fd = open_file(folder, O_RDWR);
    if (fd < 0) {
        can_write = false;
        fd = open_file(folder, O_RDONLY);
    }
    if (fd < 0)
        return false;
    directory *list = cir__new_unset(1, sizeof *list);
    slot *one = cir__new_unset(1, slot_bytes(dim));
    if (list != NULL && one != NULL && make_key(kind, text, key) && read_at(fd, list, sizeof *list, 0) &&
        has_right_header(list, dim)) {
        size_t i = find_entry(list, key);
        is_found = i < CIR__TEXTS_ENTRIES && read_slot(fd, dim, i, key, one);
        if (is_found) {
            memcpy(feature_out, one->feature, dim * sizeof *feature_out);
            *n_cut_out = (size_t)one->n_cut;
        }
        if (is_found && can_write)
            touch(fd, list, i);
    }
    free(one);
    free(list);
    close(fd);
    return is_found;
}

/* Others hold it for a few microseconds, and none but the file's owner can open it. */
static bool lock_file(int fd)
{
    int result;
    do
        result = flock(fd, LOCK_EX);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* Fills the slot before the directory tells of it. The file is locked. */
static void write_entry(int fd, size_t dim, directory *list, slot *one)
{
    uint64_t last = read_at(fd, list, sizeof *list, 0) ? last_used(list) : MAX_USED;
    if (!has_right_header(list, dim) || last >= MAX_USED) {
        memset(list, 0, sizeof *list);
        list->head = make_header(dim);
        last = 0;
        if (ftruncate(fd, 0) != 0 || !write_at(fd, &list->head, sizeof list->head, 0))
            return;
    }
    size_t i = find_entry(list, one->key);
    if (i == CIR__TEXTS_ENTRIES)
        i = find_oldest(list);
    entry now = {.used = last + 1};
    memcpy(now.key, one->key, sizeof now.key);
    if (write_at(fd, one, slot_bytes(dim), slot_offset(dim, i)))
        (void)write_at(fd, &now, sizeof now, (off_t)(offsetof(directory, entries) + i * sizeof now));
}

void cir__texts_file_put(const cir__folder *folder, size_t dim, const char *kind, const char *text,
                         const float *feature, size_t n_cut)
{
    if (dim > MAX_DIM || !is_unit(feature, dim))
        return;
    int fd = open_file(folder, O_RDWR | O_CREAT);
    if (fd < 0)
        return;
    directory *list = cir__new_unset(1, sizeof *list);
    slot *one = cir__new_unset(1, slot_bytes(dim));
    if (list != NULL && one != NULL && make_key(kind, text, one->key) && lock_file(fd)) {
        one->n_cut = n_cut;
        memcpy(one->feature, feature, dim * sizeof *feature);
        one->sum = slot_sum(one, dim);
        write_entry(fd, dim, list, one);
    }
    free(one);
    free(list);
    close(fd);
}

const char *cir__texts_file_examine(const cir__folder *folder, size_t dim)
{
    const char *finding = NULL;
    int fd = open_file(folder, O_RDONLY);
    if (fd < 0)
        return NULL;
    directory *list = cir__new_unset(1, sizeof *list);
    slot *one = cir__new_unset(1, slot_bytes(dim));
    if (list == NULL || one == NULL || flock(fd, LOCK_SH | LOCK_NB) != 0 ||
        !read_at(fd, list, sizeof *list, 0))
        goto done;
    if (!has_right_header(list, dim))
        finding = "is not a file of recent texts";
    for (size_t i = 0; finding == NULL && i < CIR__TEXTS_ENTRIES; i++) {
        const entry *e = &list->entries[i];
        if (e->used >= MAX_USED)
            finding = "has entries out of range";
        /* A slot with another key is what a process leaves that was killed before it could tell of it. */
        if (e->used != 0 && read_at(fd, one, slot_bytes(dim), slot_offset(dim, i)) &&
            (one->sum != slot_sum(one, dim) || !is_unit(one->feature, dim)))
            finding = "has entries that do not match their checksums";
    }
done:
    free(one);
    free(list);
    close(fd);
    return finding;
}
