/* cir model check DIR: proves a model's files, and measures what its features lose in bf16 and int8. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cli/common/commands.h"
#include "cli/common/digest.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/models/model_folder.h"
#include "cli/models/precision_text.h"
#include "server/common/known_models.h"

#define PATH_SIZE CIR__MODEL_PATH_SIZE

/* Cosines below these are said to be a loss: neighbours change places. */
#define LEAST_BF16 0.999
#define LEAST_INT8 0.99

static const cir__flag flags[] = {{"json", 0, NULL, "print one JSON document"}, {0}};

/* Compares the files with SHA256SUMS, where there is one: *n_out files; -1: there is none. */
static int check_sums(const char *folder, int *n_out)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    char found[CIR__DIGEST_TEXT_SIZE];
    *n_out = -1;
    if (snprintf(path, sizeof path, "%s/" CIR__MODEL_SUMS, folder) >= (int)sizeof path)
        return cir__model_say("%s: the path is too long", folder);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return errno == ENOENT ? CIR__DONE : cir__model_say("%s: cannot be read: %s", path, strerror(errno));
    int status = CIR__DONE;
    int n = 0;
    for (; status == CIR__DONE && fgets(line, sizeof line, file) != NULL; n++) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!cir__digest_is(line, 64) || line[64] != ' ' || strlen(line) < 67 ||
            strchr(line + 66, '/') != NULL)
            status =
                cir__model_say("%s: line %d is not a checksum and name; fetch the model again", path, n + 1);
        else if (snprintf(path, sizeof path, "%.2000s/%.1000s", folder, line + 66) >= (int)sizeof path ||
                 !cir__digest_file(path, false, found))
            status = cir__model_say("%s: cannot be read: %s; fetch the model again", path, strerror(errno));
        else if (strncmp(found, line, 64) != 0)
            status = cir__model_say(
                "%s: its checksum is %s, it was %.64s when it was fetched; fetch the model again", path,
                found, line);
    }
    fclose(file);
    *n_out = n;
    return status;
}

/* Files without SHA256SUMS under a known name, put there by hand: whether they are the known ones. A
 * converted or further trained model is no fault. *n_out: how many were compared; -1: nothing is known of
 * them. */
static int check_known(const cir_model_info *info, int *n_out, const char **other_out)
{
    const cir__known_model *known = cir__known_model_find(info->name);
    *n_out = -1;
    *other_out = NULL;
    if (known == NULL || !cir__known_model_is_pinned(known))
        return CIR__DONE;
    *n_out = 0;
    for (const cir__known_file *file = known->files; file->name != NULL; file++) {
        if (file->sha256 == NULL)
            continue;
        char path[PATH_SIZE];
        char found[CIR__DIGEST_TEXT_SIZE];
        if (snprintf(path, sizeof path, "%s/%s", info->path, file->name) >= (int)sizeof path)
            return cir__model_say("%s: the path is too long", info->path);
        if (!cir__digest_file(path, false, found)) {
            if (errno != ENOENT)
                return cir__model_say("%s: cannot be read: %s", path, strerror(errno));
            continue; /* not every model needs every file */
        }
        ++*n_out;
        if (strcmp(found, file->sha256) != 0)
            *other_out = file->name;
    }
    return CIR__DONE;
}

static bool goes_on(void)
{
    return !cir__session_is_interrupted();
}

static double least_of(cir_precision precision)
{
    return precision == CIR_PRECISION_INT8 ? LEAST_INT8 : LEAST_BF16;
}

static bool is_lossy(const cir_precision_facts *facts)
{
    double least = least_of(facts->precision);
    return facts->is_supported && (facts->worst_image < least || facts->worst_text < least);
}

/* facts: f32, which loses nothing, bf16, int8. */
static void print_losses(const cir_precision_facts *facts, const cir_precision_choice *choice)
{
    printf("\ncosines to the features in f32, of %d drawn pictures and %d texts:\n%-10s %12s %8s %12s %8s\n",
           CIR_PRECISION_CHECK_N_IMAGES, CIR_PRECISION_CHECK_N_TEXTS, "precision", "pictures min", "median",
           "texts min", "median");
    for (size_t i = 1; i < CIR_N_PRECISIONS; i++) {
        const char *name = cir_precision_name(facts[i].precision);
        if (facts[i].is_supported)
            printf("%-10s %12.5f %8.5f %12.5f %8.5f\n", name, facts[i].worst_image, facts[i].median_image,
                   facts[i].worst_text, facts[i].median_text);
        else
            printf("%-10s this processor has no instructions for it\n", name);
    }
    for (size_t i = 1; i < CIR_N_PRECISIONS; i++)
        if (is_lossy(&facts[i]))
            printf("%s changes these weights' features much (below %g); use --precision %s\n",
                   cir_precision_name(facts[i].precision), least_of(facts[i].precision),
                   facts[i].precision == CIR_PRECISION_INT8 && facts[1].is_supported && !is_lossy(&facts[1])
                       ? "bf16 or f32"
                       : "f32");
    printf("\n");
    cir__precision_print(choice);
}

