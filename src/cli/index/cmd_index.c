/* cir index: creates or updates an index of photos. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/common/summary.h"
#include "cli/common/terminal_text.h"
#include "cli/decode/decoding.h"
#include "server/common/thumbnail_store.h"
#include "shared/clock.h"

static const cir__flag flags[] = {
    {"output", 'o', "INDEX", "the index to create or update, a folder NAME.cir"},
    {"model", 0, "MODEL ...", "a model's folder or name, or \"demo\" (default: the index' own, else demo)"},
    {"precision", 0, "auto|fast|f32|bf16|int8",
     "of the encoder's matrix products (default auto: the fastest that keeps the features; cir info MODEL "
     "says which)"},
    {"batch", 0, "N", "pictures encoded together (default 16)"},
    {"max-megapixels", 0, "N", "refuse larger pictures (default 512)"},
    CIR__DECODING_FLAGS("2048"),
    {"codes-from", 0, "N", "build compact codes (faster search) once there are N photos (default 100000)"},
    {"exact-decode", 0, NULL, "decode JPEGs whole: features are bit-exact with the reference's"},
    {"no-exif-rotation", 0, NULL, "ignore EXIF orientations, as the reference code does"},
    {"retry-failed", 0, NULL, "retry files that could not be read and have not changed"},
    {"reread", 0, NULL, "read every photo again, even if its size and times are unchanged"},
    {"forget", 0, "PATH ...", "remove a folder or photo from the index, and exclude it from now on"},
    {"exclude", 0, "GLOB ...",
     "exclude names that match, or paths below PATH if GLOB has a slash; remembered for later updates ('' "
     "clears)"},
    {"hidden", 0, NULL, "include hidden folders, thumbnails and trash; remembered for later updates"},
    {"no-hidden", 0, NULL, "exclude them again"},
    {"json", 0, NULL, "print what was done as JSON"},
    {"trust", 0, NULL, "trust an index that belongs to another user or names folders elsewhere"},
    {0},
};

static bool watch(void *context, const cir_update_progress *now)
{
    cir__progress *progress = context;
    if (now->n_to_code > 0) {
        if (strcmp(progress->verb, "coding") != 0) {
            progress->verb = "coding";
            progress->started = cir__clock_seconds();
        }
        cir__progress_draw(progress, now->n_coded, now->n_to_code, now->n_coded, NULL);
        return !cir__session_is_interrupted();
    }
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
    if (cir__arguments_has(arguments, "json"))
        cir__json_print(cir__summary_json(result, seconds));
    else
        cir__summary_print(index_path, result, seconds);
}

#define MAX_MODELS 16     /* of one update */
#define MAX_PATTERNS 1000 /* of --exclude */

/* What an update is made of, released in one place. */
typedef struct indexing {
    const cir__arguments *arguments;
    const char *index_path;
    const char *const *paths; /* [n_paths]: as given, or else roots */
    size_t n_paths;
    char **roots; /* [n_roots] of the index; those that are there are the first n_paths */
    size_t n_roots;
    cir_pool *pool;
    cir__decoding decoding;
    cir_index *before; /* the index as it was; NULL: there was none */
    cir_model *models[MAX_MODELS];
    size_t n_models;
    const char *patterns[MAX_PATTERNS];
} indexing;

static void release(indexing *self)
{
    for (size_t i = 0; i < self->n_models; i++)
        cir_model_close(self->models[i]);
    cir_paths_free(self->roots, self->n_roots);
    cir_index_close(self->before);
    cir__decoding_close(&self->decoding);
    cir_pool_free(self->pool);
}

static bool is_index(const char *path)
{
    char catalogue[4096];
    int n = snprintf(catalogue, sizeof catalogue, "%s/catalogue.sqlite", path);
    return n > 0 && (size_t)n < sizeof catalogue && access(catalogue, F_OK) == 0;
}

