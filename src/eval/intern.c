#include "eval/intern.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

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

cir_status cir__intern_put(cir__intern *intern, const char *name, size_t *number_out, cir_error *err)
{
    *number_out = 0;
    if (!slots_grow(intern))
        return cir__fail_memory(err, "a table of names");
    size_t *slot = slot_of(intern, name);
    if (*slot == 0) {
        void *names = intern->names;
        const bool has_room = cir__grow(&names, &intern->capacity, intern->n + 1, sizeof *intern->names);
        intern->names = names;
        if (!has_room || (intern->names[intern->n] = cir__copy_text(name)) == NULL)
            return cir__fail_memory(err, "a table of names");
        *slot = ++intern->n;
    }
    *number_out = *slot - 1;
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
    for (size_t i = 0; i < intern->n; i++)
        free(intern->names[i]);
    free(intern->names);
    free(intern->slots);
    memset(intern, 0, sizeof *intern);
}
