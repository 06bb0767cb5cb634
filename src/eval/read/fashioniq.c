#include "eval/read/fashioniq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "eval/read/triplet_reader.h"

#define N CIR__MAX_CATEGORIES

static const char *const picture_folders[] = {"images", "resized_images", ".", NULL};

/* The files of all categories. */
typedef struct annotations {
    char split_files[N][64], caption_files[N][64];
    json_t *splits[N];   /* arrays of names */
    json_t *captions[N]; /* arrays of queries */
} annotations;

static cir_status load(const cir__triplet_reader *reader, annotations *files)
{
    cir_status status = CIR_OK;

    for (size_t c = 0; c < N && status == CIR_OK; c++) {
        snprintf(files->split_files[c], 64, "image_splits/split.%s.val.json", cir__fashioniq.categories[c]);
        snprintf(files->caption_files[c], 64, "captions/cap.%s.val.json", cir__fashioniq.categories[c]);
        status = cir__triplet_reader_load(reader, files->split_files[c], true, &files->splits[c]);
        if (status == CIR_OK)
            status = cir__triplet_reader_load(reader, files->caption_files[c], true, &files->captions[c]);
    }
    return status;
}

/* Leaves those names in a split's list that queries use, in their order. */
static cir_status used_keep(const json_t *captions, json_t **split, cir_error *err)
{
    json_t *used = json_object(), *kept = json_array();
    int failed = used == NULL || kept == NULL;

    for (size_t q = 0; q < json_array_size(captions) && !failed; q++) {
        const json_t *const entry = json_array_get(captions, q);
        const char *const names[] = {json_string_value(json_object_get(entry, "candidate")),
                                     json_string_value(json_object_get(entry, "target"))};
        for (size_t i = 0; i < 2; i++)
            failed |= names[i] != NULL && json_object_set_new(used, names[i], json_true()) != 0;
    }
    for (size_t i = 0; i < json_array_size(*split) && !failed; i++) {
        json_t *const name = json_array_get(*split, i);
        if (!json_is_string(name) || json_object_get(used, json_string_value(name)) != NULL)
            failed = json_array_append(kept, name);
    }
    json_decref(used);
    if (failed) {
        json_decref(kept);
        return cir__fail_memory(err, "a data set");
    }
    json_decref(*split);
    *split = kept;
    return CIR_OK;
}

static cir_status items_read(cir__triplet_reader *reader, const json_t *split)
{
    cir_status status = CIR_OK;
    char path[256];

    for (; reader->entry < json_array_size(split) && status == CIR_OK; reader->entry++) {
        const char *const name = json_string_value(json_array_get(split, reader->entry));
        if (name == NULL || (size_t)snprintf(path, sizeof path, "%s.jpg", name) >= sizeof path)
            return cir__triplet_reader_refuse(reader, "is not a name of an image");
        status = cir__triplet_reader_add_item(reader, name, path);
    }
    return status;
}

/* Appends a caption without blanks and ".?," at its ends. */
static void caption_append(char *text, const char *caption)
{
    static const char ends[] = ".?, ";
    const char *const begin = caption + strspn(caption, ends);
    size_t size = strlen(begin);

    while (size > 0 && strchr(ends, begin[size - 1]) != NULL)
        size--;
    strncat(text, begin, size);
}

/* "is red and has no sleeves" of ["is red.", "has no sleeves"]; free() it. */
static cir_status captions_join(cir__triplet_reader *reader, const json_t *captions, char **text_out)
{
    static const char joint[] = " and ";
    size_t size = 1;

    *text_out = NULL;
    if (json_array_size(captions) == 0)
        return cir__triplet_reader_refuse(reader, "has no list \"captions\"");
    for (size_t i = 0; i < json_array_size(captions); i++) {
        if (!json_is_string(json_array_get(captions, i)))
            return cir__triplet_reader_refuse(reader, "a caption is not a text");
        size += json_string_length(json_array_get(captions, i)) + sizeof joint;
    }
    char *const text = *text_out = cir__new(size, 1);
    if (text == NULL)
        return cir__fail_memory(reader->err, "a caption");
    for (size_t i = 0; i < json_array_size(captions); i++) {
        if (i > 0)
            strcat(text, joint);
        caption_append(text, json_string_value(json_array_get(captions, i)));
    }
    return CIR_OK;
}

static cir_status query_read(cir__triplet_reader *reader, const json_t *entry)
{
    const char *name, *target_name;
    char *text = NULL;
    size_t reference, target;
    cir_status status;

    if ((status = cir__triplet_reader_get(reader, entry, "candidate", &name)) != CIR_OK ||
        (status = cir__triplet_reader_get(reader, entry, "target", &target_name)) != CIR_OK ||
        (status = cir__triplet_reader_find(reader, "candidate", name, &reference)) != CIR_OK ||
        (status = cir__triplet_reader_find(reader, "target", target_name, &target)) != CIR_OK ||
        (status = captions_join(reader, json_object_get(entry, "captions"), &text)) != CIR_OK ||
        (status = cir__triplet_reader_add_query(reader, reference, text, name, NULL)) != CIR_OK)
        goto exit;
    status = cir__triplet_reader_push(reader, &reader->dataset->triplets->relevant, "target", target);
exit:
    free(text);
    return status;
}

static cir_status category_read(cir__triplet_reader *reader, const annotations *files, size_t category)
{
    const json_t *const captions = files->captions[category];

    cir__triplet_reader_enter(reader, files->split_files[category]);
    cir_status status = items_read(reader, files->splits[category]);
    cir__triplet_reader_enter(reader, files->caption_files[category]);
    for (; reader->entry < json_array_size(captions) && status == CIR_OK; reader->entry++)
        status = query_read(reader, json_array_get(captions, reader->entry));
    return status;
}

cir_status cir__fashioniq_read(cir_dataset *dataset, const char *folder, bool ranks_used_images,
                               cir_error *err)
{
    cir__triplet_reader reader = {.dataset = dataset, .folder = folder, .err = err};
    annotations files = {0};
    size_t n_items = 0, n_queries = 0;

    if (!dataset->info.has_answers)
        return cir__fail(
            err, CIR_ARGUMENT,
            "fashioniq: its test split is published without targets, and no server tells them; take "
            "the split \"val\"");
    dataset->picture_folders = picture_folders;
    dataset->query_list = dataset->text_list = "captions/cap.*.val.json";
    dataset->database_list = ranks_used_images ? "the list of used images" : "image_splits/split.*.val.json";
    cir_status status = load(&reader, &files);
    for (size_t c = 0; c < N && status == CIR_OK; c++) {
        if (ranks_used_images)
            status = used_keep(files.captions[c], &files.splits[c], err);
        n_items += json_array_size(files.splits[c]);
        n_queries += json_array_size(files.captions[c]);
    }
    if (status == CIR_OK)
        status = cir__triplet_reader_start(&reader, &cir__fashioniq, cir__fashioniq.categories, N, n_items,
                                           n_queries);
    for (size_t c = 0; c < N && status == CIR_OK; c++) {
        if (c > 0)
            cir__triplet_reader_next_gallery(&reader);
        status = category_read(&reader, &files, c);
    }
    for (size_t c = 0; c < N; c++) {
        json_decref(files.splits[c]);
        json_decref(files.captions[c]);
    }
    cir__triplet_reader_done(&reader);
    return status;
}
