#include "index/update/scope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "index/store/consent.h"
#include "index/store/notes.h"

cir_status cir__scope_init(cir__scope *scope, const char *const *paths, size_t n_paths, cir_error *err)
{
    *scope = (cir__scope){0};
    scope->roots = cir__new(n_paths, sizeof *scope->roots);
    cir_status status = scope->roots != NULL ? CIR_OK : cir__fail_memory(err, "list of files");
    while (status == CIR_OK && scope->n_roots < n_paths) {
        status = cir__place_resolve(paths[scope->n_roots], &scope->roots[scope->n_roots], err);
        scope->n_roots += status == CIR_OK ? 1 : 0;
    }
    return status;
}

void cir__scope_done(cir__scope *scope)
{
    cir__notes_free(scope->roots, scope->n_roots);
    cir__notes_free(scope->others, scope->n_others);
    cir__notes_free(scope->patterns, scope->n_patterns);
    cir__notes_free(scope->forgotten, scope->n_forgotten);
    for (size_t i = 0; i < scope->n_unreadable; i++) {
        free(scope->unreadable[i].path);
        free(scope->unreadable[i].why);
    }
    free(scope->unreadable);
    free(scope->inside);
    *scope = (cir__scope){0};
}

static cir__note_item item_of(const char *text)
{
    return (cir__note_item){text, strlen(text)};
}

/* Stored paths to absolute ones, in place. */
static cir_status make_absolute(const cir__place *place, char **paths, size_t n, cir_error *err)
{
    for (size_t i = 0; i < n; i++) {
        char *absolute = paths[i][0] != '\0' ? cir__place_absolute(place, paths[i], strlen(paths[i]))
                                             : cir__copy_text(place->base);
        if (absolute == NULL)
            return cir__fail_memory(err, "list of folders");
        free(paths[i]);
        paths[i] = absolute;
    }
    return CIR_OK;
}

static bool is_root(const cir__scope *scope, const char *path)
{
    for (size_t i = 0; i < scope->n_roots; i++)
        if (strcmp(scope->roots[i], path) == 0)
            return true;
    return false;
}

/* Naming a path, or something below it, takes back that it was forgotten: what is below is then named
 * itself. */
static cir_status add_roots(cir__scope *scope, cir__store *store, const cir__place *place, cir_error *err)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; status == CIR_OK && i < scope->n_roots; i++) {
        const cir__note_item stored = item_of(cir__place_stored(place, scope->roots[i]));
        status = cir__notes_add(store, CIR__NOTE_ROOT, stored, err);
        if (status == CIR_OK)
            status = cir__notes_remove(store, CIR__NOTE_FORGOTTEN, stored, err);
    }
    if (status == CIR_OK)
        status = cir__notes_read(store, CIR__NOTE_ROOT, &scope->others, &scope->n_others, err);
    if (status == CIR_OK)
        status = make_absolute(place, scope->others, scope->n_others, err);
    return status;
}

/* A path whose photos are shown only because this user named it. */
static bool leads_elsewhere(const cir__place *place, const char *path)
{
    struct stat facts;
    return !cir__place_is_below(path, place->base) || (lstat(path, &facts) == 0 && S_ISLNK(facts.st_mode));
}

static cir_status keep_choices(cir__store *store, const cir_update_options *options, cir_error *err)
{
    cir_status status = CIR_OK;
    if (options->hidden != CIR_HIDDEN_AS_BEFORE)
        status = cir__notes_replace(store, CIR__NOTE_HIDDEN, &(cir__note_item){"1", 1},
                                    options->hidden == CIR_HIDDEN_TAKEN ? 1 : 0, err);
    if (status != CIR_OK || options->excluded == NULL)
        return status;
    cir__note_item *items = cir__new(options->n_excluded, sizeof *items);
    if (items == NULL)
        return cir__fail_memory(err, store->name);
    for (size_t i = 0; i < options->n_excluded; i++)
        items[i] = item_of(options->excluded[i]);
    status = cir__notes_replace(store, CIR__NOTE_EXCLUDED, items, options->n_excluded, err);
    free(items);
    return status;
}

static bool find_item(void *context, const char *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    *(bool *)context = true;
    return true;
}