/* What is missing is said before anything else is. */
static int check_paths(const indexing *self)
{
    struct stat facts;
    for (size_t i = 0; i < self->n_paths; i++)
        if (stat(self->paths[i], &facts) != 0) {
            fprintf(stderr, "cir: %s: cannot be opened: %s; name a folder or file that is there\n",
                    self->paths[i], strerror(errno));
            return CIR__FAILED;
        }
    return CIR__DONE;
}

/* What --forget names leaves the index, and nothing is walked. */
static int forget(const indexing *self, const cir_update_options *options)
{
    cir_error err;
    const char *path;
    size_t n_all = 0;
    for (size_t i = 0; (path = cir__arguments_next(self->arguments, "forget", &i)) != NULL;) {
        size_t n;
        if (cir_index_forget(self->index_path, path, options->is_trusted, &n, &err) != CIR_OK)
            return cir__session_fail(&err);
        n_all += n;
    }
    cir__thumbnail_store_remove(self->index_path);
    if (cir_index_update_codes(self->index_path, self->pool, options, &err) != CIR_OK)
        return cir__session_fail(&err);
    if (cir__arguments_has(self->arguments, "json"))
        cir__json_print(json_pack("{s:I}", "forgotten", (json_int_t)n_all));
    else
        printf("%s: %zu photo%s forgotten\n", self->index_path, n_all, n_all == 1 ? "" : "s");
    return CIR__DONE;
}

static int read_choices(indexing *self, cir_update_options *options)
{
    const cir__arguments *arguments = self->arguments;
    const char *pattern;
    if (cir__arguments_has(arguments, "hidden") && cir__arguments_has(arguments, "no-hidden"))
        return cir__arguments_refuse(arguments, "--hidden and --no-hidden contradict each other");
    options->reread = cir__arguments_has(arguments, "reread");
    options->hidden = cir__arguments_has(arguments, "hidden")      ? CIR_HIDDEN_TAKEN
                      : cir__arguments_has(arguments, "no-hidden") ? CIR_HIDDEN_LEFT_OUT
                                                                   : CIR_HIDDEN_AS_BEFORE;
    for (size_t i = 0; (pattern = cir__arguments_next(arguments, "exclude", &i)) != NULL;) {
        if (options->n_excluded == MAX_PATTERNS)
            return cir__arguments_refuse(arguments, "--exclude: at most %d patterns", MAX_PATTERNS);
        options->excluded = self->patterns;
        if (pattern[0] != '\0')
            self->patterns[options->n_excluded++] = pattern;
    }
    return CIR__DONE;
}

static void say_left_alone(const indexing *self, const char *root, bool is_there)
{
    char *text = cir__terminal_text_new(root);
    const char *shown = text != NULL ? text : "";
    if (is_there)
        fprintf(
            stderr,
            "cir: %s: is named by the index, but you never added it; its photos stay as they are; to index "
            "and show them: cir index %s -o %s\n",
            shown, shown, self->index_path);
    else
        fprintf(stderr, "cir: %s: is missing now; its photos stay as they are\n", shown);
    free(text);
}

/* Without folders, those that the index was made of; what is not there now, as a drive that is not mounted,
 * is left alone, and so is what the index names and its user never gave to it. */
static int choose_paths(indexing *self)
{
    cir_error err;
    int status =
        self->before != NULL ? cir__session_check_encodable(cir_index_get_info(self->before)) : CIR__DONE;
    if (status != CIR__DONE || self->n_paths > 0)
        return status;
    if (self->before == NULL)
        return cir__arguments_refuse(self->arguments, "%s is not an index yet: a folder of photos is missing",
                                     self->index_path);
    if (cir_index_list_roots(self->before, &self->roots, &self->n_roots, &err) != CIR_OK)
        return cir__session_fail(&err);
    for (size_t i = 0; i < self->n_roots; i++) {
        char *root = self->roots[i];
        const bool is_there = access(root, F_OK) == 0;
        if (!is_there || !cir_index_is_path_confirmed(self->before, root)) {
            say_left_alone(self, root, is_there);
            continue;
        }
        self->roots[i] = self->roots[self->n_paths];
        self->roots[self->n_paths++] = root;
    }
    self->paths = (const char *const *)self->roots;
    if (self->n_paths > 0)
        return CIR__DONE;
    fprintf(stderr,
            "cir: %s: none of the folders it was made from can be read; name them: cir index FOLDER -o %s\n",
            self->index_path, self->index_path);
    return CIR__FAILED;
}

