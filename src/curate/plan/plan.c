/* The plan of a project: a file of it put into the database, and written out again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cir/curate.h"
#include "curate/plan/plan_file.h"
#include "curate/plan/seed_photo.h"
#include "curate/store/curation.h"
#include "curate/store/sql.h"
#include "eval/data/csv_field.h"

#define MAX_PLAN_BYTES ((size_t)256 << 20)
enum { FEWEST_PHOTOS = 2 };

/* Ids of what the plan names, as JSON arrays for SQL. */
typedef struct named {
    FILE *file;
    char *text;
    size_t size;
} named;

typedef struct planning {
    cir_curation *curation;
    const char *path;
    const cir_plan_options *options;
    cir__seed_photo **photos; /* [n_instances] arrays [n_seeds], filled for photos */
    named instances, changes, seeds;
    cir_plan_report report;
    cir_error *err;
} planning;

static bool named_open(named *self)
{
    self->file = open_memstream(&self->text, &self->size);
    return self->file != NULL && fputs("[0", self->file) >= 0;
}

static void named_add(named *self, int64_t id)
{
    (void)fprintf(self->file, ",%" PRId64, id);
}

static bool named_close(named *self)
{
    if (self->file == NULL)
        return false;
    (void)fputs("]", self->file);
    const bool is_whole = fclose(self->file) == 0;
    self->file = NULL;
    return is_whole;
}

static bool is_photo(cir__seed_role role)
{
    return role == CIR__SEED_IMAGE || role == CIR__SEED_COMPOSED_IMAGE;
}

static void tell(const planning *self, const char *line)
{
    if (self->options->tell != NULL)
        self->options->tell(self->options->context, line);
}

/* "2–5 of each": fewer find less. */
static void say_few(const planning *self, const cir__plan_instance *instance, const char *change, size_t n)
{
    char line[512];
    if (n >= FEWEST_PHOTOS)
        return;
    (void)snprintf(line, sizeof line, "%s: %s%s%s%s has %zu seed photo%s of that; 2 to 5 find more",
                   self->path, instance->key, change != NULL ? " \"" : "", change != NULL ? change : "",
                   change != NULL ? "\"" : "", n, n == 1 ? "" : "s");
    tell(self, line);
}

static void say_few_of_all(const planning *self, const cir__plan_instance *instance)
{
    for (size_t c = 0; c <= instance->n_changes; c++) {
        const char *change = c > 0 ? instance->changes[c - 1].text : NULL;
        size_t n = 0;
        for (size_t i = 0; i < instance->n_seeds; i++) {
            const cir__plan_seed *seed = &instance->seeds[i];
            n += is_photo(seed->role) &&
                 (change == NULL ? seed->change == NULL
                                 : seed->change != NULL && strcmp(seed->change, change) == 0);
        }
        say_few(self, instance, change, n);
    }
}

static void say_commas(const planning *self, const cir__plan_instance *instance)
{
    char line[512];
    for (size_t c = 0; c < instance->n_changes; c++)
        if (strpbrk(instance->changes[c].text, ",\"") != NULL) {
            (void)snprintf(
                line, sizeof line,
                "%s:%zu: \"%s\": i-CIR's own loader splits lines at commas, whatever the quotes; word it "
                "without, if others are to read the set with that",
                self->path, instance->changes[c].line, instance->changes[c].text);
            tell(self, line);
        }
}

/* Reads all photos before anything is written. */
static cir_status take_photos(planning *self, const cir__plan *plan)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; i < plan->n_instances && status == CIR_OK; i++) {
        const cir__plan_instance *instance = &plan->instances[i];
        self->photos[i] = cir__new(instance->n_seeds, sizeof **self->photos);
        if (self->photos[i] == NULL)
            return cir__fail_memory(self->err, self->path);
        for (size_t s = 0; s < instance->n_seeds && status == CIR_OK; s++) {
            if (!is_photo(instance->seeds[s].role))
                continue;
            cir_error why;
            status = cir__seed_photo_take(self->curation, self->path, instance->seeds[s].text, self->options,
                                          &self->photos[i][s], &why);
            if (status != CIR_OK)
                cir__fail(self->err, status, "%s:%zu: %s", self->path, instance->seeds[s].line, why.message);
        }
        say_few_of_all(self, instance);
        say_commas(self, instance);
    }
    return status;
}

