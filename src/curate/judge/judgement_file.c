/* Judgements from a table, for programs and for what was judged elsewhere. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cir/curate.h"
#include "curate/judge/aspects.h"
#include "curate/judge/labels.h"
#include "curate/store/sql.h"
#include "format/csv.h"

#define MAX_BYTES ((size_t)1 << 30)
#define PATH_HASH "xxh3:"
#define ALL_PICTURES "*"

enum { INSTANCE, CHANGE, PICTURE, ASPECT, VALUE, PERSON, N_COLUMNS };
static const char *const column_names[N_COLUMNS] = {"instance", "change", "picture",
                                                    "aspect",   "value",  "person"};

typedef struct table_row {
    size_t line;
    char *fields[N_COLUMNS]; /* lent from text; NULL: the table has no such column */
    char *text;
} table_row;

typedef struct reading {
    cir_curation *curation;
    const char *path;
    const char *person;
    bool skips_unknown;
    table_row *rows;
    size_t n_rows, rows_capacity;
    cir_judging_report report;
    cir_error *err;
} reading;

/* A picture by the end of its path. */
typedef struct known {
    const char *path;
    int64_t picture;
} known;

static int compare_ends(const char *a, const char *b)
{
    size_t i = strlen(a);
    size_t j = strlen(b);
    while (i > 0 && j > 0)
        if (a[--i] != b[--j])
            return (unsigned char)a[i] < (unsigned char)b[j] ? -1 : 1;
    return (i > 0) - (j > 0);
}

static int compare_known(const void *a, const void *b)
{
    return compare_ends(((const known *)a)->path, ((const known *)b)->path);
}

static bool ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path);
    const size_t m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0 && (n == m || end[0] == '/' || path[n - m - 1] == '/');
}

/* The first of all that end with a path, and how many do. */
static size_t find_ends(const known *items, size_t n, const char *end, size_t *n_out)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_ends(items[middle].path, end) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t first = n;
    *n_out = 0;
    const size_t size = strlen(end);
    for (size_t i = low; i < n; i++) {
        const size_t length = strlen(items[i].path);
        if (length < size || strcmp(items[i].path + length - size, end) != 0)
            break;
        if (!ends_with(items[i].path, end))
            continue;
        first = first == n ? i : first;
        (*n_out)++;
    }
    return first;
}

static cir_status list_all_paths(cir_curation *curation, known **items_out, size_t *n_out, cir_error *err)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    size_t capacity = 0;
    *items_out = NULL;
    *n_out = 0;
    cir_status status = cir__curation_begin(curation, false, err);
    if (status != CIR_OK)
        return status;
    status = cir__sql_prepare(curation->store, &statement, err,
                              "SELECT path, coalesce(same_as, id) FROM picture", "");
    while (status == CIR_OK &&
           (status = cir__store_step(curation->store, statement, &has_row, err)) == CIR_OK && has_row) {
        if (!cir__grow((void **)items_out, &capacity, *n_out + 1, sizeof **items_out)) {
            status = cir__fail_memory(err, curation->path);
            break;
        }
        known *item = &(*items_out)[(*n_out)++];
        *item = (known){cir__sql_copy_text(statement, 0), sqlite3_column_int64(statement, 1)};
        if (item->path == NULL)
            status = cir__fail_memory(err, curation->path);
    }
    (void)sqlite3_finalize(statement);
    status = cir__curation_end(curation, status, err);
    if (status == CIR_OK && *n_out > 0)
        qsort(*items_out, *n_out, sizeof **items_out, compare_known);
    return status;
}

static void free_paths(known *items, size_t n)
{
    for (size_t i = 0; items != NULL && i < n; i++)
        free((void *)(uintptr_t)items[i].path);
    free(items);
}

cir_status cir_curation_find_picture(cir_curation *curation, const char *path, int64_t *picture_out,
                                     cir_error *err)
{
    cir__error_clear(err);
    *picture_out = 0;
    known *items;
    size_t n;
    size_t n_found = 0;
    cir_status status = list_all_paths(curation, &items, &n, err);
    if (status == CIR_OK) {
        const size_t i = find_ends(items, n, path, &n_found);
        if (n_found == 1)
            *picture_out = items[i].picture;
        else
            status = n_found == 0
                         ? cir__fail(err, CIR_NOT_FOUND, "%s: %s was found by no seed", curation->path, path)
                         : cir__fail(err, CIR_ARGUMENT, "%s: %zu pictures end with %s; name more of the path",
                                     curation->path, n_found, path);
    }
    free_paths(items, n);
    return status;
}