static int open_one(indexing *self, const char *path)
{
    cir_model *model = NULL;
    if (self->n_models == MAX_MODELS)
        return cir__arguments_refuse(self->arguments, "--model: at most %d at once", MAX_MODELS);
    int status = cir__session_open_model_at(self->arguments, path, CIR_PRECISION_AUTO, &model);
    if (status == CIR__DONE)
        self->models[self->n_models++] = model;
    return status;
}

/* Those named, else all that the index has, else the embedded one. */
static int open_models(indexing *self)
{
    int status = CIR__DONE;
    const char *path;
    for (size_t i = 0;
         status == CIR__DONE && (path = cir__arguments_next(self->arguments, "model", &i)) != NULL;)
        status = open_one(self, path);
    if (status != CIR__DONE || self->n_models > 0)
        return status;
    const cir_index_info *info = self->before != NULL ? cir_index_get_info(self->before) : NULL;
    for (size_t i = 0; status == CIR__DONE && info != NULL && i < info->n_models; i++) {
        status = open_one(self, info->models[i].path);
        if (status != CIR__DONE)
            fprintf(
                stderr,
                "cir: %s has features of %s; name the models to update, and their folders, with --model\n",
                self->index_path, info->models[i].name);
    }
    return status == CIR__DONE && self->n_models == 0 ? open_one(self, NULL) : status;
}

/* Encodes the method's corpora now, so that the first search need not: with a large model that takes a while.
 * What fails here fails there again, with its message, so it is passed over in silence. */
static void prepare_search(const indexing *self, const cir_model *model)
{
    cir_index *index = NULL;
    cir_composer *composer = NULL;
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_DEFAULT);
    if (cir__session_open_index(self->arguments, self->index_path, cir_model_get_info(model)->fingerprint,
                                &index, NULL) == CIR_OK &&
        cir_index_get_info(index)->n_ready > 0 &&
        cir_composer_new(index, model, self->pool, CIR_METHOD_DEFAULT, &settings, &composer, NULL) == CIR_OK)
        cir_composer_free(composer);
    cir_index_close(index);
}

static int update(indexing *self, const cir_update_options *options)
{
    cir__progress progress;
    cir_error err;
    cir_update_progress result;
    cir_update_options watched = *options;
    watched.watch = watch;
    watched.watch_context = &progress;
    cir__session_catch_interrupts();
    cir__progress_init(&progress, self->arguments, "indexing");
    const double started = progress.started; /* coding starts the progress anew */
    cir_status updated =
        cir_index_update(self->index_path, self->paths, self->n_paths, (const cir_model *const *)self->models,
                         self->n_models, self->pool, &watched, &result, &err);
    cir__progress_clear(&progress);
    if (updated != CIR_OK)
        return cir__session_fail(&err);
    double seconds = cir__clock_seconds() - started;
    for (size_t i = 0; i < self->n_models; i++)
        prepare_search(self, self->models[i]);
    if (result.n_unconfirmed > 0)
        fprintf(stderr,
                "cir: the folders that you added to %s cannot be recorded in your configuration "
                "(XDG_CONFIG_HOME or HOME); their photos are shown and updated only with --trust\n",
                self->index_path);
    print_result(self->arguments, &result, seconds, self->index_path);
    return CIR__DONE;
}