static cir_status put_changes(planning *self, const cir__plan_instance *instance, int64_t id)
{
    cir__store *store = self->curation->store;
    cir_status status = CIR_OK;
    for (size_t c = 0; c < instance->n_changes && status == CIR_OK; c++) {
        const cir__plan_change *change = &instance->changes[c];
        int64_t change_id;
        status = cir__sql_run(store, self->err,
                              "INSERT INTO change(instance, text, kind, position) VALUES(?1, ?2, ?3, ?4) "
                              "ON CONFLICT(instance, text) DO UPDATE SET kind = ?3, position = ?4",
                              "itti", id, change->text, change->kind, (int64_t)c);
        if (status == CIR_OK)
            status = cir__sql_get(store, 0, &change_id, self->err,
                                  "SELECT id FROM change WHERE instance = ?1 AND text = ?2", "it", id,
                                  change->text);
        if (status == CIR_OK)
            named_add(&self->changes, change_id);
    }
    return status;
}

static cir_status put_seed(planning *self, const cir__plan_seed *seed, const cir__seed_photo *photo,
                           int64_t instance)
{
    cir__store *store = self->curation->store;
    const bool has_photo = is_photo(seed->role);
    const char *text = has_photo ? photo->name : seed->text;
    int64_t change = 0;
    int64_t id = 0;
    cir_status status = CIR_OK;
    if (seed->change != NULL)
        status = cir__sql_get(store, 0, &change, self->err,
                              "SELECT id FROM change WHERE instance = ?1 AND text = ?2", "it", instance,
                              seed->change);
    const void *hash = has_photo ? photo->hash : NULL;
    if (status == CIR_OK)
        status = cir__sql_get(
            store, 0, &id, self->err,
            "SELECT id FROM seed WHERE instance = ?1 AND change = ?2 AND role = ?3 AND hash IS ?5 "
            "AND (hash IS NOT NULL OR text = ?4)",
            "iittb", instance, change, cir__seed_role_name(seed->role), text, hash, sizeof photo->hash);
    if (status == CIR_OK && id == 0) {
        status = cir__sql_run(
            store, self->err,
            "INSERT INTO seed(instance, change, role, text, hash, sha256, looks) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            "iittbbb", instance, change, cir__seed_role_name(seed->role), text, hash, sizeof photo->hash,
            has_photo ? (const void *)photo->sha256 : NULL, sizeof photo->sha256,
            has_photo ? (const void *)&photo->looks : NULL, sizeof photo->looks);
        id = sqlite3_last_insert_rowid(store->db);
        self->report.n_new++;
    }
    if (status == CIR_OK && has_photo) /* its place may be another one now */
        status =
            cir__sql_run(store, self->err,
                         "UPDATE seed SET text = ?2, index_id = CASE WHEN ?3 >= 0 THEN ?3 END WHERE id = ?1",
                         "iti", id, text, photo->index_id);
    if (status == CIR_OK)
        named_add(&self->seeds, id);
    return status;
}

static cir_status put_instance(planning *self, const cir__plan_instance *instance,
                               const cir__seed_photo *photos)
{
    cir__store *store = self->curation->store;
    int64_t id = 0;
    cir_status status =
        cir__sql_run(store, self->err,
                     "INSERT INTO instance(key, name, category, kind) VALUES(?1, ?2, ?3, ?4) "
                     "ON CONFLICT(key) DO UPDATE SET name = ?2, category = ?3, kind = ?4",
                     "tttt", instance->key, instance->name, instance->category, instance->kind);
    if (status == CIR_OK)
        status = cir__sql_get(store, 0, &id, self->err, "SELECT id FROM instance WHERE key = ?1", "t",
                              instance->key);
    if (status == CIR_OK) {
        named_add(&self->instances, id);
        status = put_changes(self, instance, id);
    }
    for (size_t s = 0; s < instance->n_seeds && status == CIR_OK; s++)
        status = put_seed(self, &instance->seeds[s], &photos[s], id);
    self->report.n_instances++;
    self->report.n_changes += instance->n_changes;
    self->report.n_seeds += instance->n_seeds;
    return status;
}

