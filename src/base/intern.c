#include "base/intern.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

/* Names are kept in blocks of this size, or of their own. */
#define BLOCK_BYTES ((size_t)1 << 16)

/* The slot where a name is or belongs. */
static size_t *slot_of(const cir__intern *intern, const char *name)
{
    const size_t mask = intern->n_slots - 1;
    size_t i = (size_t)cir__hash64(name, strlen(name)) & mask;

    while (intern->slots[i] != 0 && strcmp(intern->names[intern->slots[i] - 1], name) != 0)
        i = (i + 1) & mask;
    return &intern->slots[i];
}

/* Keeps at least half of the slots free. */
static bool slots_grow(cir__intern *intern)
{
    if (2 * (intern->n + 1) <= intern->n_slots)
        return true;
    const size_t n_slots = intern->n_slots == 0 ? 64 : 2 * intern->n_slots;
    size_t *slots = cir__new(n_slots, sizeof *slots);
    if (slots == NULL)
        return false;
    free(intern->slots);
    intern->slots = slots;
    intern->n_slots = n_slots;
    for (size_t i = 0; i < intern->n; i++)
        *slot_of(intern, intern->names[i]) = i + 1;
    return true;
}

/* A copy that lives as long as the table; NULL when out of memory. */
static char *name_copy(cir__intern *intern, const char *name)
{
    const size_t size = strlen(name) + 1;

    if (size > intern->n_free) {
        const size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        char *const block = malloc(sizeof(void *) + room);
        if (block == NULL)
            return NULL;
        memcpy(block, &intern->blocks, sizeof(void *));
        intern->blocks = block;
        intern->block_bytes = sizeof(void *) + room;
        intern->n_free = room;
    }
    char *const copy = (char *)intern->blocks + intern->block_bytes - intern->n_free;
    memcpy(copy, name, size);
    intern->n_free -= size;
    return copy;
}

cir_status cir__intern_add(cir__intern *intern, const char *name, size_t *number_out, cir_error *err)
{
    void *names = intern->names;
    const bool has_room = cir__grow(&names, &intern->capacity, intern->n + 1, sizeof *intern->names);

    *number_out = 0;
    intern->names = names;
    if (!has_room || (intern->names[intern->n] = name_copy(intern, name)) == NULL)
        return cir__fail_memory(err, "a table of names");
    *number_out = intern->last = intern->n++;
    return CIR_OK;
}

cir_status cir__intern_put(cir__intern *intern, const char *name, size_t *number_out, cir_error *err)
{
    *number_out = intern->last;
    if (intern->n > 0 && strcmp(intern->names[intern->last], name) == 0)
        return CIR_OK; /* lists have equal names one after another */
    *number_out = 0;
    if (!slots_grow(intern))
        return cir__fail_memory(err, "a table of names");
    size_t *const slot = slot_of(intern, name);
    if (*slot == 0) {
        const cir_status status = cir__intern_add(intern, name, number_out, err);
        if (status == CIR_OK)
            *slot = intern->n;
        return status;
    }
    *number_out = intern->last = *slot - 1;
    return CIR_OK;
}

bool cir__intern_find(const cir__intern *intern, const char *name, size_t *number_out)
{
    const size_t slot = intern->n_slots == 0 ? 0 : *slot_of(intern, name);
    *number_out = slot != 0 ? slot - 1 : 0;
    return slot != 0;
}

void cir__intern_done(cir__intern *intern)
{
    while (intern->blocks != NULL) {
        void *const gone = intern->blocks;
        memcpy(&intern->blocks, gone, sizeof(void *));
        free(gone);
    }
    free(intern->names);
    free(intern->slots);
    memset(intern, 0, sizeof *intern);
}
