#include "eval/data/remarks.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

/* How often something was seen, and where first: rows counted from 1. */
typedef struct sighting {
    size_t n, first_row;
} sighting;

static void see(sighting *seen, size_t row)
{
    if (seen->n++ == 0 || row < seen->first_row)
        seen->first_row = row;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool has_blanks_around(const char *name)
{
    const size_t size = strlen(name);
    return size > 0 && (is_blank(name[0]) || is_blank(name[size - 1]));
}

static bool is_same(const cir_dataset *dataset, const cir__item *a, const cir__item *b)
{
    return a->text == b->text && a->instance == b->instance &&
           strcmp(dataset->paths.names[a->path], dataset->paths.names[b->path]) == 0;
}

/* Rows first to end − 1 that are the same in all as one before them, by a table of their hashes. slots:
 * [n_slots], a power of two and at least twice as many, zeroed here. rows: the file's numbers of the items;
 * NULL: their own. */
static void find_repeated_among(const cir_dataset *dataset, const cir__item *items, const size_t *rows,
                                size_t first, size_t end, size_t *slots, size_t n_slots, sighting *seen)
{
    memset(slots, 0, n_slots * sizeof *slots);
    for (size_t i = first; i < end; i++) {
        const char *const path = dataset->paths.names[items[i].path];
        uint64_t place = cir__hash64(path, strlen(path)) + items[i].text * 0x9e3779b97f4a7c15U +
                         items[i].instance * 0xc2b2ae3d27d4eb4fU;
        size_t slot = (size_t)(place >> 7) & (n_slots - 1);
        while (slots[slot] != 0 && !is_same(dataset, &items[slots[slot] - 1], &items[i]))
            slot = (slot + 1) & (n_slots - 1);
        if (slots[slot] != 0)
            see(seen, rows != NULL ? rows[i] + 1 : i + 1);
        else
            slots[slot] = i + 1;
    }
}

/* Of a table for n rows. */
static size_t find_n_slots(size_t n)
{
    size_t n_slots = 16;
    while (n_slots < 2 * n)
        n_slots *= 2;
    return n_slots;
}

/* Where the run of rows of one instance that begins at i ends. */
static size_t find_run_end(const cir__item *items, size_t i, size_t n)
{
    const size_t first = i;
    while (i < n && items[i].instance == items[first].instance)
        i++;
    return i;
}

/* Rows that repeat one before them. Instances whose rows stand together, as those of large lists do, are
 * looked at one by one: their tables stay in the processor's cache. */
static cir_status find_repeated(const cir_dataset *dataset, const cir__item *items, const size_t *rows,
                                size_t n, sighting *seen, cir_error *err)
{
    bool *const is_seen = cir__new(dataset->instances.n + 1, sizeof *is_seen);
    size_t longest = 0;
    bool is_together = true;
    for (size_t i = 0, end; is_seen != NULL && i < n; i = end) {
        end = find_run_end(items, i, n);
        longest = end - i > longest ? end - i : longest;
        is_together = is_together && !is_seen[items[i].instance];
        is_seen[items[i].instance] = true;
    }
    size_t *const slots =
        is_seen != NULL ? cir__new(find_n_slots(is_together ? longest : n), sizeof *slots) : NULL;
    for (size_t i = 0, end; slots != NULL && i < n; i = end) {
        end = is_together ? find_run_end(items, i, n) : n;
        find_repeated_among(dataset, items, rows, i, end, slots, find_n_slots(end - i), seen);
    }
    const bool has_memory = slots != NULL;
    free(slots);
    free(is_seen);
    return has_memory ? CIR_OK : cir__fail_memory(err, "a data set's rows");
}

static cir_status add(cir_dataset *dataset, const sighting *seen, const char *list, const char *what,
                      const char *name, const char *consequence, cir_error *err)
{
    char *line = NULL;

    if (seen->n == 0)
        return CIR_OK;
    const bool has_name = name != NULL;
    if (asprintf(&line, "%s: %s: %zu, the first is row %zu%s%s%s; %s", list, what, seen->n, seen->first_row,
                 has_name ? " (\"" : "", has_name ? name : "", has_name ? "\")" : "", consequence) < 0)
        return cir__fail_memory(err, "a data set's remarks");
    dataset->remarks[dataset->info.n_remarks++] = line;
    return CIR_OK;
}

/* All of one list. */
static cir_status look_at(cir_dataset *dataset, const cir__item *items, const size_t *rows, size_t n,
                          const char *list, bool are_queries, cir_error *err)
{
    sighting repeated = {0}, around = {0}, wordless = {0};
    const char *name = NULL;

    for (size_t i = 0; i < n; i++) {
        const size_t row = rows != NULL ? rows[i] + 1 : i + 1;
        const char *const instance = dataset->instances.names[items[i].instance];
        const char *const text = dataset->texts.names[items[i].text];
        if (has_blanks_around(instance)) {
            see(&around, row);
            if (around.first_row == row)
                name = instance;
        }
        if (are_queries && text[strspn(text, " \t\r\n\v\f")] == '\0')
            see(&wordless, row);
    }
    cir_status status = find_repeated(dataset, items, rows, n, &repeated, err);
    if (status == CIR_OK)
        status = add(dataset, &repeated, list, "rows that repeat another's path, text and instance", NULL,
                     are_queries ? "each counts as a query of its own" : "each is ranked by itself", err);
    if (status == CIR_OK)
        status = add(dataset, &around, list, "rows with blanks around the instance's name", name,
                     "that is another instance than the name without them", err);
    if (status == CIR_OK)
        status = add(dataset, &wordless, list, "rows without words", NULL,
                     "the empty text is encoded for them", err);
    return status;
}

cir_status cir__remarks_make(cir_dataset *dataset, cir_error *err)
{
    cir_status status = look_at(dataset, dataset->queries, NULL, dataset->info.n_queries,
                                dataset->query_list != NULL ? dataset->query_list : "queries", true, err);
    if (status == CIR_OK)
        status = look_at(dataset, dataset->items, dataset->item_rows, dataset->info.n_database,
                         dataset->database_list != NULL ? dataset->database_list : "database", false, err);
    dataset->info.remarks = (const char *const *)dataset->remarks;
    return status;
}