/* What people judged stays: a plan without it is refused. */
static cir_status check_judged(planning *self, const char *sql, const char *noun, const named *ids)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    cir_status status = cir__sql_prepare(self->curation->store, &statement, self->err, sql, "t", ids->text);
    if (status == CIR_OK)
        status = cir__store_step(self->curation->store, statement, &has_row, self->err);
    if (status == CIR_OK && has_row)
        status = cir__fail(self->err, CIR_ARGUMENT,
                           "%s: lacks the %s \"%s\", of which %lld pictures were judged; take it up again",
                           self->path, noun, cir__sql_text(statement, 0),
                           (long long)sqlite3_column_int64(statement, 1));
    (void)sqlite3_finalize(statement);
    return status;
}

static cir_status remove_others(planning *self)
{
    cir__store *store = self->curation->store;
    if (!named_close(&self->instances) || !named_close(&self->changes) || !named_close(&self->seeds))
        return cir__fail_memory(self->err, self->path);
    cir_status status = check_judged(
        self,
        "SELECT i.key, count(DISTINCT j.picture) FROM instance i JOIN judgement j ON j.instance = i.id "
        "WHERE i.id NOT IN (SELECT value FROM json_each(?1)) GROUP BY i.id",
        "instance", &self->instances);
    if (status == CIR_OK)
        status = check_judged(
            self,
            "SELECT c.text, count(DISTINCT j.picture) FROM change c JOIN judgement j ON j.change = c.id "
            "WHERE c.id NOT IN (SELECT value FROM json_each(?1)) GROUP BY c.id",
            "change", &self->changes);
    int64_t n = 0;
    if (status == CIR_OK)
        status = cir__sql_get(store, 0, &n, self->err,
                              "SELECT count(*) FROM seed WHERE id NOT IN (SELECT value FROM json_each(?1))",
                              "t", self->seeds.text);
    static const char *const removals[] = {
        "DELETE FROM found WHERE seed NOT IN (SELECT value FROM json_each(?3))",
        "DELETE FROM depth WHERE seed NOT IN (SELECT value FROM json_each(?3))",
        "DELETE FROM seed WHERE id NOT IN (SELECT value FROM json_each(?3))",
        "DELETE FROM change WHERE id NOT IN (SELECT value FROM json_each(?2))",
        "DELETE FROM pool WHERE instance NOT IN (SELECT value FROM json_each(?1))",
        "DELETE FROM instance WHERE id NOT IN (SELECT value FROM json_each(?1))",
    };
    for (size_t i = 0; i < sizeof removals / sizeof *removals && status == CIR_OK; i++)
        status = cir__sql_run(store, self->err, removals[i], "ttt", self->instances.text, self->changes.text,
                              self->seeds.text);
    self->report.n_removed = (size_t)n;
    return status;
}

static cir_status put_plan(planning *self, const cir__plan *plan)
{
    cir_status status = cir__curation_begin(self->curation, true, self->err);
    if (status != CIR_OK)
        return status;
    for (size_t i = 0; i < plan->n_instances && status == CIR_OK; i++)
        status = put_instance(self, &plan->instances[i], self->photos[i]);
    if (status == CIR_OK)
        status = remove_others(self);
    return cir__curation_end(self->curation, status, self->err);
}

