#include "curate/plan/plan_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "curate/plan/wording.h"
#include "format/csv.h"

enum { MAX_TEXT = 1000, MAX_KEY = 64 };

static const char *const role_names[CIR__SEED_N_ROLES] = {
    "image", "name", "category", "rephrased", "composed-image", "composed-text", "joined",
};

const char *cir__seed_role_name(cir__seed_role role)
{
    return role < CIR__SEED_N_ROLES ? role_names[role] : "unknown";
}

cir__seed_role cir__seed_role_parse(const char *name)
{
    int role = 0;
    while (role < CIR__SEED_N_ROLES && strcmp(name, role_names[role]) != 0)
        role++;
    return (cir__seed_role)role;
}

/* What reading a row needs. */
typedef struct reading {
    const char *file;
    size_t line;
    cir__plan *plan;
    cir_error *err;
} reading;

/* A key names files and folders of what is exported. */
static bool is_key(const char *text)
{
    const size_t size = strlen(text);
    return size > 0 && size <= MAX_KEY && text[0] != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == size;
}

static cir_status get_instance(reading *self, const char *key, cir__plan_instance **instance_out)
{
    cir__plan *plan = self->plan;
    for (size_t i = plan->n_instances; i-- > 0;)
        if (strcmp(plan->instances[i].key, key) == 0) {
            *instance_out = &plan->instances[i];
            return CIR_OK;
        }
    if (!is_key(key))
        return cir__fail(
            self->err, CIR_FORMAT,
            "%s:%zu: \"%s\" is no key for an instance: 1 to %d letters, digits, _, - and ., as it names "
            "files; its name goes into a row of the role name",
            self->file, self->line, key, MAX_KEY);
    if (!cir__grow((void **)&plan->instances, &plan->capacity, plan->n_instances + 1,
                   sizeof *plan->instances))
        return cir__fail_memory(self->err, self->file);
    cir__plan_instance *instance = &plan->instances[plan->n_instances++];
    *instance = (cir__plan_instance){.line = self->line, .key = cir__copy_text(key)};
    *instance_out = instance;
    return instance->key != NULL ? CIR_OK : cir__fail_memory(self->err, self->file);
}

/* One of the three texts that an instance has once. */
static cir_status set_once(reading *self, const cir__plan_instance *instance, char **text, const char *role,
                           const char *value)
{
    if (*text != NULL)
        return cir__fail(
            self->err, CIR_FORMAT,
            "%s:%zu: instance \"%s\" has a %s already (\"%s\"): two instances under one key? give each its "
            "own",
            self->file, self->line, instance->key, role, *text);
    *text = cir__copy_text(value);
    return *text != NULL ? CIR_OK : cir__fail_memory(self->err, self->file);
}

static cir_status add_change(reading *self, cir__plan_instance *instance, const char *text, const char *value)
{
    for (size_t i = 0; i < instance->n_changes; i++)
        if (strcmp(instance->changes[i].text, text) == 0)
            return cir__fail(self->err, CIR_FORMAT,
                             "%s:%zu: change \"%s\" of \"%s\" stands in line %zu already", self->file,
                             self->line, text, instance->key, instance->changes[i].line);
    if (!cir__grow((void **)&instance->changes, &instance->changes_capacity, instance->n_changes + 1,
                   sizeof *instance->changes))
        return cir__fail_memory(self->err, self->file);
    cir__plan_change *change = &instance->changes[instance->n_changes++];
    *change = (cir__plan_change){cir__copy_text(text), cir__copy_text(value), self->line};
    return change->text != NULL && change->kind != NULL ? CIR_OK : cir__fail_memory(self->err, self->file);
}

static cir_status add_seed(reading *self, cir__plan_instance *instance, cir__seed_role role, char *change,
                           const char *text)
{
    for (size_t i = 0; i < instance->n_seeds; i++) {
        const cir__plan_seed *other = &instance->seeds[i];
        const bool same_change = change == NULL || other->change == NULL ? change == other->change
                                                                         : strcmp(change, other->change) == 0;
        if (other->role == role && same_change && strcmp(other->text, text) == 0) {
            free(change);
            return cir__fail(self->err, CIR_FORMAT, "%s:%zu: the same row stands in line %zu already",
                             self->file, self->line, other->line);
        }
    }
    if (!cir__grow((void **)&instance->seeds, &instance->seeds_capacity, instance->n_seeds + 1,
                   sizeof *instance->seeds)) {
        free(change);
        return cir__fail_memory(self->err, self->file);
    }
    cir__plan_seed *seed = &instance->seeds[instance->n_seeds++];
    *seed = (cir__plan_seed){role, change, cir__copy_text(text), self->line};
    return seed->text != NULL ? CIR_OK : cir__fail_memory(self->err, self->file);
}

