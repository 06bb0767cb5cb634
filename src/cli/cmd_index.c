/* cir index: creates or updates an index of photos. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/session.h"

static const cir__flag flags[] = {
    {"output", 'o', "INDEX", "the index to create or update, a folder NAME.cir"},
    {"model", 0, "MODEL", "a model folder, or \"demo\" (default: the index' own, else demo)"},
    {"precision", 0, "f32|bf16|int8",
     "of the encoder's products (default: bf16 where the processor has it, f32 with the demo encoder)"},
    {"batch", 0, "N", "pictures encoded together (default 16)"},
    {"max-megapixels", 0, "N", "refuse larger pictures (default 512)"},
    {"no-exif-rotation", 0, NULL, "leave EXIF orientations unapplied, as the reference code does"},
    {"retry-failed", 0, NULL, "try again what could not be read and has not changed since"},
    {"json", 0, NULL, "print what was done as JSON"},
    {0},
};

static bool watch(void *context, const cir_update_progress *now)
{
    cir__progress *progress = context;
    if (now->failed_path != NULL) {
        cir__progress_clear(progress);
        if (!progress->is_quiet)
            fprintf(stderr, "cir: %s\n", now->failed_reason);
    }
    char note[64] = "";
    if (now->n_failed > 0)
        snprintf(note, sizeof note, "%zu failed", now->n_failed);
    cir__progress_draw(progress, now->n_done, now->n_found, now->n_encoded,
                       now->is_walking   ? "still listing folders"
                       : note[0] != '\0' ? note
                                         : NULL);
    return !cir__session_is_interrupted();
}

static void print_result(const cir__arguments *arguments, const cir_update_progress *result, double seconds,
                         const char *index_path)
{
    if (cir__arguments_has(arguments, "json")) {
        printf("{\"found\": %zu, \"encoded\": %zu, \"unchanged\": %zu, \"failed\": %zu, \"vanished\": %zu, "
               "\"seconds\": %.3f}\n",
               result->n_found, result->n_encoded, result->n_unchanged, result->n_failed, result->n_vanished,
               seconds);
        return;
    }
    char encoded[32];
    char unchanged[32];
    char failed[32];
    char vanished[32];
    printf("%s: %s encoded, %s unchanged, %s failed, %s vanished in %.1f s", index_path,
           cir__count_text(result->n_encoded, encoded), cir__count_text(result->n_unchanged, unchanged),
           cir__count_text(result->n_failed, failed), cir__count_text(result->n_vanished, vanished), seconds);
    if (result->n_encoded > 0 && seconds > 0)
        printf(" (%.1f photos/s)", (double)result->n_encoded / seconds);
    printf("\n");
    if (result->n_failed > 0)
        printf("what failed and why: cir info %s --failed\n", index_path);
}

/* The path of the model that an existing index was made with; false when there is no index yet. */
static bool find_model_of_index(const char *index_path, char path_out[4096])
{
    cir_index *index;
    if (cir_index_open(index_path, NULL, &index, NULL) != CIR_OK)
        return false;
    const cir_index_info *info = cir_index_get_info(index);
    bool is_found = info->n_models > 0 && strlen(info->models[0].path) < 4096;
    if (is_found)
        strcpy(path_out, info->models[0].path);
    cir_index_close(index);
    return is_found;
}

/* Encodes the method's corpora now, so that the first search need not: with a large model that takes a while.
 * What fails here fails there again, with its message, so it is passed over in silence. */
static void prepare_search(const char *index_path, const cir_model *model, cir_pool *pool)
{
    cir_index *index = NULL;
    cir_composer *composer = NULL;
    cir_settings settings;
    cir_settings_init(&settings, CIR_METHOD_BASIC_MINUS);
    if (cir_index_open(index_path, cir_model_get_info(model)->fingerprint, &index, NULL) == CIR_OK &&
        cir_index_get_info(index)->n_ready > 0 &&
        cir_composer_new(index, model, pool, CIR_METHOD_BASIC_MINUS, &settings, &composer, NULL) == CIR_OK)
        cir_composer_free(composer);
    cir_index_close(index);
}

static int run(const cir__arguments *arguments)
{
    const char *index_path = cir__arguments_get(arguments, "output");
    size_t n_paths = cir__arguments_n_operands(arguments);
    if (index_path == NULL)
        return cir__arguments_refuse(arguments, "-o INDEX is missing");
    if (n_paths == 0)
        return cir__arguments_refuse(arguments, "a folder of photos is missing");
    cir__progress progress;
    cir_update_options options = {
        .image.ignores_exif_rotation = cir__arguments_has(arguments, "no-exif-rotation"),
        .retries_failed = cir__arguments_has(arguments, "retry-failed"),
        .watch = watch,
        .watch_context = &progress,
    };
    if (!cir__arguments_count(arguments, "batch", 1, 1024, &options.batch) ||
        !cir__arguments_count(arguments, "max-megapixels", 1, 100000, &options.image.max_megapixels))
        return CIR__USAGE;

    cir_pool *pool = NULL;
    cir_model *model = NULL;
    char model_path[4096];
    bool has_model = find_model_of_index(index_path, model_path);
    int status = cir__session_open_pool(arguments, &pool);
    if (status == CIR__DONE)
        status =
            cir__session_open_model(arguments, has_model ? model_path : NULL, CIR_PRECISION_AUTO, &model);
    if (status == CIR__DONE) {
        cir__session_catch_interrupts();
        cir__progress_init(&progress, arguments, "indexing");
        cir_error err;
        cir_update_progress result;
        cir_status updated = cir_index_update(index_path, cir__arguments_operands(arguments), n_paths, model,
                                              pool, &options, &result, &err);
        cir__progress_clear(&progress);
        if (updated != CIR_OK)
            status = cir__session_fail(&err);
        else {
            double seconds = cir__session_seconds() - progress.started;
            prepare_search(index_path, model, pool);
            print_result(arguments, &result, seconds, index_path);
        }
    }
    cir_model_close(model);
    cir_pool_free(pool);
    return status;
}

const cir__command cir__command_index = {
    .name = "index",
    .synopsis = "PATH... -o INDEX [options]",
    .summary = "create or update an index of photos",
    .flags = flags,
    .notes = "New and changed photos are encoded, moved ones are recognised, vanished ones are marked. A "
             "photo that\n"
             "cannot be read is recorded and never stops the run. Interrupt it as you like: what was "
             "committed is\n"
             "kept, and the next run continues.\n\n"
             "Examples:\n"
             "  cir index ~/Pictures -o photos.cir --model ~/models/clip-vit-large-patch14\n"
             "  cir index ~/Pictures -o photos.cir          update it later, with the same model\n",
    .run = run,
};
