/* cir info: what an index or a model is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/common/summary.h"
#include "cli/common/terminal_text.h"
#include "cli/models/precision_text.h"
#include "server/common/known_models.h"

static const cir__flag flags[] = {
    {"failed", 0, NULL, "list the photos and folders that could not be read, with the reasons"},
    {"vanished", 0, NULL, "list the photos whose files are gone"},
    {"json", 0, NULL, "print one JSON document"},
    {"trust", 0, NULL, "trust an index that belongs to another user or names folders elsewhere"},
    {0},
};

static bool is_index(const char *path)
{
    char file[4200];
    struct stat facts;
    size_t length = strlen(path);
    if (length >= 4 && strcmp(path + length - 4, ".cir") == 0)
        return true;
    return snprintf(file, sizeof file, "%s/catalogue.sqlite", path) < (int)sizeof file &&
           stat(file, &facts) == 0;
}

static bool print_record(void *context, const cir_image_record *record)
{
    json_t *list = context;
    if (list == NULL) {
        /* A failure's reason begins with the path already. */
        cir__put_text(stdout, record->error != NULL ? record->error : record->path);
        putchar('\n');
        return true;
    }
    json_t *object =
        json_pack("{s:I, s:o}", "id", (json_int_t)record->id, "error", cir__json_text(record->error));
    cir__json_add_path(object, record->path);
    json_array_append_new(list, object);
    return true;
}

/* A folder that could not be listed has no id. */
static bool print_folder(void *context, const char *path, const char *error)
{
    json_t *list = context;
    if (list == NULL)
        printf("%s\n", error);
    else
        json_array_append_new(list, json_pack("{s:n, s:o, s:o}", "id", "path", cir__json_text(path), "error",
                                              cir__json_text(error)));
    return true;
}

static json_t *describe_index(const cir_index_info *info)
{
    json_t *models = json_array();
    for (size_t i = 0; i < info->n_models; i++)
        json_array_append_new(models,
                              json_pack("{s:s, s:o, s:o, s:s, s:I}", "key", info->models[i].key, "name",
                                        cir__json_text(info->models[i].name), "path",
                                        cir__json_text(info->models[i].path), "fingerprint",
                                        info->models[i].fingerprint, "dim", (json_int_t)info->models[i].dim));
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:o}", "index",
                     cir__json_text(info->path), "n_rows", (json_int_t)info->n_rows, "n_ready",
                     (json_int_t)info->n_ready, "n_failed", (json_int_t)info->n_failed, "n_vanished",
                     (json_int_t)info->n_vanished, "n_pending", (json_int_t)info->n_pending, "n_forgotten",
                     (json_int_t)info->n_forgotten, "n_coded", (json_int_t)info->n_coded, "codes_problem",
                     cir__json_text(info->codes_problem), "revision", (json_int_t)info->revision,
                     "size_bytes", (json_int_t)info->size_bytes, "models", models);
}

static void print_index(const cir_index_info *info)
{
    char ready[32];
    printf("index       ");
    cir__put_text(stdout, info->path);
    printf("\nphotos      %s searchable", cir__count_text(info->n_ready, ready));
    if (info->n_failed > 0)
        printf(", %zu failed", info->n_failed);
    if (info->n_vanished > 0)
        printf(", %zu vanished", info->n_vanished);
    if (info->n_forgotten > 0)
        printf(", %zu forgotten", info->n_forgotten);
    if (info->n_pending > 0)
        printf(", %zu to be encoded again", info->n_pending);
    if (info->n_coded > 0)
        printf("\ncodes       %s photos", cir__count_text(info->n_coded, ready));
    if (info->n_coded > 0 && info->n_coded < info->n_ready)
        printf("; %zu are to be coded by the next cir index", info->n_ready - info->n_coded);
    if (info->codes_problem != NULL)
        printf("\ncodes       not used: %s", info->codes_problem);
    printf("\nsize        %.1f MB\nrevision    %llu\n", (double)info->size_bytes / 1e6,
           (unsigned long long)info->revision);
    for (size_t i = 0; i < info->n_models; i++) {
        printf("model       ");
        cir__put_text(stdout, info->models[i].name);
        printf(", dimension %zu, fingerprint %s, from ", info->models[i].dim, info->models[i].fingerprint);
        cir__put_text(stdout, info->models[i].path);
        putchar('\n');
    }
}

