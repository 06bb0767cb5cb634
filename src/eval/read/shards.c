#include "eval/read/shards.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "format/json.h"
#include "format/tar.h"

#define MAX_JSON_BYTES ((size_t)1 << 20)

/* A picture of the mapped shards. */
typedef struct part {
    const uint8_t *bytes;
    size_t size;
    size_t shard;
} part;

struct cir__shards {
    cir__mapping *mappings; /* [n] */
    char **paths;           /* [n] absolute */
    size_t n, capacity, path_capacity;
    part *parts; /* [n_parts] by the data set's path numbers; bytes NULL: not seen */
    size_t n_parts, part_capacity;
};

static void shards_free(cir__shards *shards)
{
    for (size_t i = 0; i < shards->n; i++) {
        cir__mapping_close(&shards->mappings[i]);
        free(shards->paths[i]);
    }
    free(shards->mappings);
    free(shards->paths);
    free(shards->parts);
    free(shards);
}

cir__picture cir__shards_get(const cir_dataset *dataset, size_t path)
{
    const part *const found = &dataset->shards->parts[path];
    const uint8_t *const begin = dataset->shards->mappings[found->shard].data;

    return (cir__picture){.path = dataset->shards->paths[found->shard],
                          .name = dataset->paths.names[path],
                          .bytes = found->bytes,
                          .size = found->size,
                          .offset = (uint64_t)(found->bytes - begin)};
}

static int is_shard(const struct dirent *entry)
{
    const size_t size = strlen(entry->d_name);
    return size > 4 && strcmp(entry->d_name + size - 4, ".tar") == 0;
}

static bool has_shards(const char *folder)
{
    char *const queries = cir__path_join(folder, "query");
    struct dirent **entries = NULL;
    const int n = queries != NULL ? scandir(queries, &entries, is_shard, NULL) : -1;

    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    free(queries);
    return n > 0;
}

char *cir__shards_find(const char *folder)
{
    char *found = cir__path_join(folder, "webdataset");

    if (found != NULL && !has_shards(found)) {
        free(found);
        found = cir__path_join(folder, ".");
        if (found != NULL && !has_shards(found)) {
            free(found);
            found = NULL;
        }
    }
    return found;
}

/* One sample being put together from the members that share a name up to its first dot. */
typedef struct sample {
    char *key; /* NULL: none has begun */
    const uint8_t *picture, *json;
    size_t picture_size, json_size;
} sample;

typedef struct reading {
    cir_dataset *dataset;
    cir__item_list *list;
    size_t shard; /* number */
    sample sample;
    cir_error *err;
} reading;

static const char *shard_path(const reading *from)
{
    return from->dataset->shards->paths[from->shard];
}

static cir_status refuse(const reading *from, const char *why)
{
    return cir__fail(from->err, CIR_FORMAT, "%s: sample %.200s %s; make the shards again", shard_path(from),
                     from->sample.key, why);
}

/* Notes where the picture of a path lies; one that is listed twice is the same picture. */
static cir_status part_put(reading *from, size_t path)
{
    cir__shards *const shards = from->dataset->shards;
    void *parts = shards->parts;
    const bool has_room = cir__grow(&parts, &shards->part_capacity, path + 1, sizeof *shards->parts);

    shards->parts = parts;
    if (!has_room)
        return cir__fail_memory(from->err, shard_path(from));
    while (shards->n_parts <= path)
        shards->parts[shards->n_parts++] = (part){0};
    if (shards->parts[path].bytes == NULL)
        shards->parts[path] = (part){from->sample.picture, from->sample.picture_size, from->shard};
    return CIR_OK;
}

static cir_status sample_finish(reading *from)
{
    sample *const done = &from->sample;
    const char *fields[3] = {0};
    static const char *const keys[] = {"img_path", "text", "instance"};
    json_t *facts = NULL;
    cir_status status;

    if (done->key == NULL)
        return CIR_OK;
    if (done->picture == NULL || done->json == NULL) {
        status = refuse(from, done->json == NULL ? "has no .json" : "has no picture");
        goto exit;
    }
    status = cir__json_parse((cir__bytes_view){done->json, done->json_size, done->key}, MAX_JSON_BYTES,
                             &facts, from->err);
    if (status != CIR_OK) {
        status = refuse(from, "has a .json that is not a JSON object");
        goto exit;
    }
    for (size_t i = 0; i < 3; i++)
        fields[i] = json_string_value(json_object_get(facts, keys[i]));
    if (fields[0] == NULL || fields[1] == NULL || fields[2] == NULL) {
        status = refuse(from, "lacks one of the texts img_path, text and instance");
        goto exit;
    }
    status = cir__item_list_push(from->dataset, from->list, fields[0], fields[1], fields[2], from->err);
    if (status == CIR_OK)
        status = part_put(from, from->list->items[from->list->n - 1].path);
exit:
    json_decref(facts);
    free(done->key);
    *done = (sample){0};
    return status;
}