/* Which field is which column. */
static cir_status read_head(const reading *self, const cir__csv *csv, size_t places[N_COLUMNS])
{
    for (size_t c = 0; c < N_COLUMNS; c++)
        places[c] = SIZE_MAX;
    for (size_t i = 0; i < csv->n_fields; i++) {
        size_t c = 0;
        while (c < N_COLUMNS && strcmp(csv->fields[i].text, column_names[c]) != 0)
            c++;
        if (c == N_COLUMNS)
            return cir__fail(
                self->err, CIR_FORMAT,
                "%s:1: column \"%s\" is none of instance, change, picture, aspect, value and person",
                self->path, csv->fields[i].text);
        places[c] = i;
    }
    if (places[INSTANCE] == SIZE_MAX || places[PICTURE] == SIZE_MAX || places[VALUE] == SIZE_MAX)
        return cir__fail(self->err, CIR_FORMAT, "%s:1: names no column instance, picture or value",
                         self->path);
    return CIR_OK;
}

static cir_status add_row(reading *self, const cir__csv *csv, const size_t places[N_COLUMNS])
{
    size_t size = 0;
    for (size_t i = 0; i < csv->n_fields; i++)
        size += csv->fields[i].size_bytes + 1;
    if (!cir__grow((void **)&self->rows, &self->rows_capacity, self->n_rows + 1, sizeof *self->rows))
        return cir__fail_memory(self->err, self->path);
    table_row *to = &self->rows[self->n_rows++];
    *to = (table_row){.line = csv->line, .text = malloc(size + 1)};
    if (to->text == NULL)
        return cir__fail_memory(self->err, self->path);
    char *at = to->text;
    for (size_t c = 0; c < N_COLUMNS; c++) {
        if (places[c] >= csv->n_fields)
            continue;
        const cir__csv_field *field = &csv->fields[places[c]];
        to->fields[c] = memcpy(at, field->text, field->size_bytes + 1);
        at += field->size_bytes + 1;
    }
    for (size_t c = 0; c < N_COLUMNS; c++)
        if (places[c] != SIZE_MAX && to->fields[c] == NULL)
            return cir__fail(self->err, CIR_FORMAT, "%s:%zu: has %zu fields, fewer than its header",
                             self->path, csv->line, csv->n_fields);
    return CIR_OK;
}

static cir_status read_rows(reading *self, cir__bytes_view bytes)
{
    cir__csv csv;
    bool has_row;
    size_t places[N_COLUMNS];
    cir__csv_init(&csv, bytes, ',');
    cir_status status = cir__csv_read_row(&csv, &has_row, self->err);
    if (status == CIR_OK && !has_row)
        status = cir__fail(self->err, CIR_FORMAT, "%s: is empty", self->path);
    if (status == CIR_OK)
        status = read_head(self, &csv, places);
    while (status == CIR_OK && (status = cir__csv_read_row(&csv, &has_row, self->err)) == CIR_OK && has_row)
        status = add_row(self, &csv, places);
    cir__csv_done(&csv);
    return status;
}

/* What is said of one instance by one person, in the file's order. */
typedef struct group {
    cir__candidates candidates;
    known *paths;
    size_t n_paths;
    cir_judgement *judgements;
    size_t n, capacity;
    bool confirms;    /* all that is left in the pool */
    uint8_t *is_said; /* [n candidates] a word about positives is in this file or in force */
} group;

static cir_status find_row_picture(reading *self, const group *saying, const table_row *row,
                                   int64_t *picture_out)
{
    const char *text = row->fields[PICTURE];
    *picture_out = 0;
    if (strncmp(text, PATH_HASH, sizeof PATH_HASH - 1) == 0) {
        text += sizeof PATH_HASH - 1;
        for (size_t i = 0; i < saying->candidates.n; i++) {
            char hash[2 * CIR__HASH_SIZE + 1];
            for (size_t b = 0; b < CIR__HASH_SIZE; b++)
                (void)snprintf(hash + 2 * b, 3, "%02x", saying->candidates.items[i].hash[b]);
            if (strcmp(hash, text) == 0)
                *picture_out = saying->candidates.items[i].picture;
        }
    } else {
        size_t n_found;
        const size_t i = find_ends(saying->paths, saying->n_paths, text, &n_found);
        if (n_found > 1)
            return cir__fail(self->err, CIR_ARGUMENT,
                             "%s:%zu: %zu pictures end with %s; name more of the path", self->path, row->line,
                             n_found, text);
        if (n_found == 1)
            *picture_out = saying->paths[i].picture;
    }
    if (*picture_out == 0 && !self->skips_unknown)
        return cir__fail(
            self->err, CIR_NOT_FOUND,
            "%s:%zu: %s was found by no seed of \"%s\"; mine deeper, or pass over such rows: --skip-unknown",
            self->path, row->line, row->fields[PICTURE], row->fields[INSTANCE]);
    return CIR_OK;
}