/* The folders it was made of, and whether this user gave them to it. */
static int tell_roots(const cir_index *index, json_t *document)
{
    cir_error err;
    char **roots;
    size_t n;
    json_t *list = json_array();
    if (cir_index_list_roots(index, &roots, &n, &err) != CIR_OK) {
        json_decref(list);
        return cir__session_fail(&err);
    }
    for (size_t i = 0; i < n; i++) {
        const bool is_confirmed = cir_index_is_path_confirmed(index, roots[i]);
        char *text = document == NULL ? cir__terminal_text_new(roots[i]) : NULL;
        if (document == NULL)
            printf("folder      %s%s\n", text != NULL ? text : "",
                   is_confirmed ? "" : " (not confirmed: you never added it to this index)");
        else
            json_array_append_new(list, json_pack("{s:o, s:b}", "path", cir__json_text(roots[i]),
                                                  "is_confirmed", is_confirmed));
        free(text);
    }
    cir_paths_free(roots, n);
    if (document != NULL)
        json_object_set_new(document, "folders", list);
    else
        json_decref(list);
    return CIR__DONE;
}

static int run_index(const cir__arguments *arguments, const char *path)
{
    cir_error err;
    cir_index *index;
    if (cir__session_open_index(arguments, path, NULL, &index, &err) != CIR_OK)
        return cir__session_fail(&err);
    int status = CIR__DONE;
    cir_skipped kinds[CIR_MAX_SKIPPED];
    size_t n_kinds;
    if (cir_index_list_skipped(index, kinds, &n_kinds, &err) != CIR_OK) {
        cir_index_close(index);
        return cir__session_fail(&err);
    }
    bool is_json = cir__arguments_has(arguments, "json");
    json_t *document = is_json ? describe_index(cir_index_get_info(index)) : NULL;
    if (is_json)
        json_object_set_new(document, "skipped", cir__summary_skipped_json(kinds, n_kinds));
    else
        print_index(cir_index_get_info(index));
    if (!is_json && n_kinds > 0) {
        printf("skipped     ");
        cir__summary_print_skipped(kinds, n_kinds);
        printf("\n");
    }
    status = tell_roots(index, document);
    static const struct {
        const char *flag;
        cir_image_state state;
    } lists[] = {{"failed", CIR_IMAGE_FAILED}, {"vanished", CIR_IMAGE_VANISHED}};
    for (size_t i = 0; i < 2 && status == CIR__DONE; i++) {
        if (!cir__arguments_has(arguments, lists[i].flag))
            continue;
        json_t *list = is_json ? json_array() : NULL;
        cir_status listed = cir_index_list_images(index, lists[i].state, print_record, list, &err);
        if (listed == CIR_OK && lists[i].state == CIR_IMAGE_FAILED)
            listed = cir_index_list_unlisted(index, print_folder, list, &err);
        if (listed != CIR_OK)
            status = cir__session_fail(&err);
        if (is_json)
            json_object_set_new(document, lists[i].flag, list);
    }
    if (is_json)
        cir__json_print(document);
    cir_index_close(index);
    return status;
}

static int run_model(const cir__arguments *arguments, const char *path)
{
    cir_error err;
    cir_model *model;
    if (cir__known_model_open(path, NULL, &model, &err) != CIR_OK)
        return cir__session_fail(&err);
    const cir_model_info *info = cir_model_get_info(model);
    char parameters[32];
    if (cir__arguments_has(arguments, "json"))
        cir__json_print(json_pack(
            "{s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "model", cir__json_text(info->name),
            "architecture", info->architecture, "fingerprint", info->fingerprint, "dim",
            (json_int_t)info->dim, "image_px", (json_int_t)info->image_px, "context_length",
            (json_int_t)info->context_length, "n_vocabulary", (json_int_t)info->n_vocabulary, "n_parameters",
            (json_int_t)info->n_parameters, "precision", cir_precision_name(info->precision),
            "precision_choice", cir__precision_json(cir_model_get_precision_choice(model))));
    else {
        printf("model        %s\n"
               "architecture %s\n"
               "fingerprint  %s\n"
               "dimension    %zu\n"
               "image        %zu × %zu pixels\n"
               "text         %zu tokens of %zu\n"
               "parameters   %s\n",
               info->name, info->architecture, info->fingerprint, info->dim, info->image_px, info->image_px,
               info->context_length, info->n_vocabulary, cir__count_text(info->n_parameters, parameters));
        cir__precision_print(cir_model_get_precision_choice(model));
    }
    cir_model_close(model);
    return CIR__DONE;
}

static int run(const cir__arguments *arguments)
{
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one index or model");
    const char *path = cir__arguments_operands(arguments)[0];
    return is_index(path) ? run_index(arguments, path) : run_model(arguments, path);
}

const cir__command cir__command_info = {
    .name = "info",
    .synopsis = "INDEX | MODEL [options]",
    .summary = "say what an index or a model is",
    .flags = flags,
    .notes = "Examples:\n"
             "  cir info photos.cir\n"
             "  cir info photos.cir --failed\n"
             "  cir info ~/models/clip-vit-large-patch14 --json\n",
    .run = run,
};
