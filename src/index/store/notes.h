/* What an index remembers beside photos and models, as sets of byte strings among the settings: what it was
 * made of, what it leaves out, what it met that it does not read. */
#ifndef CIR_INDEX_NOTES_H
#define CIR_INDEX_NOTES_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/status.h"
#include "index/store/store.h"

typedef enum cir__note {
    CIR__NOTE_ROOT,       /* a stored path (place.h) that updates were given */
    CIR__NOTE_FORGOTTEN,  /* a stored path that updates leave out, until it is given again */
    CIR__NOTE_EXCLUDED,   /* a pattern of names that updates leave out */
    CIR__NOTE_HIDDEN,     /* "1": hidden folders are not left out */
    CIR__NOTE_UNREADABLE, /* a stored path, a zero byte, and why it could not be listed by the last update */
    CIR__NOTE_SKIPPED,    /* "NUMBER KIND": files that the last update met and that are not read */
    CIR__N_NOTES
} cir__note;

typedef struct cir__note_item {
    const void *bytes;
    size_t size;
} cir__note_item;

/* Adds an item; one that is there changes nothing, not even the file. Errors of all: those of the store. */
CIR_MUST_CHECK cir_status cir__notes_add(cir__store *store, cir__note note, cir__note_item item,
                                         cir_error *err);
CIR_MUST_CHECK cir_status cir__notes_remove(cir__store *store, cir__note note, cir__note_item item,
                                            cir_error *err);

/* Makes the items those given, [n]; where they are, changes nothing, not even the file. */
CIR_MUST_CHECK cir_status cir__notes_replace(cir__store *store, cir__note note, const cir__note_item *items,
                                             size_t n, cir_error *err);

/* Calls visit for every item, in the order of their bytes; they live until visit returns, which must not use
 * the store. false from visit means that memory is short. */
typedef bool cir__notes_visit(void *context, const char *bytes, size_t size);
CIR_MUST_CHECK cir_status cir__notes_list(cir__store *store, cir__note note, cir__notes_visit *visit,
                                          void *context, cir_error *err);

/* The items as text, newly allocated: *items_out [*n_out] with two final zero bytes each; free with
 * cir__notes_free. */
CIR_MUST_CHECK cir_status cir__notes_read(cir__store *store, cir__note note, char ***items_out, size_t *n_out,
                                          cir_error *err);
void cir__notes_free(char **items, size_t n);

#endif