static cir_status add_judgement(reading *self, group *saying, const table_row *row, int64_t picture,
                                const char *change)
{
    const char *aspect =
        row->fields[ASPECT] != NULL && row->fields[ASPECT][0] != '\0' ? row->fields[ASPECT] : "positive";
    if (!cir__grow((void **)&saying->judgements, &saying->capacity, saying->n + 1,
                   sizeof *saying->judgements))
        return cir__fail_memory(self->err, self->path);
    saying->judgements[saying->n++] = (cir_judgement){.instance = row->fields[INSTANCE],
                                                      .change = change,
                                                      .picture = picture,
                                                      .aspect = aspect,
                                                      .value = row->fields[VALUE],
                                                      .view = "import"};
    const cir__candidate *item = cir__candidates_find(&saying->candidates, picture);
    if (item != NULL && strcmp(aspect, "positive") == 0)
        saying->is_said[item - saying->candidates.items] = 1;
    return CIR_OK;
}

/* No change given: for all of the instance's. */
static cir_status take_row(reading *self, group *saying, const table_row *row)
{
    int64_t picture;
    const char *given =
        row->fields[CHANGE] != NULL && row->fields[CHANGE][0] != '\0' ? row->fields[CHANGE] : NULL;
    const char *name =
        row->fields[ASPECT] != NULL && row->fields[ASPECT][0] != '\0' ? row->fields[ASPECT] : "positive";
    const cir__aspect aspect = cir__aspect_parse(name);
    if (strcmp(row->fields[PICTURE], ALL_PICTURES) == 0) {
        if (given != NULL || aspect != CIR__ASPECT_POSITIVE || strcmp(row->fields[VALUE], "no") != 0)
            return cir__fail(
                self->err, CIR_ARGUMENT,
                "%s:%zu: * stands for all pictures that are left, and these can only be no positives",
                self->path, row->line);
        saying->confirms = true;
        return CIR_OK;
    }
    if (aspect == CIR__N_ASPECTS || cir__aspect_parse_value(aspect, row->fields[VALUE]) < 0)
        return cir__fail(self->err, CIR_ARGUMENT, "%s:%zu: \"%s\" is no value of \"%s\"%s%s", self->path,
                         row->line, row->fields[VALUE], name,
                         aspect == CIR__N_ASPECTS ? ", which is no aspect" : "; there are ",
                         aspect == CIR__N_ASPECTS ? "" : cir__aspect_values(aspect));
    cir_status status = find_row_picture(self, saying, row, &picture);
    if (status != CIR_OK || picture == 0) {
        self->report.n_unknown += status == CIR_OK;
        return status;
    }
    if (!cir__aspect_is_of_change(aspect) || given != NULL) {
        bool has_change = given == NULL;
        for (size_t c = 0; c < saying->candidates.n_changes; c++)
            has_change = has_change || strcmp(saying->candidates.changes[c].text, given) == 0;
        if (!has_change)
            return cir__fail(self->err, CIR_NOT_FOUND, "%s:%zu: \"%s\" has no change \"%s\"", self->path,
                             row->line, row->fields[INSTANCE], given);
        return add_judgement(self, saying, row, picture, cir__aspect_is_of_change(aspect) ? given : NULL);
    }
    for (size_t c = 0; c < saying->candidates.n_changes && status == CIR_OK; c++)
        status = add_judgement(self, saying, row, picture, saying->candidates.changes[c].text);
    return status;
}

