#include "index/store/notes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* After those of the catalogue and of the rows. */
enum { FIND = 20, ADD, REMOVE, LIST };

static const char *const prefixes[CIR__N_NOTES] = {
    [CIR__NOTE_ROOT] = "root:",     [CIR__NOTE_FORGOTTEN] = "forgotten:", [CIR__NOTE_EXCLUDED] = "excluded:",
    [CIR__NOTE_HIDDEN] = "hidden:", [CIR__NOTE_UNREADABLE] = "unlisted:", [CIR__NOTE_SKIPPED] = "skipped:",
};

/* Bytes are no text, a key is: hexadecimal digits are both. */
#define KEY "?2 || hex(?1)"

static cir_status run(cir__store *store, size_t i, const char *sql, cir__note note, cir__note_item item,
                      bool *has_row_out, cir_error *err)
{
    sqlite3_stmt *statement;
    *has_row_out = false;
    cir_status status = cir__store_start(store, i, sql, &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_blob64(statement, 1, item.bytes, item.size, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 2, prefixes[note], -1, SQLITE_STATIC);
    status = cir__store_step(store, statement, has_row_out, err);
    (void)sqlite3_reset(statement);
    return status;
}

cir_status cir__notes_add(cir__store *store, cir__note note, cir__note_item item, cir_error *err)
{
    bool is_kept;
    cir_status status = run(store, FIND, "SELECT 1 FROM setting WHERE key = " KEY, note, item, &is_kept, err);
    if (status == CIR_OK && !is_kept)
        status = run(store, ADD, "INSERT OR IGNORE INTO setting(key, value) VALUES(" KEY ", ?1)", note, item,
                     &is_kept, err);
    return status;
}

cir_status cir__notes_remove(cir__store *store, cir__note note, cir__note_item item, cir_error *err)
{
    bool has_row;
    return run(store, REMOVE, "DELETE FROM setting WHERE key = " KEY, note, item, &has_row, err);
}

cir_status cir__notes_list(cir__store *store, cir__note note, cir__notes_visit *visit, void *context,
                           cir_error *err)
{
    sqlite3_stmt *statement;
    /* ';' follows ':', which all prefixes end with. */
    cir_status status = cir__store_start(store, LIST,
                                         "SELECT value FROM setting WHERE key >= ?1 AND "
                                         "key < substr(?1, 1, length(?1) - 1) || ';' ORDER BY key",
                                         &statement, err);
    if (status != CIR_OK)
        return status;
    (void)sqlite3_bind_text(statement, 1, prefixes[note], -1, SQLITE_STATIC);
    bool has_row = true;
    while (has_row) {
        status = cir__store_step(store, statement, &has_row, err);
        const char *bytes = has_row ? sqlite3_column_blob(statement, 0) : NULL;
        if (has_row &&
            !visit(context, bytes != NULL ? bytes : "", (size_t)sqlite3_column_bytes(statement, 0))) {
            status = cir__fail_memory(err, store->name);
            break;
        }
    }
    (void)sqlite3_reset(statement);
    return status;
}

typedef struct reading {
    char **items;
    size_t *sizes;
    size_t n, items_capacity, sizes_capacity;
} reading;

static bool read_item(void *context, const char *bytes, size_t size)
{
    reading *self = context;
    char *copy = malloc(size + 2);
    if (copy == NULL ||
        !cir__grow((void **)&self->items, &self->items_capacity, self->n + 1, sizeof *self->items) ||
        !cir__grow((void **)&self->sizes, &self->sizes_capacity, self->n + 1, sizeof *self->sizes)) {
        free(copy);
        return false;
    }
    memcpy(copy, bytes, size);
    copy[size] = copy[size + 1] = '\0';
    self->items[self->n] = copy;
    self->sizes[self->n++] = size;
    return true;
}

void cir__notes_free(char **items, size_t n)
{
    for (size_t i = 0; items != NULL && i < n; i++)
        free(items[i]);
    free(items);
}

cir_status cir__notes_read(cir__store *store, cir__note note, char ***items_out, size_t *n_out,
                           cir_error *err)
{
    reading self = {0};
    *items_out = NULL;
    *n_out = 0;
    cir_status status = cir__notes_list(store, note, read_item, &self, err);
    free(self.sizes);
    if (status != CIR_OK) {
        cir__notes_free(self.items, self.n);
        return status;
    }
    *items_out = self.items;
    *n_out = self.n;
    return CIR_OK;
}

static bool is_among(const void *bytes, size_t size, const cir__note_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].size == size && memcmp(items[i].bytes, bytes, size) == 0)
            return true;
    return false;
}

cir_status cir__notes_replace(cir__store *store, cir__note note, const cir__note_item *items, size_t n,
                              cir_error *err)
{
    reading self = {0};
    cir_status status = cir__notes_list(store, note, read_item, &self, err);
    for (size_t i = 0; status == CIR_OK && i < self.n; i++)
        if (!is_among(self.items[i], self.sizes[i], items, n))
            status = cir__notes_remove(store, note, (cir__note_item){self.items[i], self.sizes[i]}, err);
    for (size_t i = 0; status == CIR_OK && i < n; i++)
        status = cir__notes_add(store, note, items[i], err);
    free(self.sizes);
    cir__notes_free(self.items, self.n);
    return status;
}
