/* What an open index remembers beside its photos. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "index/open/opened.h"
#include "index/store/notes.h"
#include "index/walk/walk.h"

void cir__opened_lock(const cir_index *index)
{
    pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&index->lock);
}

void cir__opened_unlock(const cir_index *index)
{
    pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&index->lock);
}

char *cir__opened_format_error(const char *path, const char *why)
{
    size_t n_path = strlen(path);
    size_t n_why = strlen(why);
    char *text = malloc(n_path + n_why + 3);
    if (text == NULL)
        return NULL;
    memcpy(text, path, n_path);
    memcpy(text + n_path, ": ", 2);
    memcpy(text + n_path + 2, why, n_why + 1);
    return text;
}

typedef struct root_list {
    const cir_index *index;
    char **paths;
    size_t n, capacity;
} root_list;

static bool visit_root(void *context, const char *stored, size_t size)
{
    root_list *list = context;
    const cir__place *place = &list->index->place;
    /* The folder that holds the index is stored as nothing. */
    char *path = size > 0 ? cir__place_opened(place, stored, size) : cir__copy_text(place->base);
    if (path == NULL ||
        !cir__grow((void **)&list->paths, &list->capacity, list->n + 1, sizeof *list->paths)) {
        free(path);
        return false;
    }
    list->paths[list->n++] = path;
    return true;
}

cir_status cir_index_list_roots(const cir_index *index, char ***paths_out, size_t *n_out, cir_error *err)
{
    cir__error_clear(err);
    *paths_out = NULL;
    *n_out = 0;
    root_list list = {.index = index};
    cir__opened_lock(index);
    cir_status status = cir__notes_list(index->store, CIR__NOTE_ROOT, visit_root, &list, err);
    cir__opened_unlock(index);
    if (status != CIR_OK) {
        cir_paths_free(list.paths, list.n);
        return status;
    }
    *paths_out = list.paths;
    *n_out = list.n;
    return CIR_OK;
}

/* Items of a note, read in one go: visitors may use the index. */
static cir_status read_notes(const cir_index *index, cir__note note, char ***items_out, size_t *n_out,
                             cir_error *err)
{
    cir__error_clear(err);
    cir__opened_lock(index);
    cir_status status = cir__notes_read(index->store, note, items_out, n_out, err);
    cir__opened_unlock(index);
    return status;
}

cir_status cir_index_list_unlisted(const cir_index *index, cir_folder_visit_fn *visit, void *context,
                                   cir_error *err)
{
    char **items;
    size_t n;
    cir_status status = read_notes(index, CIR__NOTE_UNREADABLE, &items, &n, err);
    bool goes_on = status == CIR_OK;
    for (size_t i = 0; goes_on && i < n; i++) {
        /* The path, a zero byte, the reason, and the zero byte that ends every item. */
        const char *why = items[i] + strlen(items[i]) + 1;
        char *path = items[i][0] != '\0' ? cir__place_opened(&index->place, items[i], strlen(items[i]))
                                         : cir__copy_text(index->place.base);
        char *text = path != NULL ? cir__opened_format_error(path, why) : NULL;
        goes_on = text != NULL && visit(context, path, text);
        if (text == NULL)
            status = cir__fail_memory(err, index->info.path);
        free(text);
        free(path);
    }
    cir__notes_free(items, n);
    return status;
}

cir_status cir_index_list_skipped(const cir_index *index, cir_skipped *kinds_out, size_t *n_out,
                                  cir_error *err)
{
    char **items;
    size_t n;
    *n_out = 0;
    cir_status status = read_notes(index, CIR__NOTE_SKIPPED, &items, &n, err);
    for (size_t i = 0; i < n && *n_out < CIR_MAX_SKIPPED; i++) {
        char *end;
        cir_skipped one = {.n = strtoull(items[i], &end, 10)};
        if (*end == ' ' && strlen(end + 1) < sizeof one.kind) {
            memcpy(one.kind, end + 1, strlen(end + 1));
            kinds_out[(*n_out)++] = one;
        }
    }
    cir__walk_sort_skipped(kinds_out, *n_out);
    cir__notes_free(items, n);
    return status;
}