static cir_status add_row(reading *self, const char *key, const char *role, const char *change,
                          const char *value)
{
    static const char roles[] =
        "name, category, kind, image, change, rephrased, composed-image and composed-text";
    cir__plan_instance *instance = NULL;
    const char *const texts[] = {key, role, change, value};
    for (size_t i = 0; i < 4; i++)
        if (strlen(texts[i]) > MAX_TEXT || !cir__wording_is_plain(texts[i]))
            return cir__fail(
                self->err, CIR_FORMAT,
                "%s:%zu: field %zu is no plain text of UTF-8 up to %d bytes; save the file as UTF-8",
                self->file, self->line, i + 1, MAX_TEXT);
    const bool needs_change =
        strcmp(role, "change") == 0 || strcmp(role, "rephrased") == 0 || strncmp(role, "composed-", 9) == 0;
    cir_status status = get_instance(self, key, &instance);
    if (status != CIR_OK)
        return status;
    const cir__seed_role seed = cir__seed_role_parse(role);
    const bool is_known = strcmp(role, "change") == 0 || strcmp(role, "kind") == 0 ||
                          (seed != CIR__SEED_N_ROLES && seed != CIR__SEED_JOINED);
    if (!is_known)
        return cir__fail(self->err, CIR_FORMAT, "%s:%zu: \"%s\" is no role; there are %s", self->file,
                         self->line, role, roles);
    if (needs_change != (change[0] != '\0'))
        return cir__fail(self->err, CIR_FORMAT, "%s:%zu: a row of the role %s %s a change in its third field",
                         self->file, self->line, role, needs_change ? "needs" : "has not");
    if (value[0] == '\0' && strcmp(role, "change") != 0)
        return cir__fail(self->err, CIR_FORMAT, "%s:%zu: its value is empty", self->file, self->line);
    if (strcmp(role, "name") == 0)
        return set_once(self, instance, &instance->name, role, value);
    if (strcmp(role, "category") == 0)
        return set_once(self, instance, &instance->category, role, value);
    if (strcmp(role, "kind") == 0)
        return set_once(self, instance, &instance->kind, role, value);
    if (strcmp(role, "change") == 0)
        return add_change(self, instance, change, value);
    char *copy = needs_change ? cir__copy_text(change) : NULL;
    if (needs_change && copy == NULL)
        return cir__fail_memory(self->err, self->file);
    return add_seed(self, instance, seed, copy, value);
}

/* A sentence that is or says the text finds what the text finds: the answers would be those of the text alone. */
static cir_status check_seed(reading *self, const cir__plan_instance *instance, const cir__plan_seed *seed,
                             const char *folded)
{
    cir_status status = CIR_OK;
    bool has_change = seed->change == NULL;
    for (size_t i = 0; i < instance->n_changes && status == CIR_OK; i++) {
        const cir__plan_change *change = &instance->changes[i];
        has_change = has_change || strcmp(change->text, seed->change) == 0;
        if (seed->role == CIR__SEED_IMAGE || seed->role == CIR__SEED_COMPOSED_IMAGE)
            continue;
        char *text = cir__wording_fold(change->text);
        if (text == NULL)
            status = cir__fail_memory(self->err, self->file);
        else if (cir__wording_is_same(folded, text))
            status =
                cir__fail(self->err, CIR_ARGUMENT,
                          "%s:%zu: the %s seed \"%s\" is the text \"%s\" itself; word it otherwise",
                          self->file, seed->line, cir__seed_role_name(seed->role), seed->text, change->text);
        else if (seed->role == CIR__SEED_REPHRASED && cir__wording_contains(folded, text))
            status = cir__fail(self->err, CIR_ARGUMENT,
                               "%s:%zu: the rephrased seed \"%s\" says the text \"%s\"; word it otherwise",
                               self->file, seed->line, seed->text, change->text);
        free(text);
    }
    if (status == CIR_OK && !has_change)
        status = cir__fail(self->err, CIR_FORMAT,
                           "%s:%zu: \"%s\" has no change \"%s\"; add a row: %s,change,%s,CATEGORY",
                           self->file, seed->line, instance->key, seed->change, instance->key, seed->change);
    return status;
}

static cir_status check_instance(reading *self, cir__plan_instance *instance)
{
    if (instance->name == NULL)
        return cir__fail(self->err, CIR_FORMAT,
                         "%s:%zu: instance \"%s\" has no name; add a row: %s,name,,NAME", self->file,
                         instance->line, instance->key, instance->key);
    if (instance->n_changes == 0)
        return cir__fail(self->err, CIR_FORMAT,
                         "%s:%zu: instance \"%s\" has no change; add a row: %s,change,TEXT,CATEGORY",
                         self->file, instance->line, instance->key, instance->key);
    if (instance->category == NULL)
        instance->category = cir__copy_text("");
    if (instance->kind == NULL)
        instance->kind = cir__copy_text("");
    if (instance->category == NULL || instance->kind == NULL)
        return cir__fail_memory(self->err, self->file);
    const cir__plan_seed own[] = {{CIR__SEED_NAME, NULL, instance->name, instance->line},
                                  {CIR__SEED_CATEGORY, NULL, instance->category, instance->line}};
    cir_status status = CIR_OK;
    for (size_t i = 0; i < instance->n_seeds + 2 && status == CIR_OK; i++) {
        const cir__plan_seed *seed = i < 2 ? &own[i] : &instance->seeds[i - 2];
        if (seed->text[0] == '\0')
            continue;
        char *folded = cir__wording_fold(seed->text);
        status = folded != NULL ? check_seed(self, instance, seed, folded)
                                : cir__fail_memory(self->err, self->file);
        free(folded);
    }
    return status;
}

