#include "eval/data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/csv.h"
#include "method/freedom.h"
#include "method/row.h"

cir_status cir__dataset_new(cir_dataset **dataset_out, cir_error *err)
{
    *dataset_out = cir__new(1, sizeof **dataset_out);
    if (*dataset_out != NULL && ((*dataset_out)->run_cache = cir__run_cache_new()) != NULL)
        return CIR_OK;
    free(*dataset_out);
    *dataset_out = NULL;
    return cir__fail_memory(err, "a data set");
}

void cir__dataset_close_shards(cir_dataset *dataset)
{
    if (dataset->shards != NULL)
        dataset->free_shards(dataset->shards);
    dataset->shards = NULL;
}

void cir_dataset_close(cir_dataset *dataset)
{
    if (dataset == NULL)
        return;
    cir__intern_done(&dataset->paths);
    cir__intern_done(&dataset->texts);
    cir__intern_done(&dataset->instances);
    cir__intern_done(&dataset->classes);
    cir__run_cache_free(dataset->run_cache);
    cir__triplets_free(dataset->triplets);
    cir__dataset_close_shards(dataset);
    cir__gallery_done(&dataset->images);
    cir__gallery_done(&dataset->composed);
    void *const owned[] = {dataset->name,
                           dataset->queries,
                           dataset->query_image,
                           dataset->query_text,
                           dataset->query_context,
                           dataset->items,
                           dataset->item_rows,
                           dataset->instance_begin,
                           dataset->objects,
                           dataset->styles,
                           dataset->image_mean,
                           dataset->synthetic_text,
                           dataset->synthetic_image,
                           dataset->query_composed,
                           dataset->image_rows,
                           dataset->text_rows,
                           dataset->image_domains};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
    for (size_t i = 0; i < CIR__MAX_REMARKS; i++)
        free(dataset->remarks[i]);
    free(dataset);
}

const cir_dataset_info *cir_dataset_get_info(const cir_dataset *dataset)
{
    return &dataset->info;
}

cir_query_view cir_dataset_get_query(const cir_dataset *dataset, size_t i_query)
{
    const cir__item *const query = &dataset->queries[i_query];
    const size_t *const begin = &dataset->instance_begin[query->instance];
    const bool has_classes = dataset->classes.n > 0;
    const bool is_excluded = dataset->triplets != NULL && dataset->triplets->set->excludes_reference;
    const size_t number = dataset->n_domains > 0 ? query->label / dataset->n_domains
                          : has_classes          ? query->label
                                                 : query->instance;
    return (cir_query_view){.path = dataset->paths.names[query->path],
                            .text = dataset->texts.names[query->text],
                            .instance =
                                (has_classes ? &dataset->classes : &dataset->instances)->names[number],
                            .text_number = query->text,
                            .instance_number = number,
                            .n_database = begin[1] - begin[0] - is_excluded};
}

static cir_rows rows_of(const cir_dataset *dataset, const cir__gallery *gallery, size_t instance)
{
    const size_t *const begin = &dataset->instance_begin[instance];
    return cir__rows_slice(&gallery->rows, begin[0], begin[1] - begin[0]);
}

cir_rows cir__dataset_get_rows(const cir_dataset *dataset, size_t instance)
{
    return rows_of(dataset, &dataset->images, instance);
}

cir_rows cir__dataset_get_composed_rows(const cir_dataset *dataset, size_t instance)
{
    return rows_of(dataset, dataset->composed.rows.n_rows > 0 ? &dataset->composed : &dataset->images,
                   instance);
}

cir_status cir__dataset_copy_images(cir_dataset *dataset, cir_error *err)
{
    const cir_rows *const rows = &dataset->images.rows;
    size_t n_floats;

    if (cir__size_mul(rows->n_rows, rows->dim, &n_floats))
        dataset->query_image = cir__new_unset(n_floats, sizeof *dataset->query_image);
    if (dataset->query_image == NULL)
        return cir__fail_memory(err, dataset->name);
    for (size_t r = 0; r < rows->n_rows; r++)
        cir__row_copy(rows, r, dataset->query_image + r * rows->dim);
    return CIR_OK;
}

