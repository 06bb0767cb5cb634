/* Slots in chunks that are never freed, so that the handler of a signal finds them without a lock. A thread
 * that faults is looking at its own mapping, whose slot therefore is not changing; others may. */
#include "base/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

#define CHUNK_SLOTS 64

struct cir__mapped {
    _Atomic uintptr_t begin; /* 0: the slot is free */
    _Atomic uintptr_t end;
    atomic_bool is_damaged;
    int fd; /* -1: none */
    size_t n_needed;
    char *name;
};

typedef struct chunk chunk;
struct chunk {
    cir__mapped slots[CHUNK_SLOTS];
    _Atomic(chunk *) next;
};

static chunk first_chunk;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of adding and removing */

/* Read once, not by the handler. */
static _Atomic uintptr_t page_size;

/* begin 0: a free slot. */
static cir__mapped *find(uintptr_t address, bool is_begin)
{
    for (chunk *c = &first_chunk; c != NULL; c = atomic_load(&c->next))
        for (size_t i = 0; i < CHUNK_SLOTS; i++) {
            cir__mapped *slot = &c->slots[i];
            uintptr_t begin = atomic_load(&slot->begin);
            if (is_begin ? begin == address
                         : begin != 0 && begin <= address && address < atomic_load(&slot->end))
                return slot;
        }
    return NULL;
}

static cir__mapped *find_free(void)
{
    cir__mapped *slot = find(0, true);
    if (slot != NULL)
        return slot;
    chunk *last = &first_chunk;
    while (atomic_load(&last->next) != NULL)
        last = atomic_load(&last->next);
    chunk *added = cir__new(1, sizeof *added);
    if (added == NULL)
        return NULL;
    atomic_store(&last->next, added);
    return &added->slots[0];
}

bool cir__mapped_add(const void *data, size_t size, int fd, size_t n_needed, const char *name)
{
    char *copy = cir__copy_text(name);
    if (copy == NULL)
        return false;
    atomic_store(&page_size, (uintptr_t)sysconf(_SC_PAGESIZE));
    pthread_mutex_lock(&lock);
    cir__mapped *slot = find_free();
    if (slot != NULL) {
        slot->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
        slot->n_needed = n_needed;
        slot->name = copy;
        atomic_store(&slot->is_damaged, false);
        atomic_store(&slot->end, (uintptr_t)data + size);
        atomic_store(&slot->begin, (uintptr_t)data);
    }
    pthread_mutex_unlock(&lock);
    if (slot == NULL)
        free(copy);
    return slot != NULL;
}

void cir__mapped_remove(const void *data)
{
    if (data == NULL)
        return;
    pthread_mutex_lock(&lock);
    cir__mapped *slot = find((uintptr_t)data, true);
    if (slot != NULL) {
        atomic_store(&slot->end, 0);
        if (slot->fd >= 0)
            close(slot->fd);
        free(slot->name);
        slot->name = NULL;
        atomic_store(&slot->begin, 0);
    }
    pthread_mutex_unlock(&lock);
}

const cir__mapped *cir__mapped_find(const void *address)
{
    return address != NULL ? find((uintptr_t)address, false) : NULL;
}

bool cir__mapped_is_whole(const cir__mapped *mapped)
{
    if (mapped == NULL)
        return true;
    struct stat facts;
    if (!atomic_load(&mapped->is_damaged) && mapped->fd >= 0 && fstat(mapped->fd, &facts) == 0 &&
        (uint64_t)facts.st_size < mapped->n_needed)
        atomic_store(&((cir__mapped *)(uintptr_t)mapped)->is_damaged, true);
    return !atomic_load(&mapped->is_damaged);
}

bool cir__mapped_may_read(const cir__mapped *mapped, size_t offset, size_t size)
{
    if (mapped == NULL)
        return true;
    bool is_look = offset % CIR__MAPPED_LOOK_BYTES == 0 ||
                   offset / CIR__MAPPED_LOOK_BYTES != (offset + size) / CIR__MAPPED_LOOK_BYTES;
    return is_look ? cir__mapped_is_whole(mapped) : !atomic_load(&mapped->is_damaged);
}

cir_status cir__mapped_check(const void *address, cir_error *err)
{
    const cir__mapped *mapped = cir__mapped_find(address);
    if (cir__mapped_is_whole(mapped))
        return CIR_OK;
    return cir__fail(
        err, CIR_DAMAGED,
        "%s: became shorter, or could not be read, while it was in use; put the whole file back and "
        "try again",
        mapped->name);
}

bool cir_mapping_handle_fault(void *address)
{
    int saved_errno = errno;
    cir__mapped *slot = address != NULL ? find((uintptr_t)address, false) : NULL;
    if (slot == NULL)
        return false;
    atomic_store(&slot->is_damaged, true);
    uintptr_t page = atomic_load(&page_size);
    uintptr_t begin = (uintptr_t)address / page * page;
    uintptr_t end = (atomic_load(&slot->end) + page - 1) / page * page;
    void *zeros = mmap((void *)begin, end - begin, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    errno = saved_errno;
    return zeros != MAP_FAILED;
}
