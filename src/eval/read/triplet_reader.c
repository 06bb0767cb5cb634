#include "eval/read/triplet_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "format/json.h"

#define MAX_BYTES ((size_t)1 << 30)

cir_status cir__triplet_reader_refuse(const cir__triplet_reader *reader, const char *format, ...)
{
    char why[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return cir__fail(reader->err, CIR_FORMAT, "%s/%s: entry %zu: %s; take the file as it is published",
                     reader->folder, reader->file, reader->entry, why);
}

cir_status cir__triplet_reader_load(const cir__triplet_reader *reader, const char *file, bool is_array,
                                    json_t **top_out)
{
    char *path = cir__path_join(reader->folder, file);

    *top_out = NULL;
    const cir_status status = path != NULL ? cir__json_read(path, MAX_BYTES, is_array, top_out, reader->err)
                                           : cir__fail_memory(reader->err, file);
    free(path);
    return status;
}

void cir__triplet_reader_enter(cir__triplet_reader *reader, const char *file)
{
    reader->file = file;
    reader->entry = 0;
}

cir_status cir__triplet_reader_start(cir__triplet_reader *reader, const cir__triplets_set *set,
                                     const char *const *galleries, size_t n_galleries, size_t n_items,
                                     size_t n_queries)
{
    cir_dataset *const dataset = reader->dataset;
    size_t number;

    if (n_items == 0 || n_queries == 0)
        return cir__fail(
            reader->err, CIR_FORMAT,
            "%s: its lists have %zu queries and %zu images; take the files as they are published",
            reader->folder, n_queries, n_items);
    dataset->triplets = cir__triplets_new(set, n_queries);
    dataset->queries = cir__new(n_queries, sizeof *dataset->queries);
    dataset->image_rows = cir__new(n_queries, sizeof *dataset->image_rows);
    dataset->items = cir__new(n_items, sizeof *dataset->items);
    dataset->item_rows = cir__new(n_items, sizeof *dataset->item_rows);
    dataset->instance_begin = cir__new(n_galleries + 1, sizeof *dataset->instance_begin);
    if (dataset->triplets == NULL || dataset->queries == NULL || dataset->image_rows == NULL ||
        dataset->items == NULL || dataset->item_rows == NULL || dataset->instance_begin == NULL)
        return cir__fail_memory(reader->err, "a data set");
    for (size_t i = 0; i < n_galleries; i++) {
        const cir_status status = cir__intern_put(&dataset->instances, galleries[i], &number, reader->err);
        if (status != CIR_OK)
            return status;
        dataset->instance_begin[i + 1] = n_items; /* until the next gallery begins */
    }
    dataset->shares_images = true;
    dataset->info.n_instances = n_galleries;
    dataset->info.n_database = n_items;
    dataset->info.n_queries = dataset->n_text_rows = n_queries;
    dataset->n_image_rows = n_items;
    dataset->triplets->has_answers = dataset->info.has_answers;
    return CIR_OK;
}

void cir__triplet_reader_done(cir__triplet_reader *reader)
{
    cir__intern_done(&reader->names);
    reader->names = (cir__intern){0};
}

void cir__triplet_reader_next_gallery(cir__triplet_reader *reader)
{
    reader->dataset->instance_begin[++reader->gallery] = reader->n_items;
    reader->first_item = reader->n_items;
    cir__intern_done(&reader->names);
}

cir_status cir__triplet_reader_add_item(cir__triplet_reader *reader, const char *name, const char *path)
{
    cir_dataset *const dataset = reader->dataset;
    const size_t item = reader->n_items;
    cir__item *const row = &dataset->items[item];
    size_t number, path_number;
    cir_status status;

    if ((status = cir__intern_put(&reader->names, name, &number, reader->err)) != CIR_OK ||
        (status = cir__intern_put(&dataset->paths, path, &path_number, reader->err)) != CIR_OK)
        return status;
    if (number != item - reader->first_item)
        return cir__triplet_reader_refuse(reader, "the image %.100s is there twice", name);
    *row = (cir__item){.path = path_number, .instance = reader->gallery};
    dataset->item_rows[item] = item;
    reader->n_items++;
    return CIR_OK;
}

cir_status cir__triplet_reader_find(cir__triplet_reader *reader, const char *role, const char *name,
                                    size_t *row_out)
{
    const size_t n_rows = reader->n_items - reader->first_item;

    /* A name that is not there would become one more, but then all is over. */
    const cir_status status = cir__intern_put(&reader->names, name, row_out, reader->err);
    if (status == CIR_OK && *row_out >= n_rows)
        return cir__triplet_reader_refuse(reader, "its %s %.100s is not among the split's images", role,
                                          name);
    return status;
}

cir_status cir__triplet_reader_add_query(cir__triplet_reader *reader, size_t reference, const char *text,
                                         const char *group, const char *key)
{
    cir_dataset *const dataset = reader->dataset;
    cir__triplets *const triplets = dataset->triplets;
    const size_t q = reader->n_queries;
    cir__item *const query = &dataset->queries[q];
    cir_status status;

    *query =
        (cir__item){.path = dataset->items[reader->first_item + reference].path, .instance = reader->gallery};
    if ((status = cir__intern_put(&dataset->texts, text, &query->text, reader->err)) != CIR_OK ||
        (status = cir__intern_put(&dataset->classes, group, &query->label, reader->err)) != CIR_OK)
        return status;
    if (key != NULL) {
        size_t number;
        if ((status = cir__intern_put(&triplets->keys, key, &number, reader->err)) != CIR_OK)
            return status;
        if (number != q)
            return cir__triplet_reader_refuse(reader, "another query is number %s too", key);
    }
    dataset->image_rows[q] = reader->first_item + reference;
    triplets->references[q] = reference;
    triplets->categories[q] = query->instance;
    triplets->relevant.begin[q + 1] = triplets->relevant.begin[q];
    triplets->members.begin[q + 1] = triplets->members.begin[q];
    reader->n_queries++;
    return CIR_OK;
}

cir_status cir__triplet_reader_push(cir__triplet_reader *reader, cir__row_lists *lists, const char *role,
                                    size_t row)
{
    size_t *const end = &lists->begin[reader->n_queries];

    for (size_t i = lists->begin[reader->n_queries - 1]; i < *end; i++)
        if (lists->rows[i] == row)
            return cir__triplet_reader_refuse(reader, "names one image twice as %s", role);
    void *rows = lists->rows;
    const bool has_room = cir__grow(&rows, &lists->capacity, *end + 1, sizeof *lists->rows);
    lists->rows = rows;
    if (!has_room)
        return cir__fail_memory(reader->err, "a data set");
    lists->rows[(*end)++] = row;
    return CIR_OK;
}

cir_status cir__triplet_reader_get(cir__triplet_reader *reader, const json_t *entry, const char *key,
                                   const char **text_out)
{
    *text_out = json_string_value(json_object_get(entry, key));
    return *text_out != NULL ? CIR_OK : cir__triplet_reader_refuse(reader, "has no text \"%s\"", key);
}

cir_status cir__triplet_reader_get_id(cir__triplet_reader *reader, const json_t *value, const char *role,
                                      char id_out[CIR__ID_SIZE])
{
    if (!json_is_integer(value))
        return cir__triplet_reader_refuse(reader, "has no whole number \"%s\"", role);
    snprintf(id_out, CIR__ID_SIZE, "%lld", (long long)json_integer_value(value));
    return CIR_OK;
}