cir_status cir_dataset_check(const cir_dataset *dataset, cir_method method, cir_error *err)
{
    const cir_method_info *const info = cir_method_get_info(method);

    cir__error_clear(err);
    if (info->needs_composed && dataset->query_composed == NULL)
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: query_composed.npy is missing, which method %s ranks by; put it into a folder "
                         "for cir eval --features",
                         dataset->name, info->name);
    if (info->words_need_photo && dataset->model == NULL)
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: its features come without a model, which method %s encodes words with; "
                         "evaluate it on a data set of pictures with a model",
                         dataset->name, info->name);
    return CIR_OK;
}

const float *cir__dataset_get_image(const cir_dataset *dataset, size_t query)
{
    return dataset->query_image +
           (dataset->image_rows != NULL ? dataset->image_rows[query] : query) * dataset->info.dim;
}

const float *cir__dataset_get_text(const cir_dataset *dataset, const float *text, size_t query)
{
    return text + (dataset->text_rows != NULL ? dataset->text_rows[query] : query) * dataset->info.dim;
}

size_t cir__dataset_find_relevant(const cir_dataset *dataset, size_t i_query, size_t *rows_out)
{
    const cir__item *const query = &dataset->queries[i_query];
    const size_t begin = dataset->instance_begin[query->instance],
                 end = dataset->instance_begin[query->instance + 1];
    size_t n = 0;

    if (dataset->triplets != NULL) {
        const cir__row_lists *const lists = &dataset->triplets->relevant;
        n = lists->begin[i_query + 1] - lists->begin[i_query];
        for (size_t i = 0; i < n; i++)
            rows_out[i] = lists->rows[lists->begin[i_query] + i];
        return n;
    }
    for (size_t item = begin; item < end; item++)
        if (dataset->items[item].label == query->label)
            rows_out[n++] = item - begin;
    return n;
}

bool cir__dataset_is_relevant(const cir_dataset *dataset, size_t i_query, size_t item)
{
    const cir__item *const query = &dataset->queries[i_query];

    if (dataset->triplets == NULL)
        return dataset->items[item].label == query->label;
    const cir__row_lists *const lists = &dataset->triplets->relevant;
    for (size_t i = lists->begin[i_query]; i < lists->begin[i_query + 1]; i++)
        if (lists->rows[i] == item - dataset->instance_begin[query->instance])
            return true;
    return false;
}

cir_status cir__item_list_push(cir_dataset *dataset, cir__item_list *list, const char *path, const char *text,
                               const char *instance, cir_error *err)
{
    cir__item item;
    cir_status status;
    void *items = list->items;
    const bool has_room = cir__grow(&items, &list->capacity, list->n + 1, sizeof *list->items);

    list->items = items;
    if (!has_room)
        return cir__fail_memory(err, "a list");
    if ((status = (dataset->has_equal_paths ? cir__intern_add : cir__intern_put)(
             &dataset->paths, path, &item.path, err)) != CIR_OK ||
        (status = cir__intern_put(&dataset->texts, text, &item.text, err)) != CIR_OK ||
        (status = cir__intern_put(&dataset->instances, instance, &item.instance, err)) != CIR_OK)
        return status;
    item.label = item.text;
    list->items[list->n++] = item;
    return CIR_OK;
}

/* Whether a list's first row names its columns: the lists have none such. */
static bool is_header(const cir__csv *csv)
{
    static const char *const names[] = {"path", "image_path", "img_path", "image",
                                        "file", "filename",   "file_name"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(csv->fields[0].text, names[i]) == 0)
            return true;
    return false;
}

static cir_status row_push(cir_dataset *dataset, const cir__csv *csv, const char *path, cir__item_list *list,
                           cir_error *err)
{
    if (csv->n_fields != 3)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: line %zu has %zu fields, not the 3 of path,text,instance; put a text with commas in "
            "double quotes",
            path, csv->line, csv->n_fields);
    if (list->n == 0 && is_header(csv))
        return cir__fail(err, CIR_FORMAT, "%s: line %zu is a header, but every line is a row; leave it out",
                         path, csv->line);
    if (csv->fields[0].size_bytes == 0 || csv->fields[2].size_bytes == 0)
        return cir__fail(err, CIR_FORMAT, "%s: line %zu has no %s; write path,text,instance", path, csv->line,
                         csv->fields[0].size_bytes == 0 ? "path" : "instance");
    return cir__item_list_push(dataset, list, csv->fields[0].text, csv->fields[1].text, csv->fields[2].text,
                               err);
}

