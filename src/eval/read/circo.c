#include "eval/read/circo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "eval/read/triplet_reader.h"

static const char *const picture_folders[] = {"COCO2017_unlabeled/unlabeled2017", "unlabeled2017", NULL};

static cir_status items_read(cir__triplet_reader *reader, const json_t *images)
{
    cir_status status = CIR_OK;
    const char *path;
    char id[CIR__ID_SIZE];

    for (; reader->entry < json_array_size(images) && status == CIR_OK; reader->entry++) {
        const json_t *const image = json_array_get(images, reader->entry);
        if ((status = cir__triplet_reader_get_id(reader, json_object_get(image, "id"), "id", id)) == CIR_OK &&
            (status = cir__triplet_reader_get(reader, image, "file_name", &path)) == CIR_OK)
            status = cir__triplet_reader_add_item(reader, id, path);
    }
    return status;
}

static cir_status row_find(cir__triplet_reader *reader, const json_t *value, const char *role,
                           size_t *row_out)
{
    char id[CIR__ID_SIZE];
    const cir_status status = cir__triplet_reader_get_id(reader, value, role, id);

    return status == CIR_OK ? cir__triplet_reader_find(reader, role, id, row_out) : status;
}

/* The target first, as recalls go by it alone. */
static cir_status answers_read(cir__triplet_reader *reader, const json_t *entry)
{
    cir__row_lists *const relevant = &reader->dataset->triplets->relevant;
    const json_t *const others = json_object_get(entry, "gt_img_ids");
    size_t target, row;
    bool has_target = false;

    cir_status status = row_find(reader, json_object_get(entry, "target_img_id"), "target_img_id", &target);
    if (status == CIR_OK)
        status = cir__triplet_reader_push(reader, relevant, "target", target);
    for (size_t i = 0; i < json_array_size(others) && status == CIR_OK; i++) {
        status = row_find(reader, json_array_get(others, i), "gt_img_ids", &row);
        if (status == CIR_OK && row == target && !has_target)
            has_target = true;
        else if (status == CIR_OK)
            status = cir__triplet_reader_push(reader, relevant, "gt_img_ids", row);
    }
    if (status == CIR_OK && !has_target)
        return cir__triplet_reader_refuse(reader, "its \"gt_img_ids\" lack its target");
    return status;
}

/* Aspects that nobody knows are passed over, as the published evaluation does. */
static void aspects_read(cir__triplet_reader *reader, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *const name = json_string_value(json_array_get(list, i));
        for (unsigned a = 0; name != NULL && a < CIR__N_ASPECTS; a++)
            if (strcmp(name, cir__circo_aspects[a]) == 0)
                reader->dataset->triplets->aspects[reader->n_queries - 1] |= (uint16_t)(1u << a);
    }
}

static cir_status query_read(cir__triplet_reader *reader, const json_t *entry)
{
    const char *text;
    char key[CIR__ID_SIZE], name[CIR__ID_SIZE];
    size_t reference;
    cir_status status;

    if ((status = cir__triplet_reader_get(reader, entry, "relative_caption", &text)) != CIR_OK ||
        (status = cir__triplet_reader_get_id(reader, json_object_get(entry, "id"), "id", key)) != CIR_OK ||
        (status = cir__triplet_reader_get_id(reader, json_object_get(entry, "reference_img_id"),
                                             "reference_img_id", name)) != CIR_OK ||
        (status = cir__triplet_reader_find(reader, "reference", name, &reference)) != CIR_OK ||
        (status = cir__triplet_reader_add_query(reader, reference, text, name, key)) != CIR_OK ||
        !reader->dataset->info.has_answers)
        return status;
    aspects_read(reader, json_object_get(entry, "semantic_aspects"));
    return answers_read(reader, entry);
}

/* COCO's list, in its own folder or among the annotations. */
static const char *find_images(const char *folder)
{
    static const char *const places[] = {"COCO2017_unlabeled/annotations/image_info_unlabeled2017.json",
                                         "annotations/image_info_unlabeled2017.json"};
    char *const other = cir__path_join(folder, places[1]);
    char *const first = cir__path_join(folder, places[0]);
    const bool is_other =
        first != NULL && other != NULL && access(first, F_OK) != 0 && access(other, F_OK) == 0;

    free(first);
    free(other);
    return places[is_other];
}

cir_status cir__circo_read(cir_dataset *dataset, const char *folder, cir_error *err)
{
    static const char *const galleries[] = {"circo"};
    const char *const queries_file =
        dataset->info.has_answers ? "annotations/val.json" : "annotations/test.json";
    const char *const images_file = find_images(folder);
    cir__triplet_reader reader = {.dataset = dataset, .folder = folder, .err = err};
    json_t *coco = NULL, *queries = NULL;
    cir_status status;

    dataset->picture_folders = picture_folders;
    dataset->query_list = dataset->text_list = queries_file;
    dataset->database_list = images_file;
    if ((status = cir__triplet_reader_load(&reader, queries_file, true, &queries)) != CIR_OK ||
        (status = cir__triplet_reader_load(&reader, images_file, false, &coco)) != CIR_OK)
        goto exit;
    const json_t *const images = json_object_get(coco, "images");
    status = cir__triplet_reader_start(&reader, &cir__circo, galleries, 1, json_array_size(images),
                                       json_array_size(queries));
    if (status != CIR_OK)
        goto exit;
    cir__triplet_reader_enter(&reader, images_file);
    if ((status = items_read(&reader, images)) != CIR_OK)
        goto exit;
    cir__triplet_reader_enter(&reader, queries_file);
    for (; reader.entry < json_array_size(queries) && status == CIR_OK; reader.entry++)
        status = query_read(&reader, json_array_get(queries, reader.entry));
    dataset->triplets->names = reader.names;
    reader.names = (cir__intern){0};
exit:
    json_decref(coco);
    json_decref(queries);
    cir__triplet_reader_done(&reader);
    return status;
}