/* The instance's name and category as seeds, and both joined with each change that has no composed sentence of its own.
 */
static cir_status add_own_seeds(reading *self, cir__plan_instance *instance)
{
    self->line = 0;
    const char *const names[] = {instance->name, instance->category};
    const size_t n_given = instance->n_seeds;
    cir_status status = CIR_OK;
    for (int i = 0; i < 2 && status == CIR_OK; i++) {
        if (names[i][0] == '\0' || (i == 1 && strcmp(names[0], names[1]) == 0))
            continue;
        status = add_seed(self, instance, i == 0 ? CIR__SEED_NAME : CIR__SEED_CATEGORY, NULL, names[i]);
        for (size_t c = 0; c < instance->n_changes && status == CIR_OK; c++) {
            bool is_given = false;
            for (size_t s = 0; s < n_given; s++)
                is_given = is_given || (instance->seeds[s].role == CIR__SEED_COMPOSED_TEXT &&
                                        strcmp(instance->seeds[s].change, instance->changes[c].text) == 0);
            char joined[2 * MAX_TEXT + 2];
            if (is_given)
                continue;
            const size_t n_name = strlen(names[i]);
            memcpy(joined, names[i], n_name);
            joined[n_name] = ' ';
            memcpy(joined + n_name + 1, instance->changes[c].text, strlen(instance->changes[c].text) + 1);
            char *change = cir__copy_text(instance->changes[c].text);
            status = change != NULL ? add_seed(self, instance, CIR__SEED_JOINED, change, joined)
                                    : cir__fail_memory(self->err, self->file);
        }
    }
    return status;
}

static cir_status check_header(reading *self, const cir__csv *csv, bool has_row)
{
    static const char *const names[] = {"instance", "role", "change", "value"};
    bool is_header = has_row && csv->n_fields == 4;
    for (size_t i = 0; is_header && i < 4; i++)
        is_header = strcmp(csv->fields[i].text, names[i]) == 0;
    return is_header
               ? CIR_OK
               : cir__fail(
                     self->err, CIR_FORMAT,
                     "%s: is no plan: its first line is not instance,role,change,value; cir curate plan "
                     "PROJECT prints one",
                     self->file);
}

cir_status cir__plan_parse(cir__bytes_view bytes, cir__plan *plan_out, cir_error *err)
{
    *plan_out = (cir__plan){0};
    reading self = {.file = bytes.name, .plan = plan_out, .err = err};
    cir__csv csv;
    bool has_row;
    cir__csv_init(&csv, bytes, ',');
    cir_status status = cir__csv_read_row(&csv, &has_row, err);
    if (status == CIR_OK)
        status = check_header(&self, &csv, has_row);
    while (status == CIR_OK && (status = cir__csv_read_row(&csv, &has_row, err)) == CIR_OK && has_row) {
        self.line = csv.line;
        status = csv.n_fields == 4
                     ? add_row(&self, csv.fields[0].text, csv.fields[1].text, csv.fields[2].text,
                               csv.fields[3].text)
                     : cir__fail(err, CIR_FORMAT, "%s:%zu: has %zu fields, not 4; quote what holds commas",
                                 bytes.name, csv.line, csv.n_fields);
    }
    cir__csv_done(&csv);
    for (size_t i = 0; i < plan_out->n_instances && status == CIR_OK; i++) {
        status = check_instance(&self, &plan_out->instances[i]);
        if (status == CIR_OK)
            status = add_own_seeds(&self, &plan_out->instances[i]);
    }
    if (status == CIR_OK && plan_out->n_instances == 0)
        status = cir__fail(err, CIR_FORMAT, "%s: names no instance", bytes.name);
    return status;
}

void cir__plan_done(cir__plan *plan)
{
    for (size_t i = 0; i < plan->n_instances; i++) {
        cir__plan_instance *instance = &plan->instances[i];
        for (size_t j = 0; j < instance->n_changes; j++) {
            free(instance->changes[j].text);
            free(instance->changes[j].kind);
        }
        for (size_t j = 0; j < instance->n_seeds; j++) {
            free(instance->seeds[j].change);
            free(instance->seeds[j].text);
        }
        free(instance->changes);
        free(instance->seeds);
        free(instance->key);
        free(instance->name);
        free(instance->category);
        free(instance->kind);
    }
    free(plan->instances);
    *plan = (cir__plan){0};
}
