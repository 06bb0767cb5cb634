#include "curate/export/export_entry.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { SLUG = 48 };

/* A text as part of a file's name; texts of an instance that would be the same get their number. */
static void make_slug(const cir__candidates *candidates, size_t i_change, char slug_out[SLUG + 8])
{
    const char *text = candidates->changes[i_change].text;
    size_t n = 0;
    for (const char *c = text; *c != '\0' && n < SLUG; c++) {
        if (isalnum((unsigned char)*c) && (unsigned char)*c < 128)
            slug_out[n++] = (char)tolower((unsigned char)*c);
        else if (n > 0 && slug_out[n - 1] != '_')
            slug_out[n++] = '_';
    }
    while (n > 0 && slug_out[n - 1] == '_')
        n--;
    slug_out[n] = '\0';
    bool is_own = n > 0 && strcmp(slug_out, "hn") != 0;
    for (size_t other = 0; other < i_change && is_own; other++) {
        char before[SLUG + 8];
        make_slug(candidates, other, before);
        is_own = strcmp(before, slug_out) != 0;
    }
    if (!is_own)
        (void)snprintf(slug_out + n, 8, "_%zu", i_change + 1);
}

static char *name_entry(const cir__export_entry *entry, size_t number)
{
    const cir__candidates *candidates = &entry->instance->candidates;
    char slug[SLUG + 8] = "";
    char path[512];
    if (entry->kind == CIR__ENTRY_POSITIVE)
        make_slug(candidates, entry->i_change, slug);
    if (entry->kind == CIR__ENTRY_QUERY)
        (void)snprintf(path, sizeof path, "query/%s/%s_q%02zu", candidates->key, candidates->key, number);
    else if (entry->kind == CIR__ENTRY_POSITIVE)
        (void)snprintf(path, sizeof path, "database/%s/%s/%s_%s_pos%02zu", candidates->key, slug,
                       candidates->key, slug, number);
    else
        (void)snprintf(path, sizeof path, "database/%s/hn/%s_hn%04zu", candidates->key, candidates->key,
                       number);
    return cir__copy_text(path);
}

/* Queries, then positives by text, then negatives; by their bytes' hash within, which tells nothing of how they were
 * found. */
static int compare_entries(const void *a, const void *b)
{
    const cir__export_entry *x = a;
    const cir__export_entry *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->i_change != y->i_change)
        return x->i_change < y->i_change ? -1 : 1;
    return memcmp(x->candidate->hash, y->candidate->hash, sizeof x->candidate->hash);
}

static int compare_shuffled(const void *a, const void *b)
{
    const cir__export_entry *x = a;
    const cir__export_entry *y = b;
    if ((x->kind == CIR__ENTRY_QUERY) != (y->kind == CIR__ENTRY_QUERY))
        return x->kind == CIR__ENTRY_QUERY ? -1 : 1;
    return memcmp(x->candidate->hash, y->candidate->hash, sizeof x->candidate->hash);
}

static cir_status add_instance(const cir__set_instance *instance, cir__export_entries *to, cir_error *err)
{
    cir__export_entry *first = to->items + to->n;
    size_t n = 0;
    for (size_t q = 0; q < instance->n_queries; q++)
        first[n++] = (cir__export_entry){.kind = CIR__ENTRY_QUERY,
                                         .candidate = &instance->candidates.items[instance->queries[q]]};
    for (size_t r = 0; r < instance->n_rows; r++) {
        const cir__set_row *row = &instance->rows[r];
        first[n++] = (cir__export_entry){.kind = row->i_change == CIR__NEGATIVE ? CIR__ENTRY_NEGATIVE
                                                                                : CIR__ENTRY_POSITIVE,
                                         .i_change = row->i_change == CIR__NEGATIVE ? 0 : row->i_change,
                                         .candidate = &instance->candidates.items[row->i_candidate]};
    }
    qsort(first, n, sizeof *first, compare_entries);
    size_t number = 0;
    for (size_t i = 0; i < n; i++) {
        first[i].instance = instance;
        first[i].label = &instance->labels.items[first[i].candidate - instance->candidates.items];
        const bool goes_on =
            i > 0 && first[i].kind == first[i - 1].kind && first[i].i_change == first[i - 1].i_change;
        number = goes_on ? number + 1 : 1;
        first[i].path = name_entry(&first[i], number);
        if (first[i].path == NULL)
            return cir__fail_memory(err, instance->candidates.key);
        to->n++;
    }
    qsort(first, n, sizeof *first, compare_shuffled);
    return CIR_OK;
}

cir_status cir__export_entries_make(const cir__curated_set *set, cir__export_entries *entries_out,
                                    cir_error *err)
{
    *entries_out = (cir__export_entries){0};
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++)
        n += set->instances[i].n_rows + set->instances[i].n_queries;
    entries_out->items = cir__new(n, sizeof *entries_out->items);
    if (entries_out->items == NULL)
        return cir__fail_memory(err, "what is exported");
    cir_status status = CIR_OK;
    for (size_t i = 0; i < set->n && status == CIR_OK; i++) {
        const cir__set_instance *instance = &set->instances[i];
        bool has_query = false;
        for (size_t c = 0; c < instance->candidates.n_changes; c++)
            has_query = has_query || cir__set_has_query(instance, c);
        if (has_query)
            status = add_instance(instance, entries_out, err);
    }
    return status;
}

void cir__export_entries_done(cir__export_entries *entries)
{
    for (size_t i = 0; i < entries->n; i++)
        free(entries->items[i].path);
    free(entries->items);
    *entries = (cir__export_entries){0};
}

void cir__export_entry_describe(const cir__export_entry *entry, char *sources_out, char *types_out,
                                char *kinds_out, size_t size)
{
    size_t at[3] = {0};
    char *const outs[3] = {sources_out, types_out, kinds_out};
    for (size_t c = 0; c < entry->instance->candidates.n_changes; c++) {
        const unsigned kinds = entry->candidate->own_kinds | entry->candidate->kinds[c];
        char letters[4];
        (void)snprintf(letters, sizeof letters, "%s%s%s", kinds & CIR__FOUND_VISUAL ? "V" : "",
                       kinds & CIR__FOUND_TEXTUAL ? "T" : "", kinds & CIR__FOUND_COMPOSED ? "C" : "");
        const char *const texts[3] = {cir_source_type_name(cir__candidate_type(entry->candidate, c)),
                                      cir_judged_type_name(cir__label_type(entry->label, c)),
                                      letters[0] != '\0' ? letters : "-"};
        for (int i = 0; i < 3; i++) {
            const int n = snprintf(outs[i] + at[i], size - at[i], "%s%s", c > 0 ? ";" : "", texts[i]);
            at[i] = n > 0 && at[i] + (size_t)n < size ? at[i] + (size_t)n : size - 1;
        }
    }
}