static cir_status load_saying(reading *self, const char *key, group *to)
{
    cir__labels labels = {0};
    int64_t instance;
    *to = (group){0};
    cir_status status = cir__curation_begin(self->curation, false, self->err);
    if (status != CIR_OK)
        return status;
    status = cir__curation_find_instance(self->curation, key, &instance, self->err);
    if (status == CIR_OK)
        status = cir__candidates_load(self->curation, instance, false, &to->candidates, self->err);
    if (status == CIR_OK)
        status = cir__labels_load(self->curation, &to->candidates, INT64_MAX, &labels, self->err);
    status = cir__curation_end(self->curation, status, self->err);
    if (status == CIR_OK) {
        to->paths = cir__new(to->candidates.n, sizeof *to->paths);
        to->is_said = cir__new(to->candidates.n, 1);
        if (to->paths == NULL || to->is_said == NULL)
            status = cir__fail_memory(self->err, self->path);
    }
    for (size_t i = 0; i < to->candidates.n && status == CIR_OK; i++) {
        to->paths[i] = (known){to->candidates.items[i].path, to->candidates.items[i].picture};
        to->is_said[i] = labels.items[i].n_people > 0;
    }
    if (status == CIR_OK) {
        to->n_paths = to->candidates.n;
        qsort(to->paths, to->n_paths, sizeof *to->paths, compare_known);
    }
    cir__labels_done(&labels);
    return status;
}

static cir_status say(reading *self, const char *person, group *saying, const char *key)
{
    int64_t *left = cir__new(saying->candidates.n, sizeof *left);
    size_t n_left = 0;
    if (left == NULL)
        return cir__fail_memory(self->err, self->path);
    for (size_t i = 0; i < saying->candidates.n && saying->confirms; i++)
        if (saying->candidates.items[i].is_in_pool && !saying->is_said[i])
            left[n_left++] = saying->candidates.items[i].picture;
    const cir_judged_page page = {.instance = key, .pictures = left, .n_pictures = n_left};
    cir_error why;
    cir_status status = saying->n + n_left > 0
                            ? cir_curation_judge(self->curation, person, saying->judgements, saying->n,
                                                 n_left > 0 ? &page : NULL, &why)
                            : CIR_OK;
    if (status != CIR_OK)
        cir__fail(self->err, status, "%s: %s", self->path, why.message);
    else
        self->report.n_judgements += saying->n + n_left * saying->candidates.n_changes;
    free(left);
    return status;
}

/* Rows of one instance and person, from i on, are taken together: *end_out is where the next begin. Only where all
 * rows of the file are well is anything recorded: writes is false at the first pass. */
static cir_status take_group(reading *self, size_t i, size_t *end_out, bool writes)
{
    const char *key = self->rows[i].fields[INSTANCE];
    const char *person = self->rows[i].fields[PERSON];
    group saying;
    size_t end = i;
    cir_status status = load_saying(self, key, &saying);
    if (status != CIR_OK && self->err != NULL) {
        const cir_error why = *self->err;
        cir__fail(self->err, status, "%s:%zu: %s", self->path, self->rows[i].line, why.message);
    }
    while (end < self->n_rows && status == CIR_OK) {
        const table_row *row = &self->rows[end];
        const bool same_person = person == NULL || strcmp(person, row->fields[PERSON]) == 0;
        if (strcmp(row->fields[INSTANCE], key) != 0 || !same_person)
            break;
        status = take_row(self, &saying, row);
        end++;
    }
    if (status == CIR_OK && writes)
        status = say(self, person != NULL && person[0] != '\0' ? person : self->person, &saying, key);
    free(saying.judgements);
    free(saying.paths);
    free(saying.is_said);
    cir__candidates_done(&saying.candidates);
    *end_out = end;
    return status;
}

cir_status cir_curation_judge_file(cir_curation *curation, const char *path, const char *person,
                                   bool skips_unknown, cir_judging_report *report_out, cir_error *err)
{
    cir__error_clear(err);
    reading self = {
        .curation = curation, .path = path, .person = person, .skips_unknown = skips_unknown, .err = err};
    uint8_t *bytes;
    size_t size;
    if (report_out != NULL)
        *report_out = (cir_judging_report){0};
    cir_status status = cir__file_read(path, MAX_BYTES, &bytes, &size, err);
    if (status == CIR_OK)
        status = read_rows(&self, (cir__bytes_view){bytes, size, path});
    for (int pass = 0; pass < 2 && status == CIR_OK; pass++) {
        self.report = (cir_judging_report){0};
        for (size_t i = 0; i < self.n_rows && status == CIR_OK;)
            status = take_group(&self, i, &i, pass == 1);
    }
    if (status == CIR_OK && report_out != NULL)
        *report_out = self.report;
    for (size_t i = 0; i < self.n_rows; i++)
        free(self.rows[i].text);
    free(self.rows);
    free(bytes);
    return status;
}
