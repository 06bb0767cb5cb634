#include "eval/read/cirr.h"

#include <stdio.h>
#include <string.h>

#include "eval/read/triplet_reader.h"

/* Below the folder, or beside it where the annotations were cloned into the folder of the pictures. */
static const char *const picture_folders[] = {"img_raw", ".", "..", NULL};

static cir_status items_read(cir__triplet_reader *reader, const json_t *split)
{
    cir_status status = CIR_OK;

    for (void *i = json_object_iter((json_t *)split); i != NULL && status == CIR_OK;
         i = json_object_iter_next((json_t *)split, i), reader->entry++) {
        const char *const name = json_object_iter_key(i);
        const char *path = json_string_value(json_object_iter_value(i));
        if (path == NULL)
            return cir__triplet_reader_refuse(reader, "%.100s has no path", name);
        path += strncmp(path, "./", 2) == 0 ? 2 : 0;
        status = cir__triplet_reader_add_item(reader, name, path);
    }
    return status;
}

/* The image set, of which the reference is a member too. */
static cir_status members_read(cir__triplet_reader *reader, const json_t *members, size_t reference)
{
    cir__triplets *const triplets = reader->dataset->triplets;
    cir_status status = CIR_OK;
    size_t row;

    if (json_array_size(members) == 0)
        return cir__triplet_reader_refuse(reader, "has no list \"members\" in \"img_set\"");
    for (size_t m = 0; m < json_array_size(members) && status == CIR_OK; m++) {
        const char *const name = json_string_value(json_array_get(members, m));
        if (name == NULL)
            return cir__triplet_reader_refuse(reader, "a member of its image set is not a name");
        status = cir__triplet_reader_find(reader, "member", name, &row);
        if (status == CIR_OK && row != reference)
            status = cir__triplet_reader_push(reader, &triplets->members, "member", row);
    }
    return status;
}

static cir_status target_read(cir__triplet_reader *reader, const json_t *entry, size_t reference)
{
    cir__triplets *const triplets = reader->dataset->triplets;
    const size_t *const members = triplets->members.rows;
    const char *name;
    size_t target, m = triplets->members.begin[reader->n_queries - 1];
    cir_status status;

    if ((status = cir__triplet_reader_get(reader, entry, "target_hard", &name)) != CIR_OK ||
        (status = cir__triplet_reader_find(reader, "target", name, &target)) != CIR_OK)
        return status;
    if (target == reference)
        return cir__triplet_reader_refuse(reader, "its target is its reference, which is not ranked");
    while (m < triplets->members.begin[reader->n_queries] && members[m] != target)
        m++;
    if (m == triplets->members.begin[reader->n_queries])
        return cir__triplet_reader_refuse(reader, "its target is not in its image set");
    return cir__triplet_reader_push(reader, &triplets->relevant, "target", target);
}

static cir_status query_read(cir__triplet_reader *reader, const json_t *entry)
{
    const json_t *const set = json_object_get(entry, "img_set");
    const char *name, *text;
    char key[CIR__ID_SIZE], set_id[CIR__ID_SIZE], group[CIR__ID_SIZE + 8];
    size_t reference;
    cir_status status;

    if ((status = cir__triplet_reader_get(reader, entry, "reference", &name)) != CIR_OK ||
        (status = cir__triplet_reader_get(reader, entry, "caption", &text)) != CIR_OK ||
        (status = cir__triplet_reader_get_id(reader, json_object_get(entry, "pairid"), "pairid", key)) !=
            CIR_OK ||
        (status = cir__triplet_reader_get_id(reader, json_object_get(set, "id"), "id", set_id)) != CIR_OK ||
        (status = cir__triplet_reader_find(reader, "reference", name, &reference)) != CIR_OK)
        return status;
    snprintf(group, sizeof group, "set %s", set_id);
    if ((status = cir__triplet_reader_add_query(reader, reference, text, group, key)) != CIR_OK ||
        (status = members_read(reader, json_object_get(set, "members"), reference)) != CIR_OK ||
        !reader->dataset->info.has_answers)
        return status;
    return target_read(reader, entry, reference);
}

cir_status cir__cirr_read(cir_dataset *dataset, const char *folder, cir_error *err)
{
    static const char *const galleries[] = {"cirr"};
    const bool is_val = dataset->info.has_answers;
    const char *const split_file =
        is_val ? "image_splits/split.rc2.val.json" : "image_splits/split.rc2.test1.json";
    const char *const captions_file = is_val ? "captions/cap.rc2.val.json" : "captions/cap.rc2.test1.json";
    cir__triplet_reader reader = {.dataset = dataset, .folder = folder, .err = err};
    json_t *split = NULL, *captions = NULL;
    cir_status status;

    dataset->picture_folders = picture_folders;
    dataset->query_list = dataset->text_list = captions_file;
    dataset->database_list = split_file;
    if ((status = cir__triplet_reader_load(&reader, split_file, false, &split)) != CIR_OK ||
        (status = cir__triplet_reader_load(&reader, captions_file, true, &captions)) != CIR_OK ||
        (status = cir__triplet_reader_start(&reader, &cir__cirr, galleries, 1, json_object_size(split),
                                            json_array_size(captions))) != CIR_OK)
        goto exit;
    cir__triplet_reader_enter(&reader, split_file);
    if ((status = items_read(&reader, split)) != CIR_OK)
        goto exit;
    cir__triplet_reader_enter(&reader, captions_file);
    for (; reader.entry < json_array_size(captions) && status == CIR_OK; reader.entry++)
        status = query_read(&reader, json_array_get(captions, reader.entry));
    dataset->triplets->names = reader.names;
    reader.names = (cir__intern){0};
exit:
    json_decref(split);
    json_decref(captions);
    cir__triplet_reader_done(&reader);
    return status;
}