static int run(const cir__arguments *arguments)
{
    indexing self = {
        .arguments = arguments,
        .index_path = cir__arguments_get(arguments, "output"),
        .paths = cir__arguments_operands(arguments),
        .n_paths = cir__arguments_n_operands(arguments),
    };
    cir_image_options image = {
        .size = sizeof image,
        .ignore_exif_rotation = cir__arguments_has(arguments, "no-exif-rotation"),
        .allow_shrinking = !cir__arguments_has(arguments, "exact-decode"),
    };
    cir_update_options options = {
        .size = sizeof options,
        .image = &image,
        .retry_failed = cir__arguments_has(arguments, "retry-failed"),
    };
    if (self.index_path == NULL && self.n_paths == 1 && is_index(self.paths[0])) {
        self.index_path = self.paths[0];
        self.n_paths = 0;
    }
    if (self.index_path == NULL)
        return cir__arguments_refuse(arguments, "-o INDEX is missing");
    if (!cir__arguments_count(arguments, "batch", 1, 1024, &options.batch) ||
        !cir__arguments_count(arguments, "max-megapixels", 1, 100000, &image.max_megapixels) ||
        !cir__arguments_count(arguments, "codes-from", 1, SIZE_MAX / 2, &options.min_coded))
        return CIR__USAGE;
    int status = read_choices(&self, &options);
    cir_precision precision;
    if (status == CIR__DONE)
        status = cir__session_read_precision(arguments, CIR_PRECISION_AUTO, &precision);
    if (status == CIR__DONE)
        status = cir__session_open_pool(arguments, &self.pool);
    if (status == CIR__DONE)
        status = cir__decoding_open(arguments, cir_pool_get_n_threads(self.pool), 2048, &self.decoding);
    image.decoder = self.decoding.decoder;
    if (status == CIR__DONE)
        status = check_paths(&self);
    if (status != CIR__DONE) {
        release(&self);
        return status;
    }
    /* What cannot be opened is found out by the update, which says what to do. */
    options.is_trusted = cir__arguments_has(arguments, "trust");
    if (cir__arguments_has(arguments, "forget")) {
        status = self.n_paths == 0 ? forget(&self, &options)
                                   : cir__arguments_refuse(arguments, "--forget takes no folders to index");
        release(&self);
        return status;
    }
    cir_error err;
    cir_status opened = cir__session_open_index(arguments, self.index_path, NULL, &self.before, &err);
    if (opened != CIR_OK)
        self.before = NULL;
    /* An index that is there and damaged has no folders to tell. */
    if (opened == CIR_PERMISSION || (opened != CIR_OK && opened != CIR_NOT_FOUND && self.n_paths == 0)) {
        release(&self);
        return cir__session_fail(&err);
    }
    status = choose_paths(&self);
    if (status == CIR__DONE)
        status = open_models(&self);
    cir_index_close(self.before);
    self.before = NULL;
    if (status == CIR__DONE)
        status = update(&self, &options);
    release(&self);
    return status;
}

const cir__command cir__command_index = {
    .name = "index",
    .synopsis = "[PATH...] -o INDEX [options]",
    .summary = "create or update an index of photos",
    .flags = flags,
    .notes =
        "New and changed photos are encoded, moved ones are recognised, vanished ones are marked. A photo that\n"
        "cannot be read is recorded and never stops the run. Interrupt it as you like: what was committed is\n"
        "kept, and the next run continues. Without PATH the folders that the index was made of are looked through.\n"
        "Hidden folders and files, thumbnails and trash of network drives (@eaDir, #recycle …), and folders that hold\n"
        ".nomedia are left out unless given as PATH or asked for; so are links that lead out of the given folders.\n"
        "An index holds features of several models, and cir search --model chooses; with several each photo is\n"
        "decoded once. Large JPEGs are decoded at a reduced scale of at least four times what the models take, which\n"
        "changes features by a cosine of less than 0.001, unless --exact-decode is given.\n"
        "\n"
        "Examples:\n"
        "  cir index ~/Pictures -o photos.cir --model ~/models/clip-vit-large-patch14\n"
        "  cir index ~/Pictures -o photos.cir          update it later, with the same models\n"
        "  cir index photos.cir                        the same\n"
        "  cir index photos.cir --model siglip         add the features of another model\n"
        "  cir index ~/Pictures -o photos.cir --model clip --model siglip\n",
    .run = run,
};