cir_status cir_curation_read_plan(cir_curation *curation, const char *path, const cir_plan_options *options,
                                  cir_plan_report *report_out, cir_error *err)
{
    static const cir_plan_options none = {0};
    cir__error_clear(err);
    cir__plan plan = {0};
    uint8_t *bytes = NULL;
    size_t size;
    planning self = {
        .curation = curation, .path = path, .options = options != NULL ? options : &none, .err = err};
    if (report_out != NULL)
        *report_out = (cir_plan_report){0};
    cir_status status =
        curation->lock_fd >= 0 ? CIR_OK : cir__fail(err, CIR_PERMISSION, "%s: is open for reading", path);
    if (status == CIR_OK)
        status = cir__file_read(path, MAX_PLAN_BYTES, &bytes, &size, err);
    if (status == CIR_OK)
        status = cir__plan_parse((cir__bytes_view){bytes, size, path}, &plan, err);
    if (status == CIR_OK) {
        self.photos = cir__new(plan.n_instances, sizeof *self.photos);
        if (self.photos == NULL || !named_open(&self.instances) || !named_open(&self.changes) ||
            !named_open(&self.seeds))
            status = cir__fail_memory(err, path);
    }
    if (status == CIR_OK)
        status = take_photos(&self, &plan);
    if (status == CIR_OK)
        status = put_plan(&self, &plan);
    if (status == CIR_OK && report_out != NULL)
        *report_out = self.report;
    named *const all[] = {&self.instances, &self.changes, &self.seeds};
    for (size_t i = 0; i < 3; i++) {
        (void)named_close(all[i]);
        free(all[i]->text);
    }
    for (size_t i = 0; self.photos != NULL && i < plan.n_instances; i++)
        free(self.photos[i]);
    free(self.photos);
    cir__plan_done(&plan);
    free(bytes);
    return status;
}

static void put_row(FILE *file, const char *key, const char *role, const char *change, const char *value)
{
    const char *const fields[] = {key, role, change, value};
    for (size_t i = 0; i < 4; i++) {
        if (i > 0)
            (void)fputc(',', file);
        cir__csv_field_put(file, fields[i]);
    }
    (void)fputc('\n', file);
}

/* One statement answers all rows in the order of the file. */
static const char format_sql[] =
    "SELECT i.key, r.role, r.change, r.value FROM instance i JOIN ("
    "SELECT id AS instance, 0 AS part, 0 AS position, 0 AS id, 'name' AS role, '' AS change, name AS value FROM instance "
    "UNION ALL SELECT id, 1, 0, 0, 'category', '', category FROM instance WHERE category <> '' "
    "UNION ALL SELECT id, 2, 0, 0, 'kind', '', kind FROM instance WHERE kind <> '' "
    "UNION ALL SELECT s.instance, CASE s.change WHEN 0 THEN 3 ELSE 4 END, coalesce(c.position, 0), s.id, s.role, "
    "coalesce(c.text, ''), CASE WHEN s.index_id IS NULL THEN s.text ELSE CAST(s.index_id AS TEXT) END "
    "FROM seed s LEFT JOIN change c ON c.id = s.change WHERE s.role NOT IN ('name', 'category', 'joined') "
    "UNION ALL SELECT instance, 4, position, -1, 'change', text, kind FROM change) r ON r.instance = i.id "
    "ORDER BY i.id, r.part, r.position, r.id";

cir_status cir_curation_format_plan(cir_curation *curation, char **csv_out, size_t *size_out, cir_error *err)
{
    cir__error_clear(err);
    *csv_out = NULL;
    *size_out = 0;
    char *text = NULL;
    sqlite3_stmt *statement = NULL;
    FILE *file = open_memstream(&text, size_out);
    if (file == NULL)
        return cir__fail_memory(err, curation->path);
    put_row(file, "instance", "role", "change", "value");
    cir_status status = cir__curation_begin(curation, false, err);
    if (status == CIR_OK) {
        bool has_row = false;
        status = cir__sql_prepare(curation->store, &statement, err, format_sql, "");
        while (status == CIR_OK &&
               (status = cir__store_step(curation->store, statement, &has_row, err)) == CIR_OK && has_row)
            put_row(file, cir__sql_text(statement, 0), cir__sql_text(statement, 1),
                    cir__sql_text(statement, 2), cir__sql_text(statement, 3));
        (void)sqlite3_finalize(statement);
        status = cir__curation_end(curation, status, err);
    }
    if (fclose(file) != 0 && status == CIR_OK)
        status = cir__fail_memory(err, curation->path);
    if (status != CIR_OK) {
        free(text);
        *size_out = 0;
        return status;
    }
    *csv_out = text;
    return CIR_OK;
}