static json_t *loss_json(const cir_precision_facts *facts, const cir_precision_choice *choice)
{
    json_t *object =
        json_pack("{s:s, s:b, s:b}", "precision", cir_precision_name(facts->precision), "supported",
                  facts->is_supported, "default", choice->chosen == facts->precision);
    if (!facts->is_supported)
        return object;
    json_object_set_new(object, "images",
                        json_pack("{s:f, s:f}", "min", facts->worst_image, "median", facts->median_image));
    json_object_set_new(object, "texts",
                        json_pack("{s:f, s:f}", "min", facts->worst_text, "median", facts->median_text));
    json_object_set_new(object, "lossy", json_boolean(is_lossy(facts)));
    return object;
}

/* What was found out about the files. */
typedef struct files_found {
    int n_proved;      /* by SHA256SUMS; -1: there is none */
    int n_known;       /* compared with the known ones; -1: nothing is known of them */
    const char *other; /* one that is not the known one; NULL: all are */
} files_found;

static void print_json(const cir_model_info *info, const files_found *files, const cir_precision_facts *facts,
                       const cir_precision_choice *choice)
{
    json_t *precisions = json_array();
    for (size_t i = 1; i < CIR_N_PRECISIONS; i++)
        json_array_append_new(precisions, loss_json(&facts[i], choice));
    cir__json_print(
        json_pack("{s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:o}", "model", cir__json_text(info->name), "path",
                  cir__json_text(info->path), "n_files_proved",
                  files->n_proved >= 0 ? json_integer(files->n_proved) : json_null(), "are_known_files",
                  files->n_known > 0 ? json_boolean(files->other == NULL) : json_null(), "n_images",
                  CIR_PRECISION_CHECK_N_IMAGES, "n_texts", CIR_PRECISION_CHECK_N_TEXTS, "precisions",
                  precisions, "precision_choice", cir__precision_json(choice)));
}

static void print_text(const cir_model_info *info, const files_found *files, const cir_precision_facts *facts,
                       const cir_precision_choice *choice)
{
    if (files->n_proved >= 0)
        printf("%s: %d files have the checksums that they were fetched with\n", info->path, files->n_proved);
    else if (files->n_known > 0 && files->other == NULL)
        printf("%s: %d files have the checksums that are known for this name\n", info->path, files->n_known);
    else if (files->n_known > 0)
        printf("%s: %s is not the file that is known by this name: converted, trained further or damaged\n",
               info->path, files->other);
    else if (strcmp(info->path, CIR_MODEL_DEMO) != 0)
        printf("%s: has no " CIR__MODEL_SUMS ", so its bytes cannot be verified\n", info->path);
    printf("%s: all tensors are there, and it encodes pictures and texts\n", info->name);
    print_losses(facts, choice);
}

static int run(const cir__arguments *arguments)
{
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one model");
    cir_error err;
    cir_model *model;
    cir_pool *pool = NULL;
    files_found files = {-1, -1, NULL};
    cir_precision_facts facts[CIR_N_PRECISIONS];
    int status = cir__session_open_pool(arguments, &pool);
    if (status != CIR__DONE)
        return status;
    if (cir__known_model_open(cir__arguments_operands(arguments)[0], NULL, &model, &err) != CIR_OK) {
        cir_pool_free(pool);
        return cir__session_fail(&err);
    }
    const cir_model_info *info = cir_model_get_info(model);
    cir__session_catch_interrupts();
    if (strcmp(info->path, CIR_MODEL_DEMO) != 0)
        status = check_sums(info->path, &files.n_proved);
    if (status == CIR__DONE && files.n_proved < 0)
        status = check_known(info, &files.n_known, &files.other);
    if (status == CIR__DONE && cir_model_check_precisions(model, pool, goes_on, facts, &err) != CIR_OK)
        status = cir__session_fail(&err);
    if (status == CIR__DONE && cir__arguments_has(arguments, "json"))
        print_json(info, &files, facts, cir_model_get_precision_choice(model));
    else if (status == CIR__DONE)
        print_text(info, &files, facts, cir_model_get_precision_choice(model));
    cir_model_close(model);
    cir_pool_free(pool);
    return status;
}

const cir__command cir__command_model_check = {
    .name = "model check",
    .synopsis = "DIR | NAME [options]",
    .summary = "verify a model's files, that it encodes, and what bf16 and int8 lose",
    .flags = flags,
    .notes =
        "Compares the files with the checksums in SHA256SUMS, where the folder has them (cir model pull notes them), else\n"
        "with those that are known for the folder's name; and bf16's and int8's features of a few drawn "
        "pictures and fixed\n"
        "texts with f32's: how much is lost depends on the weights. Says which precision is the default here, and why.\n",
    .run = run,
};
