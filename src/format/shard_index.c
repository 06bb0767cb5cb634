#include "format/shard_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/json.h"

#define MAX_INDEX_BYTES ((size_t)16 << 20)
#define MAX_NAME_BYTES 255

static int compare_files(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *get_map(const cir__shard_index *index)
{
    return json_object_get(index->json, "weight_map");
}

/* A plain name beside the index. */
static cir_status check_file(const char *index, const char *tensor, const json_t *value, const char *suffix,
                             cir_error *err)
{
    const char *file = json_string_value(value);
    if (file == NULL)
        return cir__fail(err, CIR_FORMAT, "%s: weight_map: \"%s\" names no file", index, tensor);
    size_t n = strlen(file);
    if (*file == '\0' || *file == '.' || strpbrk(file, "/\\") != NULL || n > MAX_NAME_BYTES)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: weight_map: \"%s\" is in \"%.80s\", which is not a file of the model's own folder; fetch "
            "the model again",
            index, tensor, file);
    if (n <= strlen(suffix) || strcmp(file + n - strlen(suffix), suffix) != 0)
        return cir__fail(err, CIR_FORMAT, "%s: weight_map: \"%s\" is in \"%.80s\", which is not a %s file",
                         index, tensor, file, suffix);
    return CIR_OK;
}

static cir_status list_files(cir__shard_index *index, const char *suffix, cir_error *err)
{
    json_t *map = get_map(index);
    if (!json_is_object(map) || json_object_size(map) == 0)
        return cir__fail(err, CIR_FORMAT, "%s: has no weight_map, or an empty one; fetch the model again",
                         index->name);
    index->files = cir__new(json_object_size(map), sizeof *index->files);
    if (index->files == NULL)
        return cir__fail_memory(err, index->name);
    const char *tensor;
    json_t *value;
    size_t n = 0;
    json_object_foreach(map, tensor, value)
    {
        cir_status status = check_file(index->name, tensor, value, suffix, err);
        if (status != CIR_OK)
            return status;
        index->files[n++] = json_string_value(value);
    }
    qsort(index->files, n, sizeof *index->files, compare_files);
    for (size_t i = 0; i < n; i++)
        if (index->n_files == 0 || strcmp(index->files[index->n_files - 1], index->files[i]) != 0)
            index->files[index->n_files++] = index->files[i];
    if (index->n_files > CIR__SHARD_INDEX_MAX_FILES)
        return cir__fail(err, CIR_LIMIT, "%s: names %zu files, at most %d are read", index->name,
                         index->n_files, CIR__SHARD_INDEX_MAX_FILES);
    return CIR_OK;
}

cir_status cir__shard_index_parse(cir__bytes_view bytes, const char *suffix, cir__shard_index *index_out,
                                  cir_error *err)
{
    cir__shard_index index = {.name = bytes.name};
    cir_status status = cir__json_parse(bytes, MAX_INDEX_BYTES, &index.json, err);
    if (status == CIR_OK)
        status = list_files(&index, suffix, err);
    if (status != CIR_OK)
        cir__shard_index_done(&index);
    *index_out = index;
    return status;
}

void cir__shard_index_done(cir__shard_index *index)
{
    free(index->files);
    json_decref(index->json);
    *index = (cir__shard_index){0};
}

/* Appends a file's tensors, each of which the index has to place there. */
static cir_status append(const cir__shard_index *index, size_t i_file, const cir__tensors *shard,
                         cir__tensors *joined, cir_error *err)
{
    const char *file = index->files[i_file];
    for (size_t i = 0; i < shard->n; i++) {
        const cir__tensor_view *tensor = &shard->items[i];
        const char *place = json_string_value(json_object_get(get_map(index), tensor->name));
        if (place == NULL)
            return cir__fail(err, CIR_FORMAT,
                             "%s: does not name tensor \"%s\", which is in %s: they are of two models; fetch "
                             "the model again",
                             index->name, tensor->name, file);
        if (strcmp(place, file) != 0)
            return cir__fail(err, CIR_FORMAT,
                             "%s: tensor \"%s\" is in %s, the index says %s; fetch the model again",
                             index->name, tensor->name, file, place);
        joined->items[joined->n++] = *tensor;
    }
    return CIR_OK;
}

/* Every tensor of a file is placed there by the index: what is too few is missing. */
static cir_status fail_missing(const cir__shard_index *index, const cir__tensors *joined, cir_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(get_map(index), name, value)
    {
        if (cir__tensors_find(joined, name) == NULL)
            return cir__fail(
                err, CIR_FORMAT,
                "%s: tensor \"%s\" is missing in %s, where the index says it is; fetch the model "
                "again",
                index->name, name, json_string_value(value));
    }
    return CIR_OK;
}

cir_status cir__shard_index_join(const cir__shard_index *index, const cir__tensors *const *shards,
                                 cir__tensors *joined_out, cir_error *err)
{
    size_t n_all = 0;
    for (size_t i = 0; i < index->n_files; i++)
        n_all += shards[i]->n;
    cir__tensors joined = {.items = cir__new(n_all, sizeof *joined.items)};
    cir_status status = joined.items != NULL ? CIR_OK : cir__fail_memory(err, index->name);
    for (size_t i = 0; i < index->n_files && status == CIR_OK; i++)
        status = append(index, i, shards[i], &joined, err);
    if (status == CIR_OK)
        cir__tensors_sort(&joined);
    if (status == CIR_OK && joined.n < json_object_size(get_map(index)))
        status = fail_missing(index, &joined, err);
    if (status != CIR_OK) {
        free(joined.items);
        joined = (cir__tensors){0};
    }
    *joined_out = joined;
    return status;
}
