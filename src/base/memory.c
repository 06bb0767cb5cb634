#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks of many huge pages ask for them: a tower's packed weights then cost 600 page faults instead of
 * 300,000, when they are written as when they are given back. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define MIN_HUGE_PAGES 16

bool cir__size_mul(size_t a, size_t b, size_t *out)
{
    if (!__builtin_mul_overflow(a, b, out))
        return true;
    *out = SIZE_MAX;
    return false;
}

bool cir__size_add(size_t a, size_t b, size_t *out)
{
    if (!__builtin_add_overflow(a, b, out))
        return true;
    *out = SIZE_MAX;
    return false;
}

void *cir__new_unset(size_t n_items, size_t item_bytes)
{
    size_t size;
    if (!cir__size_mul(n_items, item_bytes, &size) || size > PTRDIFF_MAX - CIR__ALIGNMENT)
        return NULL;
    size = (size + CIR__ALIGNMENT) / CIR__ALIGNMENT * CIR__ALIGNMENT;
#ifdef MADV_HUGEPAGE
    if (size >= MIN_HUGE_PAGES * HUGE_PAGE_BYTES) {
        size = (size + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
        void *memory = aligned_alloc(HUGE_PAGE_BYTES, size);
        if (memory != NULL)
            (void)madvise(memory, size, MADV_HUGEPAGE); /* where it is refused, small pages do */
        return memory;
    }
#endif
    return aligned_alloc(CIR__ALIGNMENT, size);
}

void *cir__new(size_t n_items, size_t item_bytes)
{
    void *memory = cir__new_unset(n_items, item_bytes);
    if (memory != NULL)
        memset(memory, 0, n_items * item_bytes);
    return memory;
}

bool cir__grow(void **items, size_t *capacity, size_t n_needed, size_t item_bytes)
{
    if (n_needed <= *capacity)
        return true;
    size_t wanted = *capacity < 8 ? 8 : *capacity;
    while (wanted < n_needed)
        if (!cir__size_mul(wanted, 2, &wanted))
            return false;
    size_t size;
    if (!cir__size_mul(wanted, item_bytes, &size))
        return false;
    void *grown = realloc(*items, size);
    if (grown == NULL)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

bool cir__memory_has_room(size_t n_bytes)
{
    /* Address space, which is what limits and the system's promises count; no page of it is touched. */
    void *room = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return false;
    (void)munmap(room, n_bytes);
    return true;
}

char *cir__copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}
