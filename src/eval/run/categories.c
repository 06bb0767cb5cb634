/* Metrics by category: a table that puts instances or texts into categories. */
#include "eval/run/categories.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "eval/data/csv_field.h"
#include "eval/data/dataset.h"
#include "eval/metrics/metrics.h"
#include "format/csv.h"
#include "shared/destination.h"

#define NONE "(none)" /* the category of queries that the table leaves out */

struct cir_categories {
    cir_categories_info info;
    char *name;
    cir__intern names;
    const char **labels; /* [n] names, and "(none)" */
    size_t *n_queries, *n_instances;
    size_t *of_query; /* [queries] each one's category */
};

/* A table while it is read. */
typedef struct reading {
    const char *path;
    cir_categories *categories;
    cir__intern instances, texts; /* of the queries */
    size_t *category_of;          /* [instances.n or texts.n] + 1; 0: none yet */
    bool is_begun;
} reading;

static cir_status names_gather(const cir_dataset *dataset, reading *from, cir_error *err)
{
    cir_status status = CIR_OK;
    size_t number;
    for (size_t q = 0; q < dataset->info.n_queries && status == CIR_OK; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        status = cir__intern_put(&from->instances, query.instance, &number, err);
        if (status == CIR_OK)
            status = cir__intern_put(&from->texts, query.text, &number, err);
    }
    const size_t n = from->instances.n > from->texts.n ? from->instances.n : from->texts.n;
    from->category_of = cir__new(n, sizeof *from->category_of);
    return status == CIR_OK && from->category_of == NULL ? cir__fail_memory(err, from->path) : status;
}

/* Whether a row is "instance,category" or "text,category"; says which. */
static bool read_header(const cir__csv *csv, bool *are_of_texts_out)
{
    const char *const first = csv->fields[0].text;
    *are_of_texts_out = strcasecmp(first, "text") == 0;
    return strcasecmp(csv->fields[1].text, "category") == 0 &&
           (*are_of_texts_out || strcasecmp(first, "instance") == 0);
}

static cir_status row_read(reading *from, const cir__csv *csv, cir_error *err)
{
    cir_categories_info *const info = &from->categories->info;
    const char *const key = csv->n_fields > 0 ? csv->fields[0].text : "";
    size_t number, category;

    if (csv->n_fields != 2)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: line %zu has %zu fields, not the 2 of instance,category or text,category; put a "
            "name with commas in double quotes",
            from->path, csv->line, csv->n_fields);
    if (!from->is_begun) {
        from->is_begun = true;
        if (read_header(csv, &info->are_of_texts))
            return CIR_OK;
        info->are_of_texts =
            !cir__intern_find(&from->instances, key, &number) && cir__intern_find(&from->texts, key, &number);
    }
    if (!cir__intern_find(info->are_of_texts ? &from->texts : &from->instances, key, &number))
        return cir__fail(err, CIR_FORMAT,
                         "%s: line %zu: no query has the %s \"%.200s\"; correct the name, or remove the line",
                         from->path, csv->line, info->are_of_texts ? "text" : "instance", key);
    if (csv->fields[1].size_bytes == 0 || strcmp(csv->fields[1].text, NONE) == 0)
        return cir__fail(err, CIR_FORMAT,
                         "%s: line %zu: \"%.200s\" has no category; name one, or remove the line", from->path,
                         csv->line, key);
    const cir_status status = cir__intern_put(&from->categories->names, csv->fields[1].text, &category, err);
    if (status != CIR_OK)
        return status;
    size_t *const before = &from->category_of[number];
    if (*before != 0 && *before != category + 1)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: line %zu puts \"%.200s\" into \"%.100s\", an earlier line into \"%.100s\"; keep one",
            from->path, csv->line, key, csv->fields[1].text, from->categories->names.names[*before - 1]);
    *before = category + 1;
    return CIR_OK;
}