/* list_out->items is to be freed whatever comes back. */
static cir_status list_read(cir_dataset *dataset, const char *path, cir__item_list *list_out, cir_error *err)
{
    cir__mapping mapping = {0};
    cir__csv csv = {0};
    bool has_row = true;

    memset(list_out, 0, sizeof *list_out);
    cir_status status = cir__mapping_open(path, &mapping, err);
    if (status != CIR_OK)
        return status;
    cir__csv_init(&csv, (cir__bytes_view){mapping.data, mapping.size, path}, ',');
    while ((status = cir__csv_read_row(&csv, &has_row, err)) == CIR_OK && has_row)
        if ((status = row_push(dataset, &csv, path, list_out, err)) != CIR_OK)
            break;
    if (status == CIR_OK && list_out->n == 0)
        status =
            cir__fail(err, CIR_FORMAT, "%s: holds no rows; write path,text,instance, one row a line", path);
    cir__csv_done(&csv);
    cir__mapping_close(&mapping);
    return status;
}

/* Sorts the database by instance, keeping the file's order within one: counting sort. */
static cir_status group(cir_dataset *dataset, const cir__item_list *database, cir_error *err)
{
    const size_t n_instances = dataset->instances.n;
    size_t *next = cir__new(n_instances, sizeof *next);

    dataset->items = cir__new(database->n, sizeof *dataset->items);
    dataset->item_rows = cir__new(database->n, sizeof *dataset->item_rows);
    dataset->instance_begin = cir__new(n_instances + 1, sizeof *dataset->instance_begin);
    if (next == NULL || dataset->items == NULL || dataset->item_rows == NULL ||
        dataset->instance_begin == NULL) {
        free(next);
        return cir__fail_memory(err, "a data set");
    }
    for (size_t r = 0; r < database->n; r++)
        dataset->instance_begin[database->items[r].instance + 1]++;
    for (size_t i = 0; i < n_instances; i++) {
        dataset->instance_begin[i + 1] += dataset->instance_begin[i];
        next[i] = dataset->instance_begin[i];
    }
    for (size_t r = 0; r < database->n; r++) {
        const size_t place = next[database->items[r].instance]++;
        dataset->items[place] = database->items[r];
        dataset->item_rows[place] = r;
    }
    free(next);
    return CIR_OK;
}

cir_status cir__dataset_set_name(cir_dataset *dataset, const char *folder, cir_error *err)
{
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && folder[begin - 1] != '/')
        begin--;
    dataset->info.name = dataset->name = cir__new(end - begin + 1, 1);
    if (dataset->name == NULL)
        return cir__fail_memory(err, "a data set");
    memcpy(dataset->name, folder + begin, end - begin);
    return CIR_OK;
}

static cir_status list_read_in(cir_dataset *dataset, const char *folder, const char *file,
                               cir__item_list *list, cir_error *err)
{
    char *path = cir__path_join(folder, file);
    cir_status status = path != NULL ? list_read(dataset, path, list, err) : cir__fail_memory(err, file);
    free(path);
    return status;
}

void cir__dataset_take_queries(cir_dataset *dataset, cir__item_list *queries)
{
    dataset->queries = queries->items;
    dataset->n_query_texts = dataset->texts.n;
    dataset->info.n_queries = dataset->n_image_rows = dataset->n_text_rows = queries->n;
    dataset->info.n_instances = dataset->instances.n; /* those that are asked for; they come first */
    *queries = (cir__item_list){0};
}

cir_status cir__dataset_take_database(cir_dataset *dataset, const cir__item_list *database, cir_error *err)
{
    dataset->info.n_database = database->n;
    return group(dataset, database, err);
}

cir_status cir__dataset_read_lists(cir_dataset *dataset, const char *folder, const char *queries_file,
                                   const char *database_file, cir_error *err)
{
    cir__item_list queries = {0}, database = {0};

    dataset->query_list = dataset->text_list = queries_file;
    dataset->database_list = database_file;
    cir_status status = list_read_in(dataset, folder, queries_file, &queries, err);
    cir__dataset_take_queries(dataset, &queries);
    if (status == CIR_OK)
        status = list_read_in(dataset, folder, database_file, &database, err);
    if (status == CIR_OK)
        status = cir__dataset_take_database(dataset, &database, err);
    free(database.items);
    return status == CIR_OK ? cir__dataset_set_name(dataset, folder, err) : status;
}