static bool is_picture(const char *extension)
{
    static const char *const known[] = {"jpg", "jpeg", "png",  "webp", "gif",
                                        "tif", "tiff", "heic", "heif", "avif"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(extension, known[i]) == 0)
            return true;
    return false;
}

/* Adds a member to the sample of its name, which ends with the first member of another. */
static cir_status member_take(reading *from, const cir__tar *tar)
{
    const char *const slash = strrchr(tar->name, '/');
    const char *const base = slash != NULL ? slash + 1 : tar->name;
    const char *const dot = strchr(base, '.');
    sample *const current = &from->sample;

    if (dot == NULL || dot == base) /* no sample: what others put beside */
        return CIR_OK;
    const size_t key_size = (size_t)(dot - tar->name);
    if (current->key == NULL || strlen(current->key) != key_size ||
        memcmp(current->key, tar->name, key_size) != 0) {
        const cir_status status = sample_finish(from);
        if (status != CIR_OK)
            return status;
        if ((current->key = cir__new(key_size + 1, 1)) == NULL)
            return cir__fail_memory(from->err, shard_path(from));
        memcpy(current->key, tar->name, key_size);
    }
    if (strcasecmp(dot + 1, "json") == 0) {
        current->json = tar->data;
        current->json_size = tar->size;
    } else if (is_picture(dot + 1)) {
        current->picture = tar->data;
        current->picture_size = tar->size;
    }
    return CIR_OK;
}

/* Takes path over. */
static cir_status shard_open(reading *from, char *path)
{
    cir__shards *const shards = from->dataset->shards;
    void *mappings = shards->mappings, *paths = shards->paths;
    const bool has_room = cir__grow(&mappings, &shards->capacity, shards->n + 1, sizeof *shards->mappings);

    shards->mappings = mappings;
    const bool has_place =
        has_room && cir__grow(&paths, &shards->path_capacity, shards->n + 1, sizeof *shards->paths);
    shards->paths = paths;
    if (!has_place || path == NULL) {
        free(path);
        return cir__fail_memory(from->err, "shards");
    }
    from->shard = shards->n;
    shards->paths[shards->n] = path;
    shards->mappings[shards->n++] = (cir__mapping){0};
    return cir__mapping_open(path, &shards->mappings[from->shard], from->err);
}

static cir_status shard_read(reading *from, char *path)
{
    bool has_member = true;
    cir_status status = shard_open(from, path);

    if (status != CIR_OK)
        return status;
    const cir__mapping *const mapping = &from->dataset->shards->mappings[from->shard];
    cir__tar tar = {.bytes = {mapping->data, mapping->size, shard_path(from)}};
    while ((status = cir__tar_read_member(&tar, &has_member, from->err)) == CIR_OK && has_member)
        if ((status = member_take(from, &tar)) != CIR_OK)
            break;
    if (status == CIR_OK)
        status = sample_finish(from);
    free(from->sample.key);
    from->sample = (sample){0};
    cir__tar_done(&tar);
    return status;
}

static int compare_names(const void *x, const void *y)
{
    const struct dirent *const *const a = x, *const *const b = y;
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* All shards of folder/name, in the order of their names' bytes. */
static cir_status list_read(cir_dataset *dataset, const char *folder, const char *name, cir__item_list *list,
                            cir_error *err)
{
    reading from = {.dataset = dataset, .list = list, .err = err};
    struct dirent **entries = NULL;
    cir_status status = CIR_OK;

    char *const place = cir__path_join(folder, name);
    if (place == NULL)
        return cir__fail_memory(err, name);
    const int n = scandir(place, &entries, is_shard, NULL);
    if (n < 0)
        status = cir__fail_errno(err, errno, "%s: cannot be listed", place);
    if (n > 1)
        qsort(entries, (size_t)n, sizeof *entries, compare_names);
    for (int i = 0; i < n && status == CIR_OK; i++) {
        char *const path = cir__path_join(place, entries[i]->d_name);
        status = shard_read(&from, path);
    }
    if (status == CIR_OK && list->n == 0)
        status =
            cir__fail(err, CIR_FORMAT, "%s: its shards (*.tar) hold no samples; fetch them again", place);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    free(place);
    return status;
}

cir_status cir__shards_read(cir_dataset *dataset, const char *folder, cir_error *err)
{
    cir__item_list queries = {0}, database = {0};

    char *const place = realpath(folder, NULL); /* as caches know archives by */
    if (place == NULL)
        return cir__fail_errno(err, errno, "%s: cannot be found", folder);
    dataset->shards = cir__new(1, sizeof *dataset->shards);
    dataset->free_shards = shards_free;
    cir_status status = dataset->shards != NULL ? list_read(dataset, place, "query", &queries, err)
                                                : cir__fail_memory(err, "shards");
    cir__dataset_take_queries(dataset, &queries);
    if (status == CIR_OK)
        status = list_read(dataset, place, "database", &database, err);
    if (status == CIR_OK)
        status = cir__dataset_take_database(dataset, &database, err);
    free(database.items);
    free(place);
    return status;
}