static cir_status table_read(reading *from, cir__bytes_view bytes, cir_error *err)
{
    cir__csv csv = {0};
    bool has_row = true;
    cir_status status;

    cir__csv_init(&csv, bytes, ',');
    while ((status = cir__csv_read_row(&csv, &has_row, err)) == CIR_OK && has_row)
        if ((status = row_read(from, &csv, err)) != CIR_OK)
            break;
    if (status == CIR_OK && from->categories->names.n == 0)
        status = cir__fail(err, CIR_FORMAT, "%s: holds no categories; write instance,category, one a line",
                           from->path);
    cir__csv_done(&csv);
    return status;
}

/* "visual" of "/data/visual.csv". */
static char *name_new(const char *path)
{
    const char *const slash = strrchr(path, '/');
    char *const name = cir__copy_text(slash != NULL ? slash + 1 : path);
    const size_t n = name != NULL ? strlen(name) : 0;
    if (n > 4 && strcasecmp(name + n - 4, ".csv") == 0)
        name[n - 4] = '\0';
    return name;
}

/* Each query's category, and how many a category has. */
static cir_status queries_sort(const cir_dataset *dataset, const reading *from, cir_error *err)
{
    cir_categories *const self = from->categories;
    const size_t n_queries = dataset->info.n_queries, n_named = self->names.n;
    size_t *const seen = cir__new(from->instances.n, (n_named + 1) * sizeof *seen); /* instance, category */
    size_t number = 0, instance = 0;

    self->of_query = cir__new(n_queries, sizeof *self->of_query);
    self->labels = cir__new(n_named + 1, sizeof *self->labels);
    self->n_queries = cir__new(n_named + 1, sizeof *self->n_queries);
    self->n_instances = cir__new(n_named + 1, sizeof *self->n_instances);
    self->name = name_new(from->path);
    if (seen == NULL || self->of_query == NULL || self->labels == NULL || self->n_queries == NULL ||
        self->n_instances == NULL || self->name == NULL) {
        free(seen);
        return cir__fail_memory(err, from->path);
    }
    for (size_t q = 0; q < n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        (void)cir__intern_find(&from->instances, query.instance, &instance);
        (void)cir__intern_find(&from->texts, query.text, &number);
        const size_t category = from->category_of[self->info.are_of_texts ? number : instance];
        self->of_query[q] = category != 0 ? category - 1 : n_named;
        self->n_queries[self->of_query[q]]++;
        self->n_instances[self->of_query[q]] += seen[instance * (n_named + 1) + self->of_query[q]]++ == 0;
    }
    free(seen);
    memcpy(self->labels, self->names.names, n_named * sizeof *self->labels);
    self->labels[n_named] = NONE;
    self->info.name = self->name;
    self->info.n = n_named + (self->n_queries[n_named] > 0);
    self->info.names = self->labels;
    self->info.n_queries = self->n_queries;
    self->info.n_instances = self->n_instances;
    return CIR_OK;
}

cir_status cir__categories_parse(cir__bytes_view bytes, const cir_dataset *dataset,
                                 cir_categories **categories_out, cir_error *err)
{
    reading from = {.path = bytes.name, .categories = cir__new(1, sizeof *from.categories)};
    cir_status status = CIR_OK;

    *categories_out = NULL;
    if (from.categories == NULL)
        return cir__fail_memory(err, bytes.name);
    if ((status = names_gather(dataset, &from, err)) == CIR_OK &&
        (status = table_read(&from, bytes, err)) == CIR_OK)
        status = queries_sort(dataset, &from, err);
    cir__intern_done(&from.instances);
    cir__intern_done(&from.texts);
    free(from.category_of);
    if (status == CIR_OK)
        *categories_out = from.categories;
    else
        cir_categories_close(from.categories);
    return status;
}

cir_status cir_categories_open(const char *path, const cir_dataset *dataset, cir_categories **categories_out,
                               cir_error *err)
{
    cir__mapping mapping = {0};

    cir__error_clear(err);
    *categories_out = NULL;
    cir_status status = cir__mapping_open(path, &mapping, err);
    if (status == CIR_OK)
        status = cir__categories_parse((cir__bytes_view){mapping.data, mapping.size, path}, dataset,
                                       categories_out, err);
    cir__mapping_close(&mapping);
    return status;
}