cir_status cir__scope_load(cir__scope *scope, cir__store *store, const cir__place *place,
                           const cir_update_options *options, size_t *n_unconfirmed_out, cir_error *err)
{
    cir__selection *selection = &scope->selection;
    *n_unconfirmed_out = 0;
    cir_status status = add_roots(scope, store, place, err);
    for (size_t i = 0; status == CIR_OK && !options->is_trusted && i < scope->n_roots; i++)
        if (leads_elsewhere(place, scope->roots[i]) &&
            cir__consent_add(store, scope->roots[i], NULL) != CIR_OK)
            ++*n_unconfirmed_out;
    if (status == CIR_OK)
        status = keep_choices(store, options, err);
    if (status == CIR_OK)
        status = cir__notes_list(store, CIR__NOTE_HIDDEN, find_item, &selection->takes_hidden, err);
    if (status == CIR_OK)
        status = cir__notes_read(store, CIR__NOTE_EXCLUDED, &scope->patterns, &scope->n_patterns, err);
    if (status == CIR_OK)
        status = cir__notes_read(store, CIR__NOTE_FORGOTTEN, &scope->forgotten, &scope->n_forgotten, err);
    if (status == CIR_OK)
        status = make_absolute(place, scope->forgotten, scope->n_forgotten, err);
    if (status != CIR_OK)
        return status;
    scope->inside = cir__new(scope->n_roots + scope->n_others, sizeof *scope->inside);
    if (scope->inside == NULL)
        return cir__fail_memory(err, "list of folders");
    selection->inside = scope->inside;
    for (size_t i = 0; i < scope->n_roots; i++)
        scope->inside[selection->n_inside++] = scope->roots[i];
    /* The roots of this run are among those that were noted. */
    size_t n_others = 0;
    for (size_t i = 0; i < scope->n_others; i++) {
        char *other = scope->others[i];
        if (is_root(scope, other))
            free(other);
        else
            scope->others[n_others++] = other;
    }
    scope->n_others = n_others;
    for (size_t i = 0; i < n_others; i++)
        scope->inside[selection->n_inside++] = scope->others[i];
    selection->patterns = (const char *const *)scope->patterns;
    selection->n_patterns = scope->n_patterns;
    selection->forgotten = (const char *const *)scope->forgotten;
    selection->n_forgotten = scope->n_forgotten;
    scope->walk = (cir__walk_options){
        .skipped = place->index, .selection = selection, .group = scope->group, .counts = &scope->counts};
    return CIR_OK;
}

bool cir__scope_add_unreadable(cir__scope *scope, const char *path, const char *why)
{
    cir__unreadable item = {cir__copy_text(path), cir__copy_text(why)};
    if (item.path == NULL || item.why == NULL ||
        !cir__grow((void **)&scope->unreadable, &scope->unreadable_capacity, scope->n_unreadable + 1,
                   sizeof *scope->unreadable)) {
        free(item.path);
        free(item.why);
        return false;
    }
    scope->unreadable[scope->n_unreadable++] = item;
    return true;
}

/* ---- at the end ---- */

/* Notes of the last update that are still true. */
typedef struct keeping {
    const cir__scope *scope;
    const cir__place *place;
    cir__note_item *items;
    size_t n, capacity;
} keeping;

static bool add_item(keeping *self, char *bytes, size_t size)
{
    if (bytes == NULL ||
        !cir__grow((void **)&self->items, &self->capacity, self->n + 1, sizeof *self->items)) {
        free(bytes);
        return false;
    }
    self->items[self->n++] = (cir__note_item){bytes, size};
    return true;
}

static void free_items(keeping *self)
{
    for (size_t i = 0; i < self->n; i++)
        free((void *)(uintptr_t)self->items[i].bytes);
    free(self->items);
}

/* What lies below none of the folders that were walked stays noted. */
static bool keep_elsewhere(void *context, const char *bytes, size_t size)
{
    keeping *self = context;
    const size_t n_path = strnlen(bytes, size);
    char *path = cir__place_absolute(self->place, bytes, n_path);
    if (path == NULL)
        return false;
    bool was_walked = false;
    for (size_t i = 0; i < self->scope->n_roots; i++)
        was_walked = was_walked || cir__place_is_below(path, self->scope->roots[i]);
    free(path);
    if (was_walked)
        return true;
    char *copy = malloc(size + 1);
    if (copy != NULL)
        memcpy(copy, bytes, size);
    return add_item(self, copy, size);
}

static bool add_unreadable(keeping *self, const cir__unreadable *one)
{
    const char *stored = cir__place_stored(self->place, one->path);
    const size_t n_path = strlen(stored) + 1, n_why = strlen(one->why);
    char *bytes = malloc(n_path + n_why + 1);
    if (bytes != NULL) {
        memcpy(bytes, stored, n_path);
        memcpy(bytes + n_path, one->why, n_why + 1);
    }
    return add_item(self, bytes, n_path + n_why);
}

static bool add_skipped(keeping *self, const cir_skipped *one)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%zu %s", one->n, one->kind);
    return add_item(self, cir__copy_text(text), (size_t)n);
}

cir_status cir__scope_keep(const cir__scope *scope, cir__store *store, const cir__place *place,
                           cir_error *err)
{
    keeping folders = {.scope = scope, .place = place};
    keeping kinds = {.scope = scope, .place = place};
    cir_status status = cir__notes_list(store, CIR__NOTE_UNREADABLE, keep_elsewhere, &folders, err);
    bool is_fine = true;
    for (size_t i = 0; is_fine && i < scope->n_unreadable; i++)
        is_fine = add_unreadable(&folders, &scope->unreadable[i]);
    for (size_t i = 0; is_fine && i < scope->counts.n_kinds; i++)
        is_fine = add_skipped(&kinds, &scope->counts.skipped[i]);
    if (status == CIR_OK && !is_fine)
        status = cir__fail_memory(err, store->name);
    if (status == CIR_OK)
        status = cir__notes_replace(store, CIR__NOTE_UNREADABLE, folders.items, folders.n, err);
    if (status == CIR_OK)
        status = cir__notes_replace(store, CIR__NOTE_SKIPPED, kinds.items, kinds.n, err);
    free_items(&folders);
    free_items(&kinds);
    return status;
}
