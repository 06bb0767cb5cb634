/* cir model list: the models that are known by name, and which of them are installed. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/models/model_folder.h"
#include "server/common/known_models.h"

int cir__model_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("cir: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return CIR__FAILED;
}

int cir__model_get_folder(char folder_out[CIR__MODEL_PATH_SIZE])
{
    cir_error err;
    char *folder;
    if (cir_model_get_folder(&folder, &err) != CIR_OK)
        return cir__session_fail(&err);
    bool fits = snprintf(folder_out, CIR__MODEL_PATH_SIZE, "%s", folder) < CIR__MODEL_PATH_SIZE / 2;
    cir_bytes_free(folder);
    return fits ? CIR__DONE
                : cir__model_say(
                      "models: the path of their folder is too long; set CIR_MODELS to a shorter one");
}

bool cir__model_is_folder(const char *folder, const char *name)
{
    char path[CIR__MODEL_PATH_SIZE];
    struct stat facts;
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && stat(path, &facts) == 0 &&
           S_ISDIR(facts.st_mode);
}

static const cir__flag list_flags[] = {{"json", 0, NULL, "print one JSON document"}, {0}};

/* What a fetched file is compared with, beside what the hub says of it. */
static const char *pinned_text(const cir__known_model *known)
{
    if (cir__known_model_is_pinned(known)) {
        for (const cir__known_file *file = known->files; file->name != NULL; file++)
            if (file->sha256 == NULL)
                return "weights";
        return "sha256";
    }
    return known->revision != NULL ? "commit" : "not pinned";
}

/* Whether a pull of it was begun and not finished. */
static bool is_begun(const char *folder, const cir__known_model *known)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s.partial", known->name);
    return cir__model_is_folder(folder, name);
}

static json_t *known_json(const cir__known_model *known, bool is_installed, bool has_begun)
{
    json_t *revision = known->revision != NULL ? json_string(known->revision) : json_null();
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:s, s:I, s:s, s:b, s:b}", "name", known->name,
                     "repository", known->repository, "revision", revision, "pinned", pinned_text(known),
                     "licence", known->licence, "dim", (json_int_t)known->dim, "image_px",
                     (json_int_t)known->image_px, "approximate_bytes", (json_int_t)known->approximate_bytes,
                     "speed", cir__known_model_speed(known), "relative_work",
                     (json_int_t)known->relative_work, "weights", cir__known_model_weights(known)->name,
                     "installed", is_installed, "begun", has_begun);
}

static int run_list(const cir__arguments *arguments)
{
    char folder[CIR__MODEL_PATH_SIZE];
    bool is_json = cir__arguments_has(arguments, "json");
    if (cir__arguments_n_operands(arguments) != 0)
        return cir__arguments_refuse(arguments, "takes no names");
    int status = cir__model_get_folder(folder);
    if (status != CIR__DONE)
        return status;
    json_t *models = json_array();
    if (!is_json)
        printf("%-31s %9s  %-9s %8s  %-9s %5s  %-10s %-11s %-10s  %s\n", "name", "dimension", "picture",
               "size", "speed", "work", "licence", "weights", "checksum", "installed");
    for (const cir__known_model *known = cir__known_models; known->name != NULL; known++) {
        bool is_installed = cir__model_is_folder(folder, known->name);
        bool has_begun = !is_installed && is_begun(folder, known);
        json_array_append_new(models, known_json(known, is_installed, has_begun));
        if (!is_json)
            printf("%-31s %9zu  %3zu × %-3zu %5.1f GB  %-9s %5zu  %-10s %-11s %-10s  %s\n", known->name,
                   known->dim, known->image_px, known->image_px, (double)known->approximate_bytes / 1e9,
                   cir__known_model_speed(known), known->relative_work, known->licence,
                   strstr(cir__known_model_weights(known)->name, ".bin") != NULL ? "PyTorch" : "safetensors",
                   pinned_text(known),
                   is_installed ? "yes"
                   : has_begun  ? "in part"
                                : "no");
    }
    if (is_json) {
        cir__json_print(json_pack("{s:o, s:o}", "folder", cir__json_text(folder), "models", models));
    } else {
        json_decref(models);
        printf("\nfolder: %s\n", folder);
    }
    return CIR__DONE;
}

const cir__command cir__command_model_list = {
    .name = "model list",
    .synopsis = "[options]",
    .summary = "list the models that are known by name, and which are installed",
    .flags = list_flags,
    .notes =
        "The smallest first; clip-vit-base-patch32 is a good one to begin with, clip-vit-large-patch14 is what the paper\n"
        "measured. work: multiplications for a picture, those of clip-vit-base-patch32 being 1. weights: "
        "what its hub serves;\n"
        "nothing of a PyTorch checkpoint is run. licence: Apple's own terms stand on the hub's page.\n"
        "checksum: \"sha256\", the files' checksums are known here; \"weights\", that of the weights is; "
        "\"commit\", only the\n"
        "hub's commit is;\n"
        "\"not pinned\", the newest is taken as the hub has it. Models lie in $CIR_MODELS, else in\n"
        "$XDG_CACHE_HOME/cir/models, else in ~/.cache/cir/models. --model takes the name of an installed one everywhere.\n",
    .run = run_list,
};

static const cir__flag no_flags[] = {{0}};

static int run_model(const cir__arguments *arguments)
{
    return cir__arguments_refuse(arguments, "name a subcommand: list, pull NAME or check DIR");
}

const cir__command cir__command_model = {
    .name = "model",
    .synopsis = "list | pull NAME | check DIR",
    .summary = "models: list those known by name, fetch one, check one",
    .flags = no_flags,
    .notes = "More: cir model list --help, cir model pull --help, cir model check --help\n",
    .run = run_model,
};