void cir_categories_close(cir_categories *categories)
{
    if (categories == NULL)
        return;
    cir__intern_done(&categories->names);
    free(categories->name);
    free(categories->labels);
    free(categories->n_queries);
    free(categories->n_instances);
    free(categories->of_query);
    free(categories);
}

const cir_categories_info *cir_categories_get_info(const cir_categories *categories)
{
    return &categories->info;
}

cir_status cir_categories_average(const cir_categories *categories, const cir_dataset *dataset,
                                  const cir_eval_result *result, double *mAP_out, double *mmAP_out,
                                  cir_error *err)
{
    double *const AP = cir__new(result->n_queries, sizeof *AP);
    size_t *const instances = cir__new(result->n_queries, sizeof *instances);
    size_t n_instances = 0;

    cir__error_clear(err);
    if (AP == NULL || instances == NULL) {
        free(AP);
        free(instances);
        return cir__fail_memory(err, "categories");
    }
    for (size_t q = 0; q < result->n_queries; q++) {
        const size_t number = cir_dataset_get_query(dataset, q).instance_number;
        n_instances = number >= n_instances ? number + 1 : n_instances;
    }
    for (size_t c = 0; c < categories->info.n; c++) {
        size_t n = 0;
        for (size_t q = 0; q < result->n_queries; q++)
            if (categories->of_query[q] == c) {
                AP[n] = result->AP[q];
                instances[n++] = cir_dataset_get_query(dataset, q).instance_number;
            }
        const cir__metrics_means means = cir__metrics_average(AP, instances, n, n_instances);
        mAP_out[c] = means.mAP;
        mmAP_out[c] = means.mmAP;
    }
    free(AP);
    free(instances);
    return CIR_OK;
}

static cir_status put_rows(FILE *file, const cir_categories *categories, const cir_dataset *dataset,
                           const cir_eval_result *result, cir_error *err)
{
    const cir_categories_info *const info = &categories->info;
    double *const metrics = cir__new(info->n, 2 * sizeof *metrics);

    if (metrics == NULL)
        return cir__fail_memory(err, "categories");
    const cir_status status =
        cir_categories_average(categories, dataset, result, metrics, metrics + info->n, err);
    for (size_t c = 0; c < info->n && status == CIR_OK; c++) {
        cir__csv_field_put(file, info->name);
        fputc(',', file);
        cir__csv_field_put(file, info->names[c]);
        fprintf(file, ",%zu,%zu,%.10g,%.10g\r\n", info->n_queries[c], info->n_instances[c], metrics[c],
                metrics[info->n + c]);
    }
    free(metrics);
    return status;
}

cir_status cir_categories_write_csv(const cir_categories *const *taxonomies, size_t n,
                                    const cir_dataset *dataset, const cir_eval_result *result,
                                    const char *folder, const char *name, cir_error *err)
{
    char *text = NULL, *file_name = NULL, *path = NULL;
    size_t size = 0;
    cir_status status = CIR_OK;

    cir__error_clear(err);
    if (*name == '\0' || strchr(name, '/') != NULL)
        return cir__fail(err, CIR_ARGUMENT, "\"%s\": is not a name of a file; give one without a slash",
                         name);
    if (asprintf(&file_name, "%s.categories.csv", name) < 0)
        file_name = NULL;
    path = file_name != NULL ? cir__path_join(folder, file_name) : NULL;
    FILE *file = path != NULL ? open_memstream(&text, &size) : NULL;
    if (file == NULL) {
        status = cir__fail_memory(err, "a table");
        goto exit;
    }
    fputs("taxonomy,category,n_queries,n_instances,mAP,mmAP\r\n", file);
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        status = put_rows(file, taxonomies[i], dataset, result, err);
    const bool is_whole = !ferror(file);
    if ((fclose(file) != 0 || !is_whole) && status == CIR_OK)
        status = cir__fail_memory(err, path);
    if (status == CIR_OK)
        status = cir__destination_write_bytes(path, "the table", text, size, err);
exit:
    free(text);
    free(path);
    free(file_name);
    return status;
}
